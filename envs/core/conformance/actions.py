"""Masks, bounds, rewards and reset options."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Kwargs,
    Target,
    action_mask,
    difference,
    label,
    make,
    play,
    require,
    sample_action,
)
from chipgym.envs.core.fields import ObservationLayout
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError

__all__ = ["check_bounds", "check_masks", "check_reset_options", "check_rewards"]


def check_masks(
    target: Target,
    kwargs: Kwargs = None,
    *,
    steps: int = 60,
    actions_per_step: int = 6,
    seed: int = 0,
) -> None:
    """Masks tell the truth.

    At each decision: the mask is a fresh bool array equal to ``info["action_mask"]`` and allows
    something; masked-out and out-of-range actions raise `InvalidValueError` and change nothing;
    allowed actions work. After the end every action raises.
    """
    name, env = label(target, kwargs), make(target, kwargs)
    base: Any = env.unwrapped
    space = env.action_space
    require(isinstance(space, spaces.Discrete), "masks", f"{name}: wants a Discrete action space")
    assert isinstance(space, spaces.Discrete)
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    ended = False
    for index in range(steps):
        where = f"{name}: step {index}"
        mask = base.action_masks()
        _check_mask_form(where, mask, info, int(space.n))
        if ended:
            _, info = _after_end(where, env, rng)
            ended = False
            continue
        require(bool(mask.any()), "masks", f"{where}: nothing is allowed before the end")
        forbidden = rng.permutation(np.flatnonzero(~mask))[:actions_per_step]
        for action in (*forbidden.tolist(), int(space.n), -1):
            _must_refuse(where, env, action)
        for action in rng.permutation(np.flatnonzero(mask))[:actions_per_step].tolist():
            state = base.get_state()
            _must_accept(where, env, action)
            base.set_state(state)
        action = sample_action(space, mask, rng)
        _, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated


def _check_mask_form(where: str, mask: Any, info: Mapping[str, Any], num_actions: int) -> None:
    form = isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.shape == (num_actions,)
    require(form, "masks", f"{where}: action_masks() must be a bool array of {num_actions}")
    require("action_mask" in info, "masks", f"{where}: info['action_mask'] is missing")
    found = difference(mask, info["action_mask"])
    require(found is None, "masks", f"{where}: info['action_mask'] is not action_masks(): {found}")


def _must_refuse(where: str, env: gym.Env[Any, Any], action: int) -> None:
    base: Any = env.unwrapped
    before = base.get_state()
    try:
        env.step(action)
    except InvalidValueError:
        unchanged = base.get_state() == before
        require(unchanged, "masks", f"{where}: refusing action {action} changed the state")
    except Exception as error:
        raise ConformanceError(
            f"[masks] {where}: action {action} raises {error!r}, not InvalidValueError"
        ) from error
    else:
        raise ConformanceError(f"[masks] {where}: action {action} is masked out, yet step took it")


def _must_accept(where: str, env: gym.Env[Any, Any], action: int) -> None:
    try:
        env.step(action)
    except Exception as error:
        raise ConformanceError(
            f"[masks] {where}: action {action} is allowed, yet step raises {error!r}"
        ) from error


def _after_end(where: str, env: gym.Env[Any, Any], rng: np.random.Generator) -> Any:
    action = sample_action(env.action_space, None, rng)
    try:
        env.step(action)
    except (ChipGymError, gym.error.Error):
        return env.reset()
    raise ConformanceError(f"[masks] {where}: the episode has ended, yet step takes an action")


def check_bounds(
    target: Target, kwargs: Kwargs = None, *, steps: int = 10_000, seed: int = 0
) -> None:
    """Observations stay in their space, and rewards finite, over random steps."""
    name, env = label(target, kwargs), make(target, kwargs)
    rng = np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    for index in range(steps + 1):
        if not env.observation_space.contains(observation):
            inside = _outside(env, observation)
            raise ConformanceError(f"[bounds] {name}: call {index}: not in its space: {inside}")
        action = sample_action(env.action_space, action_mask(env), rng)
        observation, reward, terminated, truncated, _ = env.step(action)
        require(math.isfinite(reward), "bounds", f"{name}: call {index}: reward {reward}")
        if terminated or truncated:
            observation, _ = env.reset()


def _outside(env: gym.Env[Any, Any], observation: Any) -> str:
    space = env.observation_space
    if not isinstance(space, spaces.Box) or not isinstance(observation, np.ndarray):
        return repr(observation)
    if observation.dtype != space.dtype or observation.shape != space.shape:
        form = f"{observation.dtype} {observation.shape}"
        return f"{form} instead of {space.dtype} {space.shape}"
    wrong = ~((observation >= space.low) & (observation <= space.high))
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    layout = getattr(env.unwrapped, "observation_layout", None)
    known = isinstance(layout, ObservationLayout) and len(place) == 1
    element = layout.where(place[0]) if known and layout is not None else f"element {place}"
    bounds = f"[{space.low[place]}, {space.high[place]}]"
    return f"{element} = {observation[place]} is outside {bounds}"


def check_rewards(
    target: Target,
    kwargs: Kwargs = None,
    *,
    episodes: int = 4,
    metric: str | None = None,
    expected_return: Callable[[Mapping[str, float], Any], float] | None = None,
    tolerance: float = 1e-6,
    one_sided: bool | None = None,
) -> None:
    """Reward terms add up, rewards are one-sided, and the return telescopes to the metric.

    Parameters
    ----------
    target, kwargs
        What is checked.
    episodes : int
        Random policies that play the same instance.
    metric : str, optional
        The metric of ``info["metrics"]`` that the return stands for; default: `primary_metric`.
    expected_return : callable, optional
        The return as a function of (metrics, environment at the end); default: the environment's
        own `expected_return(metrics)`, where it has one. Without either the returns of the
        different policies must be one falling straight line in the metric (rising where
        `lower_is_better` is False).
    tolerance : float
        Relative tolerance of the return.
    one_sided : bool, optional
        Whether rewards of both signs fail; default: what the environment declares in `one_sided`,
        which published forms may set to False, or else True.
    """
    name = label(target, kwargs)
    points: list[tuple[float, float]] = []
    for policy in range(episodes):
        env = make(target, kwargs)
        rewards, metrics = _episode(name, env, policy)
        declared = getattr(env.unwrapped, "expected_return", None)
        if expected_return is None and declared is not None:
            expected_return = _declared_return
        one_sign = all(r <= 0 for r in rewards) or all(r >= 0 for r in rewards)
        strict = getattr(env.unwrapped, "one_sided", True) if one_sided is None else one_sided
        require(one_sign or not strict, "rewards", f"{name}: rewards of both signs")
        total = float(np.sum(rewards))
        if expected_return is not None:
            wanted = expected_return(metrics, env.unwrapped)
            close = abs(total - wanted) <= tolerance * max(abs(wanted), 1.0)
            require(close, "rewards", f"{name}: return {total}, but its metrics say {wanted}")
        key = metric or getattr(env.unwrapped, "primary_metric", None)
        require(key in metrics, "rewards", f"{name}: info['metrics'] lacks {key!r}")
        assert key is not None
        points.append((float(metrics[key]), total))
    if expected_return is None:
        rising = not getattr(env.unwrapped, "lower_is_better", True)
        _check_line(name, points, rising, tolerance)


def _declared_return(metrics: Mapping[str, float], base: Any) -> float:
    return float(base.expected_return(metrics))


def _episode(name: str, env: Any, policy: int) -> tuple[list[float], Mapping[str, float]]:
    rng = np.random.default_rng(policy)
    env.reset(seed=11)
    rewards: list[float] = []
    evaluations = 0
    while True:
        action = sample_action(env.action_space, action_mask(env), rng)
        _, reward, terminated, truncated, info = env.step(action)
        rewards.append(float(reward))
        where = f"{name}: step {len(rewards)}"
        require("reward_terms" in info, "rewards", f"{where}: info['reward_terms'] is missing")
        added = float(sum(info["reward_terms"].values()))
        close = abs(added - reward) <= 1e-9 * max(abs(reward), 1.0)
        message = f"{where}: the terms add up to {added}, the reward is {reward}"
        require(close, "rewards", message)
        spent = info.get("evaluations")
        counted = isinstance(spent, int) and spent >= evaluations
        message = f"{where}: info['evaluations'] = {spent!r} must be an int that never falls"
        require(counted, "rewards", message)
        evaluations = int(spent)
        if terminated or truncated:
            break
        require(len(rewards) < 1_000_000, "rewards", f"{name}: a random episode does not end")
    require("metrics" in info, "rewards", f"{name}: info['metrics'] is missing at the end")
    # A design that breaks a rule is not evaluated, and may be all there is in an episode.
    counted = evaluations >= 1 or info.get("feasible") is False
    require(counted, "rewards", f"{name}: no evaluation counted by the end")
    values = info["metrics"]
    bad = [key for key, value in values.items() if not isinstance(value, float | int)]
    require(not bad, "rewards", f"{name}: metrics {bad} are not plain numbers")
    return rewards, dict(values)


def _check_line(
    name: str, points: list[tuple[float, float]], rising: bool, tolerance: float
) -> None:
    x, y = np.array(points).T
    if np.ptp(x) <= 1e-9 * np.abs(x).max():
        level = bool(np.ptp(y) <= tolerance * max(np.abs(y).max(), 1.0))
        require(level, "rewards", f"{name}: returns {y} differ where the metric {x} does not")
        return
    slope, intercept = np.polyfit(x, y, 1)
    falls = bool(slope > 0) == rising
    require(falls, "rewards", f"{name}: a better metric gives a worse return: {points}")
    error = float(np.abs(slope * x + intercept - y).max())
    straight = error <= tolerance * max(float(np.ptp(y)), 1e-12)
    message = f"{name}: the return does not telescope to the metric: {points}"
    require(straight, "rewards", message)


def check_reset_options(target: Target, kwargs: Kwargs = None) -> None:
    """Unknown options and impossible instances raise typed errors and leave the episode alone."""
    name, env = label(target, kwargs), make(target, kwargs)
    base: Any = env.unwrapped
    env.reset(seed=0)
    count = getattr(base, "num_instances", None)
    wrong: list[dict[str, Any]] = [{"instanse": 0}, {"instance": -1}, {"instance": "first"}]
    if count is not None and np.isfinite(count):
        wrong.append({"instance": int(count)})
    for options in wrong:
        state = base.get_state()
        try:
            env.reset(options=options)
        except InvalidValueError:
            same = base.get_state() == state
            require(same, "reset_options", f"{name}: a refused reset({options}) changed the state")
        except Exception as error:
            raise ConformanceError(
                f"[reset_options] {name}: reset(options={options}) raises {error!r}, "
                "not InvalidValueError"
            ) from error
        else:
            raise ConformanceError(f"[reset_options] {name}: reset(options={options}) is accepted")
    if count:
        _check_instances(name, env, int(min(count, 3)))


def _check_instances(name: str, env: Any, count: int) -> None:
    ids = []
    for index in range(count):
        first, _ = env.reset(seed=1, options={"instance": index})
        ids.append(env.unwrapped.instance_id)
        play(env, seed=2, steps=5)
        second, _ = env.reset(seed=3, options={"instance": index})
        found = difference(first, second, "observation")
        found = found or difference(ids[-1], env.unwrapped.instance_id, "instance_id")
        require(found is None, "reset_options", f"{name}: instance {index} is not fixed: {found}")
    require(len(set(ids)) == count, "reset_options", f"{name}: instance ids repeat: {ids}")
