"""Seeded rollouts, their exact comparison, and the error that a failed check raises."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

__all__ = [
    "ConformanceError",
    "Step",
    "Target",
    "action_mask",
    "difference",
    "digest",
    "label",
    "make",
    "play",
    "require",
    "require_equal",
    "sample_action",
]

Target = str | Callable[..., gym.Env[Any, Any]]
"""A Gymnasium id (``"module:namespace/Name-v0"`` imports the module first), or a factory."""

Kwargs = Mapping[str, Any] | None


class ConformanceError(AssertionError):
    """An environment breaks its contract; the message says which check, where and how."""


@dataclass(frozen=True)
class Step:
    """What one call of `reset` (action ``None``) or `step` returned, copied."""

    action: Any
    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]

    @property
    def ended(self) -> bool:
        """Whether the episode ends here."""
        return self.terminated or self.truncated


def label(target: Target, kwargs: Kwargs) -> str:
    """Name what is checked, for messages."""
    name = target if isinstance(target, str) else getattr(target, "__name__", repr(target))
    inside = ", ".join(f"{key}={value!r}" for key, value in (kwargs or {}).items())
    return f"{name}({inside})"


def make(target: Target, kwargs: Kwargs = None, **more: Any) -> gym.Env[Any, Any]:
    """Make the environment of a target."""
    arguments = {**(kwargs or {}), **more}
    if isinstance(target, str):
        return gym.make(target, **arguments)
    return target(**arguments)


def require(condition: bool, check: str, message: str) -> None:
    """Raise `ConformanceError` unless `condition` holds."""
    if not condition:
        raise ConformanceError(f"[{check}] {message}")


def action_mask(env: gym.Env[Any, Any]) -> npt.NDArray[np.bool_] | None:
    """The environment's `action_masks()`, or ``None`` where it has none."""
    masks = getattr(env.unwrapped, "action_masks", None)
    return None if masks is None else np.asarray(masks())


def sample_action(
    space: spaces.Space[Any], mask: npt.NDArray[np.bool_] | None, rng: np.random.Generator
) -> Any:
    """Draw an allowed action uniformly; a function of the generator alone.

    Where a `Discrete` mask allows nothing (an episode that has ended), the first action is
    returned: vector environments ignore it. Masks of a `MultiDiscrete` space are concatenated, as
    sb3-contrib has them.
    """
    if isinstance(space, spaces.Discrete):
        allowed = np.arange(space.n) if mask is None else np.flatnonzero(mask)
        return int(space.start + (allowed[rng.integers(len(allowed))] if len(allowed) else 0))
    if isinstance(space, spaces.MultiDiscrete):
        lengths = [int(n) for n in space.nvec]
        flat = np.ones(sum(lengths), dtype=bool) if mask is None else mask
        parts = np.split(flat, np.cumsum(lengths)[:-1])
        drawn = [rng.choice(np.flatnonzero(part)) if part.any() else 0 for part in parts]
        return np.array(drawn, dtype=space.dtype)
    if isinstance(space, spaces.Box):
        return rng.uniform(space.low, space.high).astype(space.dtype)
    space.seed(int(rng.integers(2**31)))
    return space.sample()


def play(
    env: gym.Env[Any, Any],
    *,
    seed: int,
    steps: int,
    action_seed: int = 0,
    before_step: Callable[[], None] | None = None,
    tamper: Callable[[Any, dict[str, Any]], None] | None = None,
) -> list[Step]:
    """Play `steps` random allowed actions over as many episodes as it takes.

    Parameters
    ----------
    env : gymnasium.Env
        The environment.
    seed : int
        Seed of the first reset; later resets carry none, as in training.
    steps : int
        Number of actions.
    action_seed : int
        Seed of the random policy.
    before_step : callable, optional
        Called before each action.
    tamper : callable, optional
        Given each returned observation and info, after they were copied: what it does to them
        must not matter.
    """
    rng = np.random.default_rng(action_seed)
    record: list[Step] = []

    def keep(action: Any, observation: Any, reward: Any, ends: Any, info: dict[str, Any]) -> None:
        step = Step(action, observation, float(reward), bool(ends[0]), bool(ends[1]), info)
        record.append(copy.deepcopy(step))
        if tamper is not None:
            tamper(observation, info)

    observation, info = env.reset(seed=seed)
    keep(None, observation, 0.0, (False, False), info)
    for _ in range(steps):
        if record[-1].ended:
            observation, info = env.reset()
            keep(None, observation, 0.0, (False, False), info)
        if before_step is not None:
            before_step()
        action = sample_action(env.action_space, action_mask(env), rng)
        observation, reward, terminated, truncated, info = env.step(action)
        keep(action, observation, reward, (terminated, truncated), info)
    return record


