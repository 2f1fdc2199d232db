"""PettingZoo environments: its own API tests, and seeded determinism over whole episodes."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Kwargs,
    difference,
    label,
    require,
    sample_action,
)

__all__ = ["check_aec", "check_multi_agent", "check_parallel"]

MultiTarget = str | Callable[..., Any]

# Advice of PettingZoo's checker that does not fit environments with named agents and masks: it
# wants names like "player_0", equal spaces for all agents, bare Box observations (although its own
# classic games use the same {"observation", "action_mask"} dictionaries as we do) and no
# MultiDiscrete actions.
ADVICE = re.compile(
    r"We recommend agents to be named|Agents have different observation space sizes"
    r"|Observation space for each agent probably should be|Observation is not a NumPy array"
    r"|Observations are different shapes|Action space for each agent probably should be"
)


def check_multi_agent(
    parallel: MultiTarget, aec: MultiTarget | None = None, kwargs: Kwargs = None
) -> None:
    """Run `check_parallel`, and `check_aec` where a turn-based version is given.

    Parameters
    ----------
    parallel, aec : str or callable
        PettingZoo ids, or the functions `parallel_env` and `env`.
    kwargs : mapping, optional
        Arguments of both.
    """
    check_parallel(parallel, kwargs)
    if aec is not None:
        check_aec(aec, kwargs)


def check_parallel(target: MultiTarget, kwargs: Kwargs = None, *, cycles: int = 300) -> None:
    """PettingZoo's `parallel_api_test`, determinism, masks, shared form, rendering."""
    from pettingzoo.test import parallel_api_test

    name = f"{_name(target, kwargs)} (parallel)"
    env = _make("parallel", target, kwargs)
    _accept_made_up_option(env)
    _strictly("parallel", name, lambda: parallel_api_test(env, num_cycles=cycles))
    runs = [_play_parallel(_make("parallel", target, kwargs), seed=5, cycles=cycles)]
    used = _make("parallel", target, kwargs)
    runs.append(_play_parallel(used, seed=5, cycles=cycles))
    runs.append(_play_parallel(used, seed=5, cycles=cycles))
    for what, run in zip(("a second instance", "a used instance"), runs[1:], strict=True):
        found = difference(runs[0], run, "cycles")
        require(found is None, "parallel", f"{name}: the same seed on {what}: {found}")
    other = _play_parallel(used, seed=6, cycles=cycles)
    # Where there is only one instance, and no luck in it, seeds need not differ.
    single = getattr(used.unwrapped, "num_instances", None) == 1
    require(
        difference(runs[0], other) is not None or cycles == 0 or single,
        "parallel",
        f"{name}: seeds 5 and 6 give the same episodes",
    )
    _check_masks_refused(name, _make("parallel", target, kwargs))
    _check_render(name, lambda mode: _make("parallel", target, kwargs, render_mode=mode))


def check_aec(target: MultiTarget, kwargs: Kwargs = None, *, cycles: int = 100) -> None:
    """PettingZoo's `api_test`, and determinism over whole episodes."""
    from pettingzoo.test import api_test

    name = f"{_name(target, kwargs)} (AEC)"
    env = _make("aec", target, kwargs)
    _accept_made_up_option(env)
    _strictly("aec", name, lambda: api_test(env, num_cycles=cycles))
    first, second = (
        _play_aec(_make("aec", target, kwargs), seed=5, turns=10 * cycles) for _ in range(2)
    )
    found = difference(first, second, "turns")
    require(found is None, "aec", f"{name}: the same seed on a second instance: {found}")


