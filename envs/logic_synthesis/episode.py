"""One episode: a recipe that grows, and the circuit that it has made so far.

`simulate` asks ABC and changes nothing; `apply` changes the episode and asks nobody. Between the
two lies everything that may fail or take time, so a failed step leaves the episode as it was, and
several episodes can be simulated at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.logic_synthesis.generator import Instance, measure, required_ps
from chipgym.envs.logic_synthesis.metrics import recipe_metrics
from chipgym.envs.logic_synthesis.point import Point
from chipgym.envs.logic_synthesis.reward import Step
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.logic.aiger import body_digest
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.mapping import LutCount, Mapping
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.state import LogicState

__all__ = ["Episode", "Mark"]


@dataclass(frozen=True)
class Mark:
    """What rendering shows of a point of the recipe; area and delay are nan if not measured."""

    nodes: int
    levels: int
    area: float
    delay_ps: float


def _mark(point: Point) -> Mark:
    mapping = point.mapping
    area, delay = (mapping.area, mapping.delay_ps) if mapping else (float("nan"), float("nan"))
    return Mark(point.nodes, point.levels, area, delay)


class Episode:
    """A recipe on a circuit.

    Parameters
    ----------
    instance : Instance

    Attributes
    ----------
    actions : list of int
        What was done, the stop action included.
    marks : list of Mark
        The circuit at the start and after each command.
    point : Point
        The circuit now.
    ended : bool
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.task = instance.task
        self.actions: list[int] = []
        self.point = instance.baselines.initial
        self.marks = [_mark(self.point)]
        self.ended = False

    @property
    def commands(self) -> list[str]:
        """Commands of the recipe so far."""
        stop = self.task.stop_action
        return [self.task.commands[action] for action in self.actions if action != stop]

    @property
    def steps_left(self) -> int:
        """Commands that may follow."""
        return 0 if self.ended else self.task.steps - len(self.actions)

    def masks(self) -> npt.NDArray[np.bool_]:
        """Legal actions: a recipe has one command at least before it is stopped."""
        masks = np.full(self.task.num_actions, not self.ended)
        if self.task.stop and not self.actions:
            masks[self.task.stop_action] = False
        return masks

    def key(self, actions: Sequence[int]) -> tuple[Any, ...]:
        """What the result of `simulate` depends on: equal keys, equal results."""
        return (id(self.instance), self.point.state.digest, len(self.actions), tuple(actions))

    def simulate(self, actions: Sequence[int], session: AbcSession) -> list[Point]:
        """Return the points that some actions lead to, up to the end of the recipe."""
        task = self.task
        points = [self.point]
        limit = required_ps(task, self.instance.baselines.clock_ps)
        for done, action in enumerate(actions, len(self.actions) + 1):
            state = points[-1].state
            stopped = action == task.stop_action
            if not stopped:
                state = session.step(state, task.commands[action])
            if stopped or done == task.steps or task.goal.each_step:
                points.append(measure(state, task, session, limit))
            else:
                points.append(Point(state))
            if stopped:
                break
        return points[1:]

    def apply(self, action: int, point: Point) -> dict[str, float]:
        """Carry out one action, whose result is known, and return its reward terms."""
        task = self.task
        stopped = action == task.stop_action
        before, left = self.point, task.steps - len(self.actions)
        self.actions.append(action)
        self.ended = stopped or len(self.actions) == task.steps
        self.point = point
        if not stopped:
            self.marks.append(_mark(point))
        step = Step(
            before,
            point,
            self.instance.baselines,
            first=len(self.actions) == 1,
            ended=self.ended,
            share=(left if stopped else 1) / task.steps,
        )
        return task.goal.terms(step)

    def metrics(self) -> dict[str, float]:
        """Metrics of the recipe, at its end."""
        baselines = self.instance.baselines
        return recipe_metrics(self.task.goal, self.point, baselines, len(self.commands))

    def get_state(self) -> dict[str, Any]:
        """Return plain values: the state of the circuit is its AIGER body."""
        state, mapping, luts = self.point.state, self.point.mapping, self.point.luts
        return {
            "circuit": (self.instance.circuit.name, self.instance.circuit.body),
            "body": state.body,
            "counts": (state.nodes, state.levels),
            "mapping": (mapping.gates, mapping.area, mapping.delay_ps) if mapping else None,
            "luts": (luts.luts, luts.levels) if luts else None,
            "actions": list(self.actions),
            "marks": [(m.nodes, m.levels, m.area, m.delay_ps) for m in self.marks],
            "ended": self.ended,
        }

    @classmethod
    def from_state(
        cls, content: dict[str, Any], instance: Instance, cache: ResultCache | None = None
    ) -> Episode:
        """Continue on an instance from what `get_state` returned.

        Parameters
        ----------
        content : dict
        instance : Instance
        cache : ResultCache, optional
            Where the state may be known already.

        Raises
        ------
        FileFormatError
            The content is not that of a state.
        """
        episode = cls(instance)
        try:
            body = bytes(content["body"])
            state = LogicState(body, body_digest(body), *content["counts"])
            mapping, luts = content["mapping"], content["luts"]
            episode.point = Point(
                state if cache is None else cache.intern(state),
                Mapping(*mapping) if mapping is not None else None,
                LutCount(*luts) if luts is not None else None,
            )
            episode.actions = [int(action) for action in content["actions"]]
            episode.marks = [Mark(*values) for values in content["marks"]]
            episode.ended = bool(content["ended"])
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError("state", "not made by get_state()") from error
        return episode
