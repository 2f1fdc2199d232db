"""One episode of control at run time: a run, its windows, and the costs of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.runtime_generator import RuntimeInstance
from chipgym.envs.dram_tuning.runtime_knobs import DEFAULT_CHOICE, runtime_config
from chipgym.envs.dram_tuning.runtime_observation import observe
from chipgym.envs.dram_tuning.runtime_reward import costs
from chipgym.simulators.dram.engine import Run
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.runtime import Progress, advance, progress, reconfigure

__all__ = ["RuntimeSession", "WindowLength"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WindowLength:
    """Length of a window: answered requests, or cycles where `requests` is None."""

    requests: int | None
    cycles: int | None


class RuntimeSession:
    """A run of an instance that is reconfigured before each window.

    Parameters
    ----------
    instance : RuntimeInstance
    length : WindowLength
    weights : float64 array, shape (terms,)
        Weights of the terms of the reward.

    Attributes
    ----------
    choice : tuple of int
        Present options of all knobs.
    now, before : Progress
        At the present pause, and at the last one (None at the start).
    spent : float64 array, shape (terms,)
        Costs so far.
    choices : list of tuple of int
        Options of each window so far.
    changes : int
        Windows that began with other settings than the last.
    finished : bool
    """

    def __init__(self, instance: RuntimeInstance, length: WindowLength, weights: Floats) -> None:
        self.instance = instance
        self.length = length
        self.weights = weights
        self.choice: tuple[int, ...] = DEFAULT_CHOICE
        self.run = Run(instance.workload, runtime_config(DEFAULT_CHOICE))
        self.now = progress(self.run)
        self.before: Progress | None = None
        self.spent = np.zeros(len(weights))
        self.choices: list[tuple[int, ...]] = []
        self.changes = 0
        self.finished = False

    def play(self, choice: Sequence[int] | npt.NDArray[np.int64]) -> None:
        """Set all knobs and simulate a window; `account` then takes stock."""
        options = tuple(int(option) for option in choice)
        if options != self.choice:
            reconfigure(self.run, runtime_config(options))
            self.changes += 1
        self.choice = options
        self.choices.append(options)
        self.finished = self._simulate(self.run, self.now)

    def _simulate(self, run: Run, now: Progress) -> bool:
        """Simulate a window that begins at a pause; return whether the run is finished."""
        if self.length.requests is not None:
            return advance(run, now.delivered + self.length.requests)
        assert self.length.cycles is not None
        return run.run(now.cycle + self.length.cycles)

    def account(self) -> Floats:
        """Return the terms of the reward of the window just played, shape (terms,)."""
        self.before, self.now = self.now, progress(self.run)
        device = self.instance.workload.memory.device
        total = costs(self.now, device, finished=self.finished)
        terms = self.weights * (self.spent - total) / self.instance.default_costs
        self.spent = total
        return np.asarray(terms)

    def observe(self) -> npt.NDArray[np.float32]:
        """Return the present observation."""
        return observe(self.instance.workload, self.choice, self.now, self.before)

    def replay(self) -> DramResult:
        """Simulate the episode so far again, keeping every command."""
        run = Run(self.instance.workload, runtime_config(DEFAULT_CHOICE), record=True)
        for choice in self.choices:
            reconfigure(run, runtime_config(choice))
            self._simulate(run, progress(run))
        return run.result()

    def metrics(self) -> dict[str, float]:
        """Metrics of the finished episode, with units in their names.

        ``settled_`` values include the time and energy of refreshes still owed; `cost_vs_default`
        is minus the episode's return.
        """
        result, workload = self.run.result(), self.instance.workload
        clock_ns = workload.memory.device.clock_ps / 1000
        size = len(workload.trace)
        time, response, energy, product = self.spent.tolist()
        waited_ns = result.finish_ns - clock_ns * workload.trace.cycle
        cost = (self.weights * self.spent / self.instance.default_costs).sum()
        return {
            "total_time_ns": result.total_time_ns,
            "mean_latency_ns": result.mean_latency_ns,
            "p99_latency_ns": result.latency_quantile_ns(0.99),
            "mean_trace_latency_ns": float(waited_ns.mean()),
            "energy_pj": result.energy_pj,
            "power_mw": result.power_mw,
            "bandwidth_gbps": result.bandwidth_gbps,
            "settled_time_ns": time * clock_ns,
            "settled_trace_latency_ns": response * clock_ns / size,
            "settled_energy_pj": energy,
            "settled_energy_latency_pj_ns": product * clock_ns / size,
            "cost_vs_default": float(cost),
            "owed_refreshes": float(self.now.owed_refreshes),
            "windows": float(len(self.choices)),
            "changes": float(self.changes),
            **{f"{name}_count": float(count) for name, count in result.counts.items()},
        }
