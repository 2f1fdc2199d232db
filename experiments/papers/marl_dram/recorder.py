"""Environments of the study answer from the table and remember every design, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from chipgym.envs.dram_tuning.design_space import Design, DesignSpace
from chipgym.envs.dram_tuning.evaluation import Outcome
from chipgym.envs.dram_tuning.generator import Instance
from chipgym.envs.dram_tuning.reward import Objective
from chipgym.experiments.papers.dram_exhaustive.problem import TabulatedProblem

__all__ = ["Recorder"]


class Recorder:
    """Evaluates the designs of all environments of a training, and keeps their order.

    Parameters
    ----------
    problem : TabulatedProblem

    Attributes
    ----------
    designs : list of int
        Numbers of the designs evaluated so far, known ones included: a step of a learner costs an
        evaluation whether it has seen the design before or not.
    """

    def __init__(self, problem: TabulatedProblem) -> None:
        self.problem = problem
        self.designs: list[int] = []

    def evaluate(
        self,
        space: DesignSpace,
        objective: Objective,
        tasks: Sequence[tuple[Instance, Design]],
    ) -> list[Outcome]:
        """Stand in for `chipgym.envs.dram_tuning.evaluation.evaluate_batch`."""
        designs = [design for _, design in tasks]
        self.designs += [self.problem.space.number(design) for design in designs]
        return [self.problem.outcome(design) for design in designs]

    def env_kwargs(self) -> dict[str, Any]:
        """Arguments of the environment that choose the problem."""
        return {
            "scenario": f"archgym-{self.problem.table.workload}",
            "objective": self.problem.objective.name,
            "evaluate": self.evaluate,
        }

    def vector_env(
        self,
        env_id: str,
        num_envs: int,
        wrap: Callable[[gymnasium.Env[Any, Any]], gymnasium.Env[Any, Any]],
        **kwargs: Any,
    ) -> SyncVectorEnv:
        """Return copies of a Gymnasium environment that are stepped one after the other."""

        def make() -> gymnasium.Env[Any, Any]:
            settings = {**self.env_kwargs(), **kwargs}
            return wrap(gymnasium.make(env_id, disable_env_checker=True, **settings))

        return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)

    def best_so_far(self, budget: int) -> Any:
        """Best score after each of the first `budget` designs, float64, shape (budget,)."""
        numbers = np.array(self.designs[:budget])
        scores = self.problem.scores[self.problem.space.canonical[numbers]]
        return np.maximum.accumulate(scores)
