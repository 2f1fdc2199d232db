"""Saving and restoring mid-episode: bytes, pickle and deepcopy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Kwargs,
    Step,
    Target,
    action_mask,
    label,
    make,
    play,
    require,
    require_equal,
    sample_action,
)
from chipgym.simulators.core.errors import ChipGymError

__all__ = ["check_copies", "check_state"]


def check_state(
    target: Target, kwargs: Kwargs = None, *, stops: Sequence[int] = (0, 13, 57), steps: int = 120
) -> None:
    """`get_state` / `set_state` continue identically, on the same and on another instance."""
    name = label(target, kwargs)
    for stop in stops:
        env = make(target, kwargs)
        ended = play(env, seed=4, steps=stop)[-1].ended
        state = _get_state(name, env)
        wanted = _continue(env, steps, ended)
        _restore(env, state)
        what = f"{name}: after {stop} steps"
        require_equal("state", f"{what}: restored in place", wanted, _continue(env, steps, ended))
        other = make(target, kwargs)
        other.reset(seed=1234)
        _restore(other, state)
        again = _continue(other, steps, ended)
        require_equal("state", f"{what}: restored elsewhere", wanted, again)
    _check_broken_bytes(name, target, kwargs)


def check_copies(
    target: Target, kwargs: Kwargs = None, *, stops: Sequence[int] = (0, 29), steps: int = 120
) -> None:
    """A pickled and a deep-copied environment continue as the original, and independently."""
    name = label(target, kwargs)
    for stop in stops:
        env = make(target, kwargs)
        ended = play(env, seed=6, steps=stop)[-1].ended
        try:
            clones = {"deepcopy": copy.deepcopy(env), "pickle": pickle.loads(pickle.dumps(env))}
        except Exception as error:
            raise ConformanceError(
                f"[copies] {name}: cannot be copied after {stop} steps: {error!r}"
            ) from error
        # The original runs first: a clone that shares state with it then starts elsewhere.
        wanted = _continue(env, steps, ended)
        for how, clone in clones.items():
            what = f"{name}: {how} after {stop} steps"
            require_equal("copies", what, wanted, _continue(clone, steps, ended))


def _continue(env: Any, steps: int, ended: bool) -> list[Step]:
    """Play on from where the environment stands, at an episode's end or not; resets seedless."""
    rng = np.random.default_rng(8)
    record: list[Step] = []
    for _ in range(steps):
        if record[-1].ended if record else ended:
            observation, info = env.reset()
            record.append(Step(None, observation, 0.0, False, False, info))
        action = sample_action(env.action_space, action_mask(env), rng)
        observation, reward, terminated, truncated, info = env.step(action)
        record.append(
            Step(action, observation, float(reward), bool(terminated), bool(truncated), info)
        )
    return record


def _get_state(name: str, env: Any) -> bytes:
    state = env.unwrapped.get_state()
    require(isinstance(state, bytes), "state", f"{name}: get_state() must give bytes")
    return bytes(state)


def _restore(env: Any, state: bytes) -> None:
    env.unwrapped.set_state(state)


def _check_broken_bytes(name: str, target: Target, kwargs: Kwargs) -> None:
    env = make(target, kwargs)
    play(env, seed=4, steps=5)
    before = _get_state(name, env)
    for broken in (b"", b"not a state", before[: len(before) // 2]):
        try:
            _restore(env, broken)
        except ChipGymError:
            same = _get_state(name, env) == before
            require(same, "state", f"{name}: refusing broken bytes changed the state")
        except Exception as error:
            raise ConformanceError(
                f"[state] {name}: set_state of broken bytes raises {error!r}, not a ChipGymError"
            ) from error
        else:
            raise ConformanceError(f"[state] {name}: set_state takes broken bytes {broken[:20]!r}")
