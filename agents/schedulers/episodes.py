"""Episodes of the learned scheduler in training: whole streams, several runs of each at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium.vector import VectorEnv

from chipgym.agents.schedulers.candidates import Decisions, candidates, concatenate, rule_choices
from chipgym.agents.schedulers.learned import actions_of
from chipgym.agents.schedulers.pair_attention import PairAttention

__all__ = [
    "Choice",
    "Episodes",
    "VectorSchedulingEnv",
    "greedy_rule",
    "play",
    "sampler",
    "shape_of",
]

VectorSchedulingEnv = VectorEnv[Any, Any, Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Choice = Callable[[Decisions], tuple[Ints, npt.NDArray[np.float32]]]
"""From decisions with several candidates to chosen ones and the logarithm of their probability."""


@dataclass(frozen=True)
class Episodes:
    """One episode of each row of an environment; D decisions had several candidates.

    Attributes
    ----------
    decisions : Decisions
        Those D.
    chosen : int64, shape (D,)
    log_probability : float32, shape (D,)
    steps : int64, shape (D,)
    rows : int64, shape (D,)
        When and where each was taken.
    times_us : float64, shape (T + 1, N)
    costs : float64, shape (T, N)
        Minus the rewards.
    alive : bool, shape (T, N)
    returns : float64, shape (N,)
    metrics : dict of float
        Means of the episodes' metrics.
    """

    decisions: Decisions
    chosen: Ints
    log_probability: npt.NDArray[np.float32]
    steps: Ints
    rows: Ints
    times_us: Floats
    costs: Floats
    alive: Bools
    returns: Floats
    metrics: dict[str, float]


def shape_of(envs: VectorSchedulingEnv) -> tuple[int, int]:
    """Ready tasks shown and PEs."""
    slots, pes = envs.unwrapped.observation_layout["pairs"].shape[:2]  # type: ignore[attr-defined]
    return int(slots), int(pes)


def play(envs: VectorSchedulingEnv, seeds: Sequence[int], choose: Choice) -> Episodes:
    """Play one episode in each row.

    Parameters
    ----------
    envs : VectorEnv
        Of SoC scheduling, in autoreset mode NEXT_STEP: an ended row's time stays to be read.
    seeds : sequence of int
        Of the rows; equal seeds, equal streams of jobs.
    choose : callable
    """
    core: Any = envs.unwrapped
    shape = shape_of(envs)
    observations, _ = core.reset(seed=list(seeds))
    alive = np.ones(envs.num_envs, dtype=np.bool_)
    returns = np.zeros(envs.num_envs)
    metrics: dict[str, list[float]] = {}
    times, costs = [core.times_us], []
    living: list[Bools] = []
    parts, chosen_parts, probability_parts, step_parts, row_parts = [], [], [], [], []
    while alive.any():
        masks = core.action_masks()
        decisions = candidates(observations, masks, *shape)
        rows = np.flatnonzero((decisions.choices > 1) & alive)
        part = decisions.take(rows)
        chosen = np.zeros(envs.num_envs, dtype=np.int64)
        if len(rows):
            chosen[rows], probability = choose(part)
            parts.append(part)
            chosen_parts.append(chosen[rows])
            probability_parts.append(probability)
            step_parts.append(np.full(len(rows), len(living)))
            row_parts.append(rows)
        actions = actions_of(decisions, chosen, masks, *shape)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        living.append(alive.copy())
        returns[alive] += rewards[alive]
        costs.append(np.where(alive, -rewards, 0.0))
        times.append(np.where(alive, core.times_us, times[-1]))
        ended = alive & (terminated | truncated)
        for name, values in infos.get("metrics", {}).items():
            if not name.startswith("_") and ended.any():
                metrics.setdefault(name, []).extend(np.asarray(values, dtype=float)[ended])
        alive = alive & ~ended
    return Episodes(
        concatenate(parts),
        np.concatenate(chosen_parts),
        np.concatenate(probability_parts),
        np.concatenate(step_parts),
        np.concatenate(row_parts),
        np.array(times),
        np.array(costs),
        np.array(living),
        returns,
        {name: float(np.mean(values)) for name, values in metrics.items()},
    )


def greedy_rule(rule: int) -> Choice:
    """Return the choice of a rule of `candidates.RULES`."""

    def choose(decisions: Decisions) -> tuple[Ints, npt.NDArray[np.float32]]:
        chosen = rule_choices(decisions, rule)
        return chosen, np.zeros(len(chosen), dtype=np.float32)

    return choose


def sampler(network: PairAttention, shape: tuple[int, int], rng: np.random.Generator) -> Choice:
    """Return the choice that draws from the network's distribution."""

    def choose(decisions: Decisions) -> tuple[Ints, npt.NDArray[np.float32]]:
        with torch.inference_mode():
            log = torch.log_softmax(network(decisions, *shape), dim=1).numpy()
        # The largest of logits with Gumbel noise is a draw from their softmax.
        noisy = log + rng.gumbel(size=log.shape)
        best = noisy.argmax(axis=1)
        probability = np.take_along_axis(log, best[:, None], axis=1)[:, 0]
        return np.where(best == log.shape[1] - 1, decisions.counts, best), probability

    return choose
