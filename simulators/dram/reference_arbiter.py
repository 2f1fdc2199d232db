"""The plain-Python trace player and arbiters, between the trace and the controller.

After DRAMSys v4.0 (tukl-msd/DRAMSys, 7925e4a5e83b): one initiator, one channel. Everything that one
part tells another without delay arrives a step later in the same cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from chipgym.simulators.dram.reference_controller import Controller, Delays
from chipgym.simulators.dram.reference_schedulers import Request

__all__ = ["Arbiter", "ClockedEvents", "Player", "QueuedArbiter", "SimpleArbiter"]


class ClockedEvents(Protocol):
    """What the parts need of the event queue."""

    now: int

    def after(self, delay: int, action: Callable[..., None], *arguments: Any) -> None:
        """Run an action a number of cycles later; with 0 in the next step of this cycle."""


class Player:
    """Sends the requests of a trace, one at a time, and answers every response at once."""

    def __init__(self, requests: list[Request], events: ClockedEvents) -> None:
        self.requests = requests
        self.events = events
        self.arbiter: Arbiter
        self.sent = 0
        self.served = 0

    def end_request(self) -> None:
        """END_REQ: send the next request, in the next cycle at the earliest."""
        if self.sent < len(self.requests):
            request = self.requests[self.sent]
            self.sent += 1
            delay = max(1, request.earliest - self.events.now)
            self.events.after(delay, self.arbiter.begin_request, request)

    def begin_response(self, request: Request) -> None:
        """BEGIN_RESP: answer with END_RESP."""
        request.finish = self.events.now
        self.served += 1
        self.events.after(0, self.arbiter.end_response, request)


class Arbiter:
    """Passes requests to the controller and responses back; the base of both kinds."""

    def __init__(
        self, player: Player, controller: Controller, events: ClockedEvents, delays: Delays
    ) -> None:
        self.player = player
        self.controller = controller
        self.events = events
        self.forward = delays.arbitration_fw
        self.backward = delays.arbitration_bw

    def begin_request(self, request: Request) -> None:
        """BEGIN_REQ of the player."""
        raise NotImplementedError

    def end_request(self, request: Request) -> None:
        """END_REQ of the controller."""
        raise NotImplementedError

    def begin_response(self, request: Request) -> None:
        """BEGIN_RESP of the controller."""
        raise NotImplementedError

    def end_response(self, request: Request) -> None:
        """END_RESP of the player."""
        raise NotImplementedError

    def _to_controller(self, request: Request, delay: int) -> None:
        self.controller.receive_request(request, self.events.now, delay)

    def _to_player(self, request: Request, delay: int) -> None:
        self.events.after(delay, self.player.begin_response, request)


class SimpleArbiter(Arbiter):
    """Holds the player until the controller has accepted."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.responding = False
        self.responses: list[Request] = []

    def begin_request(self, request: Request) -> None:
        request.arrival = self.events.now
        self._to_controller(request, self.forward)

    def end_request(self, request: Request) -> None:
        self.events.after(0, self.player.end_request)

    def begin_response(self, request: Request) -> None:
        if self.responding:
            self.responses.append(request)
        else:
            self.responding = True
            self._to_player(request, self.backward)

    def end_response(self, request: Request) -> None:
        self.controller.receive_end_response(self.events.now)
        self.responding = bool(self.responses)
        if self.responses:
            self._to_player(self.responses.pop(0), 1 + self.backward)


class QueuedArbiter(Arbiter):
    """Takes in a number of requests itself; returns responses as they come or as admitted."""

    def __init__(self, *parts: Any, limit: int, reorder: bool) -> None:
        super().__init__(*parts)
        self.limit = limit
        self.reorder = reorder
        self.active = 0
        self.outside: Request | None = None
        self.requests: list[Request] = []
        self.requesting = False
        self.last_end_request: int | None = None
        self.responses: list[Request] = []
        self.responding = False
        self.last_end_response: int | None = None
        self.next_index = 0

    def begin_request(self, request: Request) -> None:
        request.arrival = self.events.now
        if self.active < self.limit:
            self.active += 1
            self._admit(request)
        else:
            self.outside = request

    def _admit(self, request: Request) -> None:
        self.events.after(0, self.player.end_request)
        self.events.after(self.forward, self._queue_request, request)

    def _queue_request(self, request: Request) -> None:
        self.requests.append(request)
        if not self.requesting:
            self._send_request(int(self.last_end_request == self.events.now))

    def _send_request(self, delay: int) -> None:
        self.requesting = True
        self._to_controller(self.requests.pop(0), delay)

    def end_request(self, request: Request) -> None:
        self.last_end_request = self.events.now
        self.requesting = False
        if self.requests:
            self._send_request(1)

    def begin_response(self, request: Request) -> None:
        self.controller.receive_end_response(self.events.now)
        self.events.after(self.backward, self._queue_response, request)

    def _queue_response(self, request: Request) -> None:
        self.responses.append(request)
        if not self.responding:
            self._send_response(int(self.last_end_response == self.events.now))

    def _send_response(self, delay: int) -> None:
        """Send the next response that may leave, if there is one."""
        fitting = [r for r in self.responses if not self.reorder or r.index == self.next_index]
        self.responding = bool(fitting)
        if fitting:
            self.responses.remove(fitting[0])
            self.next_index += 1
            self._to_player(fitting[0], delay)

    def end_response(self, request: Request) -> None:
        self.last_end_response = self.events.now
        if self.outside is not None:
            admitted, self.outside = self.outside, None
            self._admit(admitted)
        else:
            self.active -= 1
        self._send_response(1)
