"""A run whose settings change between windows, and what is known of it in mid-run.

`reconfigure` changes the settings of a paused run. Nothing that has happened is touched: requests
stay where they are, open rows stay open, refreshes that are owed stay owed. What the controller has
planned but not done is planned anew, as a controller does whose mode registers are written.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.commands import CAS, NUM_COMMANDS
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.energy import energy_pj
from chipgym.simulators.dram.engine import Run, _lower_config
from chipgym.simulators.dram.rules import check_device
from chipgym.simulators.dram.runtime_kernel import measure_power, replan, run_delivered

__all__ = ["RUNTIME_SETTINGS", "Progress", "Window", "advance", "progress", "reconfigure"]

Ints = npt.NDArray[np.int64]

RUNTIME_SETTINGS: dict[str, int] = {
    "page_policy": at.K_PAGE,
    "scheduler": at.K_SCHEDULER,
    "scheduler_buffer": at.K_BUFFER,
    "request_buffer_size": at.K_BUFFER_SIZE,
    "high_watermark": at.K_HIGH,
    "low_watermark": at.K_LOW,
    "refresh_max_postponed": at.K_POSTPONED,
    "refresh_max_pulledin": at.K_PULLEDIN,
    "power_down_policy": at.K_POWER_DOWN,
}
"""Settings that may change in a run, with their place in the static buffer.

