"""Schedulers and buffers of the plain-Python controller: which request a bank serves next.

After DRAMSys v4.0 (tukl-msd/DRAMSys, 7925e4a5e83b). Every queue is a list in order of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.reference_timing import Place

__all__ = ["SCHEDULERS", "Buffer", "Request", "Scheduler"]


@dataclass(eq=False)
class Request:
    """A request on its way through the system.

    Attributes
    ----------
    index : int
        Position in the trace.
    earliest : int
        Its time in the trace, in cycles.
    address : int
        Aligned to the burst.
    identity : int
        Order of acceptance by the controller, from 1.
    arrival, finish : int
        Cycle at the arbiter, and of the response at the initiator.
    """

    index: int
    earliest: int
    address: int
    is_write: bool
    place: Place
    row: int
    column: int
    identity: int = 0
    arrival: int = 0
    finish: int = 0


class Buffer:
    """Counts the requests between acceptance and their CAS."""

    def __init__(self, config: ControllerConfig, banks: int) -> None:
        self.kind = config.scheduler_buffer
        self.size = config.request_buffer_size
        self.of_bank = [0] * banks
        self.reads = 0
        self.writes = 0
        self.last_bank = 0

    def has_space(self) -> bool:
        """Whether one more request fits; per bank, that of the last request stored counts."""
        if self.kind == "Bankwise":
            return self.of_bank[self.last_bank] < self.size
        if self.kind == "ReadWrite":
            return self.reads < self.size and self.writes < self.size
        return self.reads + self.writes < self.size

    def store(self, request: Request) -> None:
        """Count a request."""
        self.last_bank = request.place.bank
        self._count(request, 1)

    def remove(self, request: Request) -> None:
        """Count a request no longer."""
        self._count(request, -1)

    def _count(self, request: Request, step: int) -> None:
        self.of_bank[request.place.bank] += step
        if request.is_write:
            self.writes += step
        else:
            self.reads += step


class Scheduler:
    """First come, first served in each bank; the base of the others.

    Parameters
    ----------
    config : ControllerConfig
    banks : int
    """

    def __init__(self, config: ControllerConfig, banks: int) -> None:
        self.buffer = Buffer(config, banks)
        self.high = config.high_watermark
        self.low = config.low_watermark
        self.queues: list[list[Request]] = [[] for _ in range(banks)]
        self.writing = False  # direction of the last CAS

    def store(self, request: Request) -> None:
        """Take a request in."""
        self.queues[request.place.bank].append(request)
        self.buffer.store(request)

    def remove(self, request: Request) -> None:
        """Forget a request whose CAS issues."""
        self.queues[request.place.bank].remove(request)
        self.buffer.remove(request)
        self.writing = request.is_write

    def next_request(self, bank: int, open_row: int | None) -> Request | None:
        """Return the request that a bank serves next; `open_row` is None in a closed bank."""
        queue = self.queues[bank]
        return queue[0] if queue else None

    def has_further_request(self, current: Request) -> bool:
        """Whether the bank holds another request beside the current one."""
        return len(self._visible(current)) >= 2

    def has_further_hit(self, current: Request, open_row: int) -> bool:
        """Whether another request beside the current one hits the open row."""
        queue = self._visible(current)
        return len(queue) >= 2 and queue[1].row == open_row

    def _visible(self, current: Request) -> list[Request]:
        """Return the queue in which further requests count."""
        return self.queues[current.place.bank]


class FrFcfs(Scheduler):
    """The oldest hit to the open row, else the oldest request."""

    def next_request(self, bank: int, open_row: int | None) -> Request | None:
        return _hit_or_head(self.queues[bank], open_row)

    def has_further_hit(self, current: Request, open_row: int) -> bool:
        return len(_hits(self._visible(current), open_row)) >= 2


class FrFcfsGrp(FrFcfs):
    """Of the hits the oldest in the direction of the last CAS, unless its address has an older."""

    def next_request(self, bank: int, open_row: int | None) -> Request | None:
        hits = _hits(self.queues[bank], open_row)
        for number, request in enumerate(hits):
            older = {other.address for other in hits[:number]}
            if request.is_write == self.writing and request.address not in older:
                return request
        return _hit_or_head(self.queues[bank], open_row)


class GrpFrFcfs(FrFcfs):
    """In each bank the direction of the last CAS first."""

    def next_request(self, bank: int, open_row: int | None) -> Request | None:
        first = self._directed(bank, self.writing)
        return _hit_or_head(first or self._directed(bank, not self.writing), open_row)

    def _directed(self, bank: int, writes: bool) -> list[Request]:
        return [request for request in self.queues[bank] if request.is_write == writes]

    def _visible(self, current: Request) -> list[Request]:
        return self._directed(current.place.bank, current.is_write)


class GrpFrFcfsWm(GrpFrFcfs):
    """Only one direction in all banks, changed by watermarks on the buffered writes."""

    write_mode = False

    def store(self, request: Request) -> None:
        super().store(request)
        self._choose_mode()

    def remove(self, request: Request) -> None:
        super().remove(request)
        self._choose_mode()

    def _choose_mode(self) -> None:
        reads, writes = self.buffer.reads, self.buffer.writes
        if self.write_mode:
            self.write_mode = not (writes <= self.low and reads > 0)
        else:
            self.write_mode = writes > self.high or reads == 0

    def next_request(self, bank: int, open_row: int | None) -> Request | None:
        return _hit_or_head(self._directed(bank, self.write_mode), open_row)

    def _visible(self, current: Request) -> list[Request]:
        return self._directed(current.place.bank, self.write_mode)


def _hits(queue: list[Request], open_row: int | None) -> list[Request]:
    return [request for request in queue if request.row == open_row]


def _hit_or_head(queue: list[Request], open_row: int | None) -> Request | None:
    return next(iter(_hits(queue, open_row) or queue), None)


SCHEDULERS: dict[str, type[Scheduler]] = {
    "Fifo": Scheduler,
    "FrFcfs": FrFcfs,
    "FrFcfsGrp": FrFcfsGrp,
    "GrpFrFcfs": GrpFrFcfs,
    "GrpFrFcfsWm": GrpFrFcfsWm,
}
"""Schedulers by the name that the configuration gives them."""
