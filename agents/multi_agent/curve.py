"""The learning curve of many agents, in the same records as a single agent's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Curve", "Record"]

Record = dict[str, float]


class Curve:
    """Keeps a record every `every` environment steps, and one at the end.

    Records hold what `chipgym.agents.sb3.callbacks.CurveRecorder` records, under the same names;
    ``mean_return`` is the mean over the agents as well.

    Parameters
    ----------
    every : int
        Environment steps between two records.
    evaluate : callable, optional
        Called at each record; returns numbers by name.
    listener : callable, optional
        Called with each record; training stops if it returns False.
    """

    def __init__(
        self,
        every: int,
        evaluate: Callable[[], Mapping[str, float]] | None = None,
        listener: Callable[[Record], bool | None] | None = None,
    ) -> None:
        self.every, self.evaluate, self.listener = every, evaluate, listener
        self.records: list[Record] = []
        self.evaluations = 0
        self._episodes: list[Record] = []

    def add(self, steps: int, reports: Sequence[Mapping[str, Any]]) -> bool:
        """Take the episodes that a step has finished; return whether training goes on."""
        for report in reports:
            self.evaluations += int(report["evaluations"])
            episode = {"mean_return": report["return"], "mean_length": float(report["length"])}
            self._episodes.append(episode | dict(report["metrics"]))
        last = self.records[-1]["steps"] if self.records else 0.0
        return steps - last < self.every or self.record(steps)

    def finish(self, steps: int) -> None:
        """Add the record of the end, unless there is one."""
        if not self.records or self.records[-1]["steps"] < steps:
            self.record(steps)

    def record(self, steps: int) -> bool:
        """Add a record; return whether training goes on."""
        record: Record = {
            "steps": float(steps),
            "evaluations": float(self.evaluations),
            "episodes": float(len(self._episodes)),
        }
        for name in dict.fromkeys(name for episode in self._episodes for name in episode):
            known = [episode[name] for episode in self._episodes if name in episode]
            record[name] = float(np.mean(known))
        self._episodes = []
        if self.evaluate is not None:
            record |= {f"evaluation/{k}": float(v) for k, v in self.evaluate().items()}
        self.records.append(record)
        return self.listener is None or self.listener(record) is not False
