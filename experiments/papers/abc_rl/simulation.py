"""The logic-synthesis environment as the simulation that planners are given."""

from __future__ import annotations

import time
from typing import Any

from chipgym.agents.core.simulation import SimulationStep
from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv
from chipgym.envs.logic_synthesis.generator import measure
from chipgym.envs.logic_synthesis.point import Point
from chipgym.envs.logic_synthesis.problem import LogicProblem, view_problem
from chipgym.envs.logic_synthesis.reward import area_delay_product

__all__ = ["OBJECTIVE", "LogicSimulation", "quality"]

OBJECTIVE = "abc-rl"


def quality(ratio: float) -> float:
    """ABC-RL's return of an area-delay product in units of resyn2's: 0 for resyn2, at least -1."""
    return max(-1.0, 1.0 - ratio)


class LogicSimulation:
    """An environment with snapshots, digests and a clock of evaluations.

    The score of a circuit is ABC-RL's return, which is the reward of the last step as well.

    Parameters
    ----------
    scenario : str
        Of the environment: action set, length of a recipe, mapper.
    cache : bool
        Keep results in the memory of the process. Without it, run times compare.
    **arguments
        Others of the environment.

    Attributes
    ----------
    evaluations : int
        Circuits that were mapped, the baselines aside.
    commands : int
        Commands that were executed.
    seconds : list of float
        When each evaluation was done, from the last `reset` on.
    """

    def __init__(self, scenario: str, *, cache: bool = True, **arguments: Any) -> None:
        self.env = LogicSynthesisEnv(scenario, objective=OBJECTIVE, cache=cache, **arguments)
        self.evaluations = 0
        self.commands = 0
        self.seconds: list[float] = []
        self._begun = time.perf_counter()
        self._measured: Point | None = None

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self.env.task.num_actions

    @property
    def problem(self) -> LogicProblem:
        """The decision at hand, or the finished recipe."""
        return view_problem(self.env.episode)

    @property
    def digest(self) -> str:
        """Hash of the present circuit."""
        return self.env.episode.point.state.digest

    def reset(self, instance: str) -> None:
        """Begin a recipe for a circuit; the baselines are measured first."""
        self.env.reset(options={"circuit": instance})
        self._measured = None
        self._begun = time.perf_counter()

    def step(self, action: int) -> SimulationStep:
        """Apply a command."""
        _, reward, ended, _, _ = self.env.step(action)
        self.commands += 1
        self._measured = None
        if ended:
            self._count(self.env.episode.point)
        return SimulationStep(reward, ended)

    def score(self) -> float:
        """Return of the present circuit as if the recipe ended here."""
        if self._measured is None:
            episode = self.env.episode
            with self.env.sessions.session(episode.point.state) as session:
                self._count(measure(episode.point.state, episode.task, session))
        assert self._measured is not None
        baseline = area_delay_product(self.env.instance.baselines.resyn2)
        return quality(area_delay_product(self._measured) / baseline)

    def get_state(self) -> bytes:
        """Return a snapshot."""
        return self.env.get_state()

    def set_state(self, state: bytes) -> None:
        """Return to a snapshot."""
        self.env.set_state(state)
        self._measured = None

    def count_elsewhere(self) -> None:
        """Count an evaluation that another environment has made for the same search."""
        self.evaluations += 1
        self.seconds.append(time.perf_counter() - self._begun)

    def close(self) -> None:
        """Give the ABC processes back."""
        self.env.close()

    def _count(self, point: Point) -> None:
        self._measured = point
        self.count_elsewhere()
