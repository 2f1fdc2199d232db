"""Evaluation: one policy, one instance at a time, every decision recorded.

Instances are evaluated one by one, with a policy seed that depends on (seed, instance) alone. A
result therefore never depends on which other instances were run beside it, in which order, or in
which process, and an interrupted evaluation continues with the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gymnasium
import numpy as np

from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.errors import InvalidValueError, SimulationError

__all__ = ["evaluate", "plain", "policy_seed", "run_episode", "start_episode"]

MAX_EPISODE_STEPS = 10_000_000


def policy_seed(seed: int, instance: int) -> int:
    """Seed of a policy on an instance: a function of both alone."""
    return int(np.random.SeedSequence([seed, instance]).generate_state(1)[0] >> 1)


def start_episode(env: gymnasium.Env[Any, Any], instance: int) -> tuple[Any, dict[str, Any]]:
    """Reset an environment to an instance: of the test split by number, of the train split by seed.

    Instances for training are drawn, so the one that the seed draws goes by the number.
    """
    drawn = getattr(env.unwrapped, "split", "test") == "train"
    return env.reset(seed=instance, options=None if drawn else {"instance": instance})


def evaluate(
    env: gymnasium.Env[Any, Any],
    policy: Any,
    *,
    task: str,
    agent: str,
    seed: int,
    instances: Iterable[int],
    on_step: Callable[[int], None] | None = None,
) -> Iterator[EpisodeRecord]:
    """Yield the record of one episode for each instance.

    Parameters
    ----------
    env : gymnasium.Env
        The task's scalar environment.
    policy : Policy
        Acts on batches; here on batches of one.
    task, agent : str
        Labels for the record.
    seed : int
        Seed of the method.
    instances : iterable of int
        Instance indexes.
    on_step : callable, optional
        Called after each step with the number of steps of the episode so far.
    """
    for instance in instances:
        yield run_episode(
            env, policy, task=task, agent=agent, seed=seed, instance=instance, on_step=on_step
        )


def run_episode(
    env: gymnasium.Env[Any, Any],
    policy: Any,
    *,
    task: str,
    agent: str,
    seed: int,
    instance: int,
    on_step: Callable[[int], None] | None = None,
) -> EpisodeRecord:
    """Run one episode on an instance and record it. The luck depends on the instance alone."""
    policy.reset(1, policy_seed(seed, instance))
    if hasattr(policy, "plan"):
        policy.plan(env, instance)
    observation, info = start_episode(env, instance)
    base: Any = env.unwrapped
    actions: list[Any] = []
    episode_return = 0.0
    for step in range(1, MAX_EPISODE_STEPS + 1):
        action = _decide(policy, base, observation, info)
        observation, reward, terminated, truncated, info = env.step(action)
        actions.append(plain(action))
        episode_return += float(reward)
        if on_step is not None:
            on_step(step)
        if terminated or truncated:
            break
    else:
        raise SimulationError(f"{task}: no end of the episode in {MAX_EPISODE_STEPS} steps")
    schedule = base.schedule() if hasattr(base, "schedule") else None
    return EpisodeRecord(
        task=task,
        agent=agent,
        seed=seed,
        instance=instance,
        instance_id=str(base.instance_id),
        actions=actions,
        episode_return=episode_return,
        metrics={name: _finite(value) for name, value in info["metrics"].items()},
        evaluations=int(info.get("evaluations", 1)),
        steps=step,
        schedule=plain(schedule),
    )


def _decide(policy: Any, base: Any, observation: Any, info: dict[str, Any]) -> Any:
    """Ask the policy for the action of this one environment."""
    mask = info.get("action_mask")
    masks = None if mask is None else np.asarray(mask, dtype=bool)[None]
    problem = getattr(base, "problem", None)
    batch = (
        {name: np.asarray(part)[None] for name, part in observation.items()}
        if isinstance(observation, dict)
        else np.asarray(observation)[None]
    )
    try:
        action = policy.act(batch, masks, None if problem is None else [problem])[0]
    except AttributeError as error:
        if problem is None or error.obj is not problem:
            raise
        place = "this environment" if base.spec is None else base.spec.id
        raise InvalidValueError(
            "policy", policy.name, f"one for {place}, whose decisions have no {error.name!r}"
        ) from error
    return int(action) if np.ndim(action) == 0 else np.asarray(action)


def plain(value: Any) -> Any:
    """Turn NumPy values, inside dicts and lists too, into plain JSON ones."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _finite(value: Any) -> float | None:
    """Return a metric as JSON can hold it."""
    number = float(value)
    return number if math.isfinite(number) else None
