"""What the heuristics share: one choice per environment, and the memory of a scheduling pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import FloatArray, ProblemView
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Heuristic", "PassMemory", "first_supported"]

INFINITY = float("inf")


def first_supported(exec_us: FloatArray) -> int:
    """Return the first ready task that some usable PE supports, -1 if there is none."""
    for slot in range(len(exec_us)):
        if exec_us[slot].min() < INFINITY:
            return slot
    return -1


@dataclass
class PassMemory:
    """Counters of one environment that last for a scheduling pass, and for an episode.

    Attributes
    ----------
    assigned : list of int
        Assignments to each PE within the present pass.
    lifetime : list of int
        How often each PE was the provisional best within the present episode.
    last : tuple of int, optional
        Job and task of the last assignment.
    """

    pass_index: int = -1
    time_us: float = INFINITY
    assigned: list[int] = field(default_factory=list)
    lifetime: list[int] = field(default_factory=list)
    last: tuple[int, int] | None = None

    def turn_to(self, problem: ProblemView) -> None:
        """Start the counters anew where a new pass, or a new episode, has begun."""
        index, now = problem.pass_index, problem.time_us
        if index < self.pass_index or now < self.time_us:
            self.lifetime = [0] * problem.num_pes
        elif index == self.pass_index:
            if not self._again(problem):
                return
            self.lifetime = [0] * problem.num_pes
        self.pass_index, self.time_us = index, now
        self.assigned = [0] * problem.num_pes

    def remember(self, problem: ProblemView, slot: int) -> None:
        """Keep what is assigned (slot -1: nothing)."""
        if slot >= 0:
            self.last = int(problem.ready_job[slot]), int(problem.ready_task[slot])

    def _again(self, problem: ProblemView) -> bool:
        """Whether the last assignment is open again: an episode of one pass has been repeated."""
        if self.last is None:
            return False
        job, task = self.last
        return bool(((problem.ready_job == job) & (problem.ready_task == task)).any())


class Heuristic(ABC):
    """A policy that reads the problem view and nothing else.

    Subclasses choose a (ready task, PE) pair. Ties go to the first task in the list, then to the
    lowest PE, unless a subclass says otherwise.
    """

    name: str

    def __init__(self) -> None:
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Forget the counters of all environments; the seed is not used."""
        self._memories = [PassMemory() for _ in range(num_envs)]

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Choose for each environment in turn; where nothing can be assigned, wait."""
        if problems is None:
            raise InvalidValueError("problems", None, f"the problem views, which {self.name} reads")
        if len(problems) != len(self._memories):
            raise InvalidValueError(
                "problems", len(problems), f"{len(self._memories)} views, as told to reset"
            )
        actions = np.empty(len(problems), dtype=np.int64)
        for i, problem in enumerate(problems):
            slot, pe = self.choose(problem, self._memories[i])
            if slot >= 0:
                actions[i] = problem.encode(slot, pe)
            else:
                actions[i] = _fall_back(problem, None if masks is None else masks[i])
        return actions

    @abstractmethod
    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Return (ready task, PE), or (-1, -1) where no task can be assigned."""


def _fall_back(problem: ProblemView, mask: Masks | None) -> int:
    if problem.wait_allowed or mask is None or not mask.any():
        return problem.wait_action
    return int(mask.argmax())