def difference(first: Any, second: Any, where: str = "") -> str | None:
    """Describe the first difference between two nested values, or return ``None``.

    Floats are compared bit for bit, except that all NaN are equal.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        if set(first) != set(second):
            odd = sorted(str(key) for key in set(first) ^ set(second))
            return f"{where or 'value'}: keys {odd} are on one side only"
        pairs: Iterable[tuple[Any, Any, Any]] = ((k, first[k], second[k]) for k in first)
        return _first(pairs, where)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        if len(first) != len(second):
            return f"{where or 'value'}: {len(first)} against {len(second)} elements"
        return _first(
            ((i, a, b) for i, (a, b) in enumerate(zip(first, second, strict=True))), where
        )
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape:
        return f"{where or 'value'}: shape {a.shape} against {b.shape}"
    if a.dtype == object or b.dtype == object:
        same = a.shape == () and (first is second or first == second)
        if a.shape:
            return difference(list(first), list(second), where)
        return None if same else f"{where or 'value'}: {first!r} against {second!r}"
    unequal = a != b
    if np.issubdtype(a.dtype, np.inexact) and np.issubdtype(b.dtype, np.inexact):
        unequal &= ~(np.isnan(a) & np.isnan(b))
    if not unequal.any():
        return None
    place = tuple(int(i) for i in np.argwhere(unequal)[0])
    inside = f"[{', '.join(map(str, place))}]" if place else ""
    return f"{where or 'value'}{inside}: {a[place]!r} against {b[place]!r}"


def _first(pairs: Iterable[tuple[Any, Any, Any]], where: str) -> str | None:
    for key, a, b in pairs:
        found = difference(a, b, f"{where}.{key}" if where else str(key))
        if found:
            return found
    return None


def require_equal(check: str, what: str, first: list[Step], second: list[Step]) -> None:
    """Raise `ConformanceError` at the first step where two rollouts differ."""
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        for field in ("action", "observation", "reward", "terminated", "truncated", "info"):
            found = difference(getattr(a, field), getattr(b, field), field)
            require(found is None, check, f"{what}: call {index} (0 is the reset): {found}")
    lengths = f"{len(first)} against {len(second)} calls"
    require(len(first) == len(second), check, f"{what}: {lengths}")


def digest(record: list[Step], decimals: int | None = None) -> str:
    """SHA-256 of a rollout: of its bits, or of its numbers rounded to `decimals`.

    Rounding makes the digest the same on processors whose last bits differ.
    """
    state = hashlib.sha256()
    for step in record:
        parts = (step.action, step.observation, step.reward, step.terminated, step.truncated)
        for part in (*parts, step.info):
            _absorb(state, part, decimals)
    return state.hexdigest()


def _absorb(state: Any, value: Any, decimals: int | None) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            state.update(str(key).encode())
            _absorb(state, value[key], decimals)
    elif isinstance(value, list | tuple):
        for item in value:
            _absorb(state, item, decimals)
    elif value is None or isinstance(value, str):
        state.update(repr(value).encode())
    else:
        array = np.asarray(value)
        if decimals is not None and np.issubdtype(array.dtype, np.inexact):
            # Adding zero turns -0.0 into 0.0.
            array = np.round(array.astype(np.float64), decimals) + 0.0
        state.update(f"{array.dtype.kind}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