def _play_parallel(env: Any, *, seed: int, cycles: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    observations, infos = env.reset(seed=seed)
    record = [_copied({"observations": observations, "infos": infos})]
    for _ in range(cycles):
        if not env.agents:
            observations, infos = env.reset()
            record.append(_copied({"observations": observations, "infos": infos}))
        actions = {
            agent: sample_action(
                env.action_space(agent), _mask(observations[agent], infos[agent]), rng
            )
            for agent in env.agents
        }
        for agent in env.agents:
            inside = env.observation_space(agent).contains(observations[agent])
            require(inside, "parallel", f"{env}: observation of {agent} is outside its space")
        observations, rewards, terminations, truncations, infos = env.step(actions)
        record.append(
            _copied(
                {
                    "actions": actions,
                    "observations": observations,
                    "rewards": rewards,
                    "terminations": terminations,
                    "truncations": truncations,
                    "infos": infos,
                }
            )
        )
    return record


def _play_aec(env: Any, *, seed: int, turns: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    record: list[dict[str, Any]] = []
    env.reset(seed=seed)
    for _ in range(turns):
        if not env.agents:
            env.reset()
        agent = env.agent_selection
        observation, reward, terminated, truncated, info = env.last()
        action = None
        if not (terminated or truncated):
            action = sample_action(env.action_space(agent), _mask(observation, info), rng)
        turn = {"agent": agent, "observation": observation, "reward": reward, "info": info}
        record.append(_copied({**turn, "ends": [terminated, truncated], "action": action}))
        env.step(action)
    return record


def _check_masks_refused(name: str, env: Any) -> None:
    """A masked action of any agent raises a typed error."""
    from chipgym.simulators.core.errors import InvalidValueError

    rng = np.random.default_rng(0)
    observations, infos = env.reset(seed=0)
    masks = {agent: _mask(observations[agent], infos[agent]) for agent in env.agents}
    allowed = {
        agent: sample_action(env.action_space(agent), mask, rng) for agent, mask in masks.items()
    }
    for agent, mask in masks.items():
        if mask is None or mask.all():
            continue
        wrong = {**allowed, agent: int(np.flatnonzero(~mask)[0])}
        try:
            env.step(wrong)
        except InvalidValueError:
            continue
        except Exception as error:
            raise ConformanceError(
                f"[parallel] {name}: masked action of {agent} raises {error!r}, "
                "not InvalidValueError"
            ) from error
        raise ConformanceError(f"[parallel] {name}: a masked action of {agent} is accepted")


def _check_render(name: str, make: Callable[[str], Any]) -> None:
    for mode in [m for m in make("ansi").metadata.get("render_modes", []) if m != "human"]:
        env = make(mode)
        _play_parallel(env, seed=0, cycles=5)
        frame = env.render()
        if mode == "ansi":
            ok = isinstance(frame, str) and bool(frame.strip())
        else:
            ok = isinstance(frame, np.ndarray) and frame.dtype == np.uint8 and frame.ndim == 3
        require(ok, "parallel", f"{name}: render mode {mode!r} gives {type(frame).__name__}")
        env.close()


def _name(target: MultiTarget, kwargs: Kwargs) -> str:
    if isinstance(target, str):
        return label(target, kwargs)
    module = getattr(target, "__module__", "")
    inside = ", ".join(f"{key}={value!r}" for key, value in (kwargs or {}).items())
    return f"{module}.{getattr(target, '__name__', target)}({inside})"


def _make(kind: Any, target: MultiTarget, kwargs: Kwargs, **more: Any) -> Any:
    arguments = {**(kwargs or {}), **more}
    if not isinstance(target, str):
        return target(**arguments)
    import pettingzoo

    return pettingzoo.make(kind, target, **arguments)


def _mask(observation: Any, info: Mapping[str, Any]) -> Any:
    for place in (observation, info):
        if isinstance(place, Mapping) and "action_mask" in place:
            return np.asarray(place["action_mask"]).astype(bool)
    return None


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def _accept_made_up_option(env: Any) -> None:
    """PettingZoo's tests pass ``options={"options": 1}``; strict environments refuse that."""
    reset = env.reset

    def lenient(seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        known = {key: value for key, value in (options or {}).items() if key != "options"}
        return reset(seed=seed, options=known)

    env.reset = lenient


def _strictly(check: str, name: str, run: Callable[[], None]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                run()
        except Exception as error:
            raise ConformanceError(f"[{check}] {name}: {error!r}") from error
    serious = [str(item.message) for item in caught if not ADVICE.search(str(item.message))]
    require(not serious, check, f"{name}: warnings: {sorted(set(serious))}")
