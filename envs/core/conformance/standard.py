"""The checkers of Gymnasium and Stable-Baselines3, with warnings as errors; EnvSpec; rendering."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Kwargs,
    Target,
    label,
    make,
    play,
    require,
    require_equal,
)
from chipgym.envs.core.wrappers import repair_action

__all__ = [
    "check_gymnasium",
    "check_rendering",
    "check_spec_round_trip",
    "check_stable_baselines3",
]


def check_gymnasium(target: Target, kwargs: Kwargs = None) -> None:
    """Run Gymnasium's `check_env` on the bare environment; any warning fails."""
    from gymnasium.utils.env_checker import check_env

    env = make(target, kwargs).unwrapped
    _accept_masked_actions(env)
    # Rendering is checked by `check_rendering`; without a spec the checker only complains.
    _strictly("gymnasium", target, kwargs, lambda: check_env(env, skip_render_check=True))


def check_stable_baselines3(target: Target, kwargs: Kwargs = None) -> None:
    """Run Stable-Baselines3's `check_env`; any warning fails."""
    from stable_baselines3.common.env_checker import check_env

    env = make(target, kwargs).unwrapped
    _accept_masked_actions(env)
    _strictly("stable_baselines3", target, kwargs, lambda: check_env(env, warn=True))


def check_spec_round_trip(target: Target, kwargs: Kwargs = None, *, steps: int = 50) -> None:
    """``gym.make(EnvSpec.from_json(env.spec.to_json()))`` is the same environment."""
    name, env = label(target, kwargs), make(target, kwargs)
    require(env.spec is not None, "spec", f"{name}: env.spec is missing; make it by its id")
    assert env.spec is not None
    try:
        text = env.spec.to_json()
        other = gym.make(EnvSpec.from_json(text))
    except Exception as error:
        raise ConformanceError(
            f"[spec] {name}: the spec does not survive JSON: {error!r}"
        ) from error
    assert other.spec is not None
    require(other.spec.to_json() == text, "spec", f"{name}: the spec read back is another one")
    first, second = (play(made, seed=5, steps=steps) for made in (env, other))
    require_equal(
        "spec", f"{name}: the environment made from its spec behaves otherwise", first, second
    )


def check_rendering(target: Target, kwargs: Kwargs = None, *, steps: int = 20) -> None:
    """Each declared render mode gives what it must, at the start, mid-episode and after the end."""
    name = label(target, kwargs)
    modes = make(target, kwargs).metadata.get("render_modes", [])
    for mode in modes:
        env = make(target, kwargs, render_mode=mode)
        env.reset(seed=0)
        _check_frame(name, mode, env.render())
        play(env, seed=0, steps=steps)
        _check_frame(name, mode, env.render())
        env.close()
    for mode in set(modes) - {"human"}:
        with_render = play(make(target, kwargs, render_mode=mode), seed=1, steps=steps)
        without = play(make(target, kwargs), seed=1, steps=steps)
        require_equal(
            "render", f"{name}: render_mode={mode!r} changes results", with_render, without
        )


def _check_frame(name: str, mode: str, frame: Any) -> None:
    if mode == "ansi":
        ok = isinstance(frame, str) and bool(frame.strip())
        require(ok, "render", f"{name}: 'ansi' must give text, not {type(frame).__name__}")
    elif mode == "rgb_array":
        image = isinstance(frame, np.ndarray) and frame.dtype == np.uint8
        ok = image and frame.ndim == 3 and frame.shape[2] == 3 and bool(frame.std() > 0)
        what = f"{type(frame).__name__} {getattr(frame, 'shape', '')} {getattr(frame, 'dtype', '')}"
        require(
            ok, "render", f"{name}: 'rgb_array' must give a uint8 image with content, not {what}"
        )
    elif mode == "human":
        require(frame is None, "render", f"{name}: 'human' must return None")


def _accept_masked_actions(env: gym.Env[Any, Any]) -> None:
    """Let a checker that samples without masks act: masked actions become allowed ones."""
    masks = getattr(env, "action_masks", None)
    if masks is None:
        return
    step = env.step
    # On the instance, because the checkers complain about wrappers.
    object.__setattr__(env, "step", lambda action: step(repair_action(action, masks())))


def _strictly(check: str, target: Target, kwargs: Kwargs, run: Callable[[], None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            run()
        except (Exception, Warning) as error:
            raise ConformanceError(f"[{check}] {label(target, kwargs)}: {error}") from error
