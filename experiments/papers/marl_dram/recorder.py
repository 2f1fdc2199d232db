"""Environments of the study answer from the table and remember every design, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from pettingzoo.utils.wrappers import BaseParallelWrapper

from chipgym.envs.dram_tuning.design_space import Design, DesignSpace
from chipgym.envs.dram_tuning.evaluation import Outcome
from chipgym.envs.dram_tuning.generator import Instance
from chipgym.envs.dram_tuning.multi_agent import parallel_env
from chipgym.envs.dram_tuning.reward import Objective
from chipgym.experiments.papers.dram_exhaustive.problem import TabulatedProblem

__all__ = ["Recorder"]

Env = gymnasium.Env[Any, Any]
DESIGN = "design"


class Recorder:
    """Makes the environments of a training, and keeps the designs that are tried in them.

    Parameters
    ----------
    problem : TabulatedProblem

    Attributes
    ----------
    designs : list of int
        Numbers of the designs tried so far, known ones included: a try counts whether the learner
        has seen the design before or not.
    """

    def __init__(self, problem: TabulatedProblem) -> None:
        self.problem = problem
        self.designs: list[int] = []

    def keep(self, info: Mapping[str, Any]) -> None:
        """Take note of the design that a step has tried, if it has."""
        if DESIGN in info:
            design = self.problem.space.designs.encode(info[DESIGN])
            self.designs.append(self.problem.space.number(design))

    def gymnasium_envs(
        self, env_id: str, num_envs: int, wrap: Callable[[Env], Env], **kwargs: Any
    ) -> SyncVectorEnv:
        """Return copies of a Gymnasium environment that are stepped one after the other."""

        def make() -> Env:
            settings = {**self._settings(), **kwargs}
            env = gymnasium.make(env_id, disable_env_checker=True, **settings)
            return _Recorded(wrap(env), self)

        return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)

    def parallel_env(self) -> Any:
        """Return the environment of one agent a knob; an episode is one design."""
        env = parallel_env(agents="knob", reward="design", budget=1, **self._settings())
        return _RecordedAgents(env, self)

    def _settings(self) -> dict[str, Any]:
        return {
            "scenario": f"archgym-{self.problem.table.workload}",
            "objective": self.problem.objective.name,
            "evaluate": self._evaluate,
        }

    def _evaluate(
        self,
        space: DesignSpace,
        objective: Objective,
        tasks: Sequence[tuple[Instance, Design]],
    ) -> list[Outcome]:
        """Stand in for `chipgym.envs.dram_tuning.evaluation.evaluate_batch`."""
        return [self.problem.outcome(design) for _, design in tasks]


class _Recorded(gymnasium.Wrapper[Any, Any, Any, Any]):
    def __init__(self, env: Env, recorder: Recorder) -> None:
        super().__init__(env)
        self._recorder = recorder

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and keep the design."""
        result = self.env.step(action)
        self._recorder.keep(result[4])
        return result

    def action_masks(self) -> Any:
        """Legal actions of the environment, where it has masks."""
        return self.env.get_wrapper_attr("action_masks")()


class _RecordedAgents(BaseParallelWrapper[str, Any, Any]):  # type: ignore[misc]
    def __init__(self, env: Any, recorder: Recorder) -> None:
        super().__init__(env)
        self._recorder = recorder

    def step(self, actions: dict[str, Any]) -> Any:
        """Step, and keep the design that all agents have set together."""
        result = super().step(actions)
        self._recorder.keep(next(iter(result[4].values())))
        return result
