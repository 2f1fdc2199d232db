"""State of N environments of per-command scheduling, as rows of plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.command_generator import CommandGenerator, CommandInstance
from chipgym.envs.dram_tuning.command_observation import build_layout
from chipgym.envs.dram_tuning.command_reward import TERMS, term_weights
from chipgym.envs.dram_tuning.command_stepping import step_rows
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.command_layout import (
    C_DATA_SUM,
    C_DECISIONS,
    C_DUE,
    C_DUE_SUM,
    C_FINISH,
    C_NOW,
    C_SERVED,
    C_STATUS,
    DONE,
)
from chipgym.simulators.dram.commands import CAS, COMMANDS
from chipgym.simulators.dram.energy import energy_pj, power_mw

__all__ = ["CommandBatch"]

ARRAYS = (
    "static",
    "state",
    "control",
    "trace",
    "requests",
    "scales",
    "obs",
    "masks",
    "rewards",
    "terms",
    "done",
)


class CommandBatch:
    """Rows of runs, all of one scenario.

    Parameters
    ----------
    generator : CommandGenerator
    objective : str
    num_envs : int

    Attributes
    ----------
    layout : ObservationLayout
    num_actions : int
    obs, masks, rewards, terms, done : arrays
        Results of the last call for every row; overwritten by the next one.
    """

    def __init__(self, generator: CommandGenerator, objective: str, num_envs: int) -> None:
        scenario = generator.scenario
        self.generator = generator
        self.weights = term_weights(objective)
        self.num_envs = num_envs
        self.layout = build_layout(scenario.entries)
        self.num_actions = 2 * scenario.entries + 1
        self.instances: list[CommandInstance | None] = [None] * num_envs
        size = scenario.num_requests
        self.static = np.zeros((num_envs, 0), dtype=np.int64)
        self.state = np.zeros((num_envs, 0), dtype=np.int64)
        self.control = np.zeros((num_envs, 0), dtype=np.int64)
        self.trace = np.zeros((num_envs, size * at.TRACE_WORDS), dtype=np.int64)
        self.requests = np.zeros((num_envs, size * at.REQUEST_WORDS), dtype=np.int64)
        self.records = np.zeros(0, dtype=np.int64)
        self.scales = np.ones((num_envs, len(TERMS)))
        self.obs = np.zeros((num_envs, self.layout.size), dtype=np.float32)
        self.masks: npt.NDArray[np.bool_] = np.zeros((num_envs, self.num_actions), dtype=np.bool_)
        self.rewards = np.zeros(num_envs)
        self.terms = np.zeros((num_envs, len(TERMS)))
        self.done = np.zeros(num_envs, dtype=np.bool_)

    def load(self, row: int, instance: CommandInstance) -> None:
        """Put a fresh instance into a row; `begin` observes its first decision."""
        run = instance.start()
        fresh = {"static": run.base.static, "state": run.base.state, "control": run.control}
        for name, values in fresh.items():
            if getattr(self, name).shape[1] != len(values):
                setattr(self, name, np.zeros((self.num_envs, len(values)), dtype=np.int64))
            getattr(self, name)[row] = values
        for name, rows in (("trace", run.workload.requests), ("requests", run.base.requests)):
            buffer = getattr(self, name)
            buffer[row] = 0
            buffer[row, : rows.size] = rows.ravel()
        self.instances[row] = instance
        self.scales[row] = instance.reference_costs

    def begin(self, active: npt.NDArray[np.bool_]) -> None:
        """Observe the first decision of the active rows."""
        self._run(True, active, np.zeros(self.num_envs, dtype=np.int64))

    def step(self, active: npt.NDArray[np.bool_], actions: npt.NDArray[np.int64]) -> None:
        """Take one decision in every active row.

        Raises
        ------
        InvalidValueError
            An action is out of range or masked; no row has been changed.
        """
        bad = self._run(False, active, actions)
        if bad >= 0:
            allowed = ", ".join(map(str, np.flatnonzero(self.masks[bad])))
            place = f"action[{bad}]" if self.num_envs > 1 else "action"
            raise InvalidValueError(place, int(actions[bad]), f"the unmasked actions {allowed}")

    def _run(
        self, fresh: bool, active: npt.NDArray[np.bool_], actions: npt.NDArray[np.int64]
    ) -> int:
        return step_rows(
            fresh,
            self.weights,
            active,
            actions,
            self.scales,
            self.static,
            self.state,
            self.control,
            self.trace,
            self.requests,
            self.records,
            self.obs,
            self.masks,
            self.rewards,
            self.terms,
            self.done,
        )

    def complete(self, row: int) -> bool:
        """Whether all requests of a row are served."""
        return bool(self.control[row, C_STATUS] == DONE)

    def metrics(self, row: int) -> dict[str, float]:
        """Metrics of a row's ended episode, with units in their names.

        ``mean_trace_latency_ns`` counts from the time in the trace, requests that an episode cut
        off leaves unserved up to its end; the other latencies count from the player's offer, of
        served requests. `cost_vs_fr_fcfs` is minus the episode's return (but under ``ipek``).
        """
        instance = self.instances[row]
        assert instance is not None
        device, size = instance.workload.memory.device, len(instance.workload.trace)
        clock_ns, c = device.clock_ps / 1000, self.control[row]
        served = int(c[C_SERVED])
        response = int(c[C_DATA_SUM] + (c[C_DUE] - served) * c[C_NOW] - c[C_DUE_SUM])
        counts = self.state[row, at.S_COUNTS : at.S_COUNTS + len(COMMANDS)]
        accesses = max(int(counts[list(CAS)].sum()), 1)
        rows = self.requests[row].reshape(-1, at.REQUEST_WORDS)[:size]
        latency = np.sort(rows[rows[:, at.Q_DATA] > 0, at.Q_TIME]) * clock_ns
        cost = np.array([c[C_FINISH], response, served]) / self.scales[row]
        return {
            "total_time_ns": int(c[C_FINISH]) * device.clock_ps / 1000,
            "mean_trace_latency_ns": response * clock_ns / size,
            "mean_latency_ns": float(latency.mean()) if served else float("nan"),
            "p99_latency_ns": float(latency[int(0.99 * served)]) if served else float("nan"),
            "max_latency_ns": float(latency[-1]) if served else float("nan"),
            "energy_pj": energy_pj(device, self.state[row]),
            "power_mw": power_mw(device, self.state[row]),
            "row_hit_share": self._row_hits(row) / accesses,
            "time_vs_fr_fcfs": float(cost[0]),
            "latency_vs_fr_fcfs": float(cost[1]),
            "cost_vs_fr_fcfs": float((self.weights * cost).sum()),
            "served_requests": float(served),
            "decisions": float(c[C_DECISIONS]),
            **{f"{name}_count": float(counts[i]) for i, name in enumerate(COMMANDS)},
        }

    def _row_hits(self, row: int) -> int:
        """Accesses of a row's episode that found their DRAM row used before."""
        state = self.state[row]
        return int(state[int(state[at.S_BANK_ROWS]) + at.B_HITS :: at.ROW].sum())

    def get_state(self) -> dict[str, Any]:
        """Copy everything that changes."""
        arrays = {name: getattr(self, name).copy() for name in ARRAYS}
        return {"arrays": arrays, "instances": list(self.instances)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` copied."""
        for name, array in state["arrays"].items():
            setattr(self, name, array.copy())
        self.instances = list(state["instances"])
