"""Stable-Baselines3 on one test circuit, as a search: every episode is an evaluated recipe."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.simulation import RecipeLog
from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv
from chipgym.experiments.papers.abc_rl.simulation import OBJECTIVE, LogicSimulation

__all__ = ["learn_on_circuit"]

ENVIRONMENT = "chipgym/LogicSynthesis-v0"
SCENARIO = "single"


class _Recorded(gym.Wrapper[Any, Any, Any, Any]):
    """Reports recipes as they end, to the clock and the record of a search.

    What exceeds the budget, for a training ends with a whole rollout, is not recorded.
    """

    def __init__(
        self, env: LogicSynthesisEnv, log: RecipeLog, simulation: LogicSimulation, budget: int
    ) -> None:
        super().__init__(env)
        self._log, self._simulation, self._budget = log, simulation, budget

    def action_masks(self) -> Any:
        """Legal actions."""
        return self.env.unwrapped.action_masks()  # type: ignore[attr-defined]

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = self.env.step(action)
        if self._log.evaluations >= self._budget:
            return result
        self._simulation.commands += 1
        if result[2]:
            self._simulation.count_elsewhere()
            env: Any = self.env.unwrapped
            self._log.add(env.actions, float(result[1]))
        return result


def learn_on_circuit(
    algorithm: str, simulation: LogicSimulation, circuit: str, budget: int, seed: int
) -> PlanResult:
    """Train on a circuit for as many recipes as the budget has; the best one counts.

    Parameters
    ----------
    algorithm : str
        ``ppo``, ``a2c`` or ``dqn``, with the hyperparameters stored for single circuits.
    simulation : LogicSimulation
        Its scenario says what an episode is; its clock counts.
    circuit : str
    budget, seed : int
    """
    from chipgym.agents.sb3.train import train_agent

    task, log = simulation.env.task, RecipeLog(simulation)
    values = dict(load_hyperparameters(algorithm, ENVIRONMENT, SCENARIO).values)
    copies = min(int(values.pop("num_envs")), budget)

    def make() -> gym.Env[Any, Any]:
        env = LogicSynthesisEnv(
            simulation.env.scenario, objective=OBJECTIVE, circuit=circuit, cache=False
        )
        return _Recorded(env, log, simulation, budget)

    def make_envs(count: int) -> VectorEnv[Any, Any, Any]:
        return SyncVectorEnv([make] * count, autoreset_mode=AutoresetMode.SAME_STEP)

    train_agent(
        algorithm,
        make_envs,
        -(-budget // copies) * copies * task.steps,
        seed,
        values,
        copies,
    )
    return PlanResult.of(log)