The others may not: commands and responses under way are in the order of the multiplexer, the
response queue and the arbiter, and the delays are those of the wiring.
"""


def reconfigure(run: Run, config: ControllerConfig) -> None:
    """Change the settings of a paused run, from the cycle at which it was paused.

    Parameters
    ----------
    run : Run
        Of one channel, paused by `Run.run` or `advance`, or not yet started. Where nothing changes,
        it goes on with the same bits as without the call.
    config : ControllerConfig
        May differ from the run's in `RUNTIME_SETTINGS`. More requests than a smaller buffer holds
        are kept; ranks that sleep are woken when power-down is switched off; refreshes postponed
        beyond a lower limit are made up as soon as the banks are idle.

    Raises
    ------
    InvalidValueError
        Another setting differs, the device does not take one, or the run is finished. Nothing has
        changed.
    """
    if run.state[at.S_STATUS] == at.DONE:
        raise InvalidValueError("run", "finished", "a run that is not finished")
    changed = [
        spec.name
        for spec in fields(config)
        if getattr(config, spec.name) != getattr(run.config, spec.name)
    ]
    for name in changed:
        if name not in RUNTIME_SETTINGS:
            start = getattr(run.config, name)
            raise InvalidValueError(
                name,
                getattr(config, name),
                f"{start!r}, as at the start: only {', '.join(RUNTIME_SETTINGS)} change in a run",
            )
    if not changed:
        return
    device = run.workload.memory.device
    check_device(config, device)
    lowered = _lower_config(config, device)
    managed = run.static[at.K_POWER_DOWN] != 0
    for name in changed:
        run.static[RUNTIME_SETTINGS[name]] = lowered[RUNTIME_SETTINGS[name]]
    if managed and config.power_down_policy == "NoPowerDown":
        run.static[at.K_POWER_DOWN] = at.WAKING
    instant = _now(run) * at.STEPS
    replan(
        run.static,
        run.state,
        run.workload.requests,
        run.requests,
        instant,
        "power_down_policy" in changed,
    )
    run.config = replace(config)


def _now(run: Run) -> int:
    """Return the first cycle of which nothing is simulated yet."""
    if run.state[at.S_STATUS] == at.PAUSED:
        return int(run.state[at.S_PAUSE]) // at.STEPS
    return int(run.state[at.S_FINISH]) // at.STEPS if run.state[at.S_STATUS] == at.DONE else 0


def advance(run: Run, delivered: int) -> bool:
    """Simulate until so many requests have been answered in all; return whether it is finished.

    The run pauses at the end of the cycle in which the last of them is.

    Raises
    ------
    SimulationError
        The configuration makes no progress on this trace.
    """
    if delivered >= len(run.requests):
        return run.run()
    trace = run.workload.requests
    while True:
        status = run_delivered(
            run.static, run.state, trace, run.requests, run.records, int(delivered)
        )
        if status == at.FULL:
            run.run(int(run.state[at.S_NOW]) + 1)
        elif status in (at.STUCK, at.OVERTIME):
            return run.run()
        else:
            return bool(status == at.DONE)


@dataclass(frozen=True, eq=False)
class Progress:
    """What is known of a run at a pause, or at its end.

    Attributes
    ----------
    cycle : int
        First cycle of which nothing is simulated yet; of a finished run, that of its last response.
    due, delivered : int
        Requests whose time in the trace has come, and requests answered.
    response_cycles : int
        Sum over all due requests of the cycles from their time in the trace to their response, or
        up to now. Unlike the latency it counts the time in the player, so that a controller that
        refuses requests gains nothing.
    energy_pj : float
        Core energy so far. It never falls, and is the result's energy at the end.
    counts : int64 array, shape (NUM_COMMANDS,)
        Commands issued, by number.
    row_hits : int
        Reads and writes issued to a row that was used before since it was opened.
    reads, writes : int
        Requests in the controller's queues.
    owed_refreshes : int
        Refreshes postponed and not yet made up, over all ranks.
    """

    cycle: int
    due: int
    delivered: int
    response_cycles: int
    energy_pj: float
    counts: Ints
    row_hits: int
    reads: int
    writes: int
    owed_refreshes: int

    def since(self, before: Progress) -> Window:
        """Return what happened since an earlier pause of the same run."""
        counts = self.counts - before.counts
        accesses = int(counts[list(CAS)].sum())
        return Window(
            cycles=self.cycle - before.cycle,
            arrived=self.due - before.due,
            served=self.delivered - before.delivered,
            response_cycles=self.response_cycles - before.response_cycles,
            energy_pj=self.energy_pj - before.energy_pj,
            counts=counts,
            accesses=accesses,
            row_hits=self.row_hits - before.row_hits,
        )


@dataclass(frozen=True, eq=False)
class Window:
    """What happened between two pauses.

    Attributes
    ----------
    cycles, arrived, served, response_cycles, energy_pj, counts, row_hits
        Growth of the values of `Progress`.
    accesses : int
        Reads and writes issued.
    """

    cycles: int
    arrived: int
    served: int
    response_cycles: int
    energy_pj: float
    counts: Ints
    accesses: int
    row_hits: int


def progress(run: Run) -> Progress:
    """Measure a run without disturbing it: the power counters are closed on a copy."""
    state, device = run.state, run.workload.memory.device
    now = _now(run)
    finished = bool(state[at.S_STATUS] == at.DONE)
    delivered = int(state[at.S_DELIVERED])
    sent = run.workload.trace.cycle
    due = len(sent) if finished else int(np.searchsorted(sent, now, side="right"))
    due = max(due, delivered)
    answered = run.requests[:delivered, at.Q_DELIVERY] // at.STEPS
    response = int(answered.sum()) + (due - delivered) * now - int(sent[:due].sum())
    flexibility = at.RANK_ROWS + np.arange(device.ranks) * at.ROW + at.R_FLEX
    return Progress(
        cycle=now,
        due=due,
        delivered=delivered,
        response_cycles=response,
        energy_pj=energy_pj(device, state if finished else _closed(run, now)),
        counts=state[at.S_COUNTS : at.S_COUNTS + NUM_COMMANDS].copy(),
        row_hits=int(state[int(state[at.S_BANK_ROWS]) + at.B_HITS :: at.ROW].sum()),
        reads=int(state[at.S_READS]),
        writes=int(state[at.S_WRITES]),
        owed_refreshes=int(np.maximum(state[flexibility], 0).sum()),
    )


def _closed(run: Run, now: int) -> Ints:
    """Return a copy of the state with the power counters closed at a cycle."""
    state = run.state.copy()
    measure_power(run.static, state, now)
    return state
