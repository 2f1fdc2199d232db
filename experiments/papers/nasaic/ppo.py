"""MaskablePPO as a search: every design that it makes in training is an evaluation."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.callbacks import BaseCallback

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.sb3.train import train_agent
from chipgym.envs.codesign.reward import COSTS
from chipgym.experiments.papers.nasaic.ledger import Ledger

__all__ = ["masked_ppo"]

ENV_ID = "chipgym/CoDesign-v0"
ALGORITHM = "maskable_ppo"
TRIES_PER_EVALUATION = 1
"""Designs that it may make for each evaluation: known ones count, as tries."""


def masked_ppo(ledger: Ledger, seed: int) -> None:
    """Train on the ledger's scenario until its evaluations are spent."""
    scenario = ledger.problem.instance
    tokens = len(ledger.problem.tokens)
    name = ledger.scenario

    def make_envs(copies: int) -> Any:
        return gymnasium.make_vec(
            ENV_ID,
            num_envs=copies,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            scenario=name,
            spec=scenario.spec,
            accuracy=ledger.provider,
        )

    train_agent(
        ALGORITHM,
        make_envs,
        TRIES_PER_EVALUATION * ledger.budget.evaluations * tokens,
        seed,
        load_hyperparameters(ALGORITHM, ENV_ID, name).values,
        callback=_Keeper(ledger),
    )


class _Keeper(BaseCallback):
    """Enters every new design into a ledger, and ends the training when it is full."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def _on_step(self) -> bool:
        infos: list[dict[str, Any]] = self.locals["infos"]
        for info in infos:
            if "metrics" in info and not self._ledger.done:
                self._keep(info)
        return not self._ledger.done

    def _keep(self, info: dict[str, Any]) -> None:
        ledger = self._ledger
        if ledger.seen(str(info["design_key"])):
            return
        metrics, options = info["metrics"], info["design"]
        tokens = ledger.problem.tokens
        design = tuple(token.options.index(options[token.name]) for token in tokens)
        costs = (metrics[COSTS[0]], metrics[COSTS[1]], metrics[COSTS[2]])
        accuracy = float(metrics.get("weighted_accuracy", math.nan))
        ledger.note(design, costs, float(metrics["penalty"]), accuracy)
