"""Same seed, same bits: across instances, processes, interleaving and global random state."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from chipgym.envs.core.conformance.child import digest_in_child
from chipgym.envs.core.conformance.rollout import (
    Kwargs,
    Step,
    Target,
    action_mask,
    difference,
    digest,
    label,
    make,
    play,
    require,
    require_equal,
    sample_action,
)

__all__ = [
    "check_determinism",
    "check_interleaving",
    "check_no_aliasing",
    "check_no_global_random",
    "check_processes",
]


def check_determinism(
    target: Target, kwargs: Kwargs = None, *, seeds: Sequence[int] = (0, 1), steps: int = 300
) -> None:
    """Two instances, and one instance used twice, give the same episodes; seeds differ."""
    name = label(target, kwargs)
    first, second = make(target, kwargs), make(target, kwargs)
    records = {seed: play(first, seed=seed, steps=steps) for seed in seeds}
    for seed, record in records.items():
        again = play(first, seed=seed, steps=steps)
        require_equal("determinism", f"{name}: seed {seed} on a used instance", record, again)
        other = play(second, seed=seed, steps=steps)
        require_equal("determinism", f"{name}: seed {seed} on a second instance", record, other)
    _check_consecutive_episodes(name, first)


def _check_consecutive_episodes(name: str, env: Any) -> None:
    """`reset(seed)` then `reset()` gives the same second episode every time."""
    starts = []
    for _ in range(2):
        env.reset(seed=3)
        starts.append(env.reset())
    found = difference(starts[0][0], starts[1][0], "observation")
    require(found is None, "determinism", f"{name}: second episode after reset(seed=3): {found}")


def check_processes(
    target: Target, kwargs: Kwargs = None, *, seed: int = 0, steps: int = 200
) -> None:
    """A fresh interpreter with another hash seed gives the same bits."""
    here = digest(play(make(target, kwargs), seed=seed, steps=steps))
    there = digest_in_child(target, kwargs, seed=seed, steps=steps)
    message = f"{label(target, kwargs)}: the same seed gives other results in another process"
    require(here == there, "processes", message)


def check_interleaving(
    target: Target, kwargs: Kwargs = None, *, seeds: tuple[int, int] = (0, 7), steps: int = 150
) -> None:
    """Two instances stepped in turns do what each does alone."""
    alone = [play(make(target, kwargs), seed=seed, steps=steps) for seed in seeds]
    envs = [make(target, kwargs) for _ in seeds]
    rngs = [np.random.default_rng(0) for _ in seeds]
    together: list[list[Step]] = [[], []]
    for env, seed, record in zip(envs, seeds, together, strict=True):
        observation, info = env.reset(seed=seed)
        record.append(Step(None, observation, 0.0, False, False, info))
    for _ in range(steps):
        for env, rng, record in zip(envs, rngs, together, strict=True):
            if record[-1].ended:
                observation, info = env.reset()
                record.append(Step(None, observation, 0.0, False, False, info))
            action = sample_action(env.action_space, action_mask(env), rng)
            observation, reward, terminated, truncated, info = env.step(action)
            record.append(Step(action, observation, float(reward), terminated, truncated, info))
    for seed, a, b in zip(seeds, alone, together, strict=True):
        what = f"{label(target, kwargs)}: seed {seed}, interleaved with another instance"
        require_equal("interleaving", what, a, b)


def check_no_global_random(target: Target, kwargs: Kwargs = None, *, steps: int = 150) -> None:
    """The global generators of `numpy.random` and `random` are neither used nor read."""
    name = label(target, kwargs)
    saved = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        before = _global_state()
        env = make(target, kwargs)
        plain = play(env, seed=0, steps=steps)
        found = difference(before, _global_state())
        require(found is None, "global_random", f"{name}: changes global random state ({found})")
        reseed = np.random.default_rng(99)

        def disturb() -> None:
            random.seed(int(reseed.integers(2**31)))
            np.random.seed(int(reseed.integers(2**31)))  # noqa: NPY002  # the point of the check

        disturbed = play(make(target, kwargs), seed=0, steps=steps, before_step=disturb)
        what = f"{name}: reseeding the global generators changes results"
        require_equal("global_random", what, plain, disturbed)
    finally:
        random.setstate(saved[0])
        np.random.set_state(saved[1])  # noqa: NPY002


def check_no_aliasing(target: Target, kwargs: Kwargs = None, *, steps: int = 150) -> None:
    """What was returned never changes afterwards, and writing to it changes nothing."""
    name = label(target, kwargs)
    kept: list[tuple[Any, dict[str, Any]]] = []
    env = make(target, kwargs)
    record = play(
        env, seed=0, steps=steps, tamper=lambda *returned: kept.append((returned[0], returned[1]))
    )
    for index, (step, (observation, info)) in enumerate(zip(record, kept, strict=True)):
        found = difference(step.observation, observation, "observation")
        found = found or difference(step.info, info, "info")
        message = f"{name}: what call {index} returned was changed by a later call: {found}"
        require(found is None, "aliasing", message)

    def scribble(observation: Any, info: dict[str, Any]) -> None:
        _overwrite(observation)
        _overwrite(info)

    scribbled = play(make(target, kwargs), seed=0, steps=steps, tamper=scribble)
    what = f"{name}: writing into returned observations or infos changes what follows"
    require_equal("aliasing", what, record, scribbled)


def _global_state() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy.random": copy.deepcopy(np.random.get_state(legacy=False)),  # noqa: NPY002
    }


def _overwrite(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _overwrite(item)
        value.clear()
    elif isinstance(value, list):
        value.clear()
    elif isinstance(value, np.ndarray) and value.flags.writeable and value.dtype != object:
        value.fill(0 if value.dtype != np.bool_ else True)
