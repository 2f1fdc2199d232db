"""The native vector environment against the scalar one, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Kwargs,
    difference,
    label,
    make,
    require,
    sample_action,
)

__all__ = ["check_async_vector", "check_vector"]

MODES = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


def check_vector(
    env_id: str,
    kwargs: Kwargs = None,
    *,
    num_envs: int = 3,
    steps: int = 200,
    seed: int = 0,
    modes: Sequence[AutoresetMode] = MODES,
) -> None:
    """The vector entry point equals `SyncVectorEnv` of scalars in every autoreset mode.

    Compared exactly: spaces, observations, rewards, terminations, truncations, infos with their
    ``_key`` masks, and `action_masks()`.
    """
    for mode in modes:
        name = f"{label(env_id, kwargs)}, {mode.name}"
        native = gym.make_vec(
            env_id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=mode,
            **(kwargs or {}),
        )
        scalar = SyncVectorEnv(
            [lambda: make(env_id, kwargs) for _ in range(num_envs)], autoreset_mode=mode
        )
        _check_declarations(name, native, scalar, mode)
        _compare("vector", name, native, scalar, steps=steps, seed=seed, mode=mode)
        _check_reproducible(name, native, seed)
        native.close()
        scalar.close()


def check_async_vector(
    env_id: str, kwargs: Kwargs = None, *, num_envs: int = 2, steps: int = 60, seed: int = 0
) -> None:
    """`AsyncVectorEnv`, with one process an environment, equals `SyncVectorEnv`."""
    made = [
        gym.make_vec(env_id, num_envs=num_envs, vectorization_mode=how, **(kwargs or {}))
        for how in ("async", "sync")
    ]
    try:
        name = f"{label(env_id, kwargs)}, async"
        _compare(
            "async", name, made[0], made[1], steps=steps, seed=seed, mode=AutoresetMode.NEXT_STEP
        )
    finally:
        for envs in made:
            envs.close()


def _check_declarations(
    name: str, native: VectorEnv[Any, Any, Any], scalar: VectorEnv[Any, Any, Any], mode: Any
) -> None:
    stated = native.metadata.get("autoreset_mode")
    message = f"{name}: metadata['autoreset_mode'] is {stated}, asked for {mode}"
    require(stated == mode, "vector", message)
    require(native.num_envs == scalar.num_envs, "vector", f"{name}: num_envs {native.num_envs}")
    for space in (
        "single_observation_space",
        "single_action_space",
        "observation_space",
        "action_space",
    ):
        same = getattr(native, space) == getattr(scalar, space)
        require(same, "vector", f"{name}: {space} differs from the scalar environment's")


def _compare(
    check: str,
    name: str,
    first: VectorEnv[Any, Any, Any],
    second: VectorEnv[Any, Any, Any],
    *,
    steps: int,
    seed: int,
    mode: AutoresetMode,
) -> None:
    rng = np.random.default_rng(seed)
    returned = [envs.reset(seed=seed) for envs in (first, second)]
    _require_same(check, f"{name}: reset", returned[0], returned[1])
    infos = returned[1][1]
    for index in range(steps):
        masks = _masks(check, f"{name}: step {index}", first, infos)
        actions = np.array(
            [
                sample_action(second.single_action_space, None if masks is None else masks[i], rng)
                for i in range(second.num_envs)
            ]
        )
        stepped = [envs.step(actions) for envs in (first, second)]
        _require_same(check, f"{name}: step {index}", stepped[0], stepped[1])
        infos = stepped[1][4]
        ended = np.asarray(stepped[1][2]) | np.asarray(stepped[1][3])
        if mode == AutoresetMode.DISABLED and ended.any():
            again = [envs.reset(options={"reset_mask": ended.copy()}) for envs in (first, second)]
            _require_same(check, f"{name}: reset after step {index}", again[0], again[1])
            infos = _merge(infos, again[1][1], ended)


def _masks(
    check: str, where: str, envs: VectorEnv[Any, Any, Any], infos: Mapping[str, Any]
) -> npt.NDArray[np.bool_] | None:
    """Masks by the infos; where the environments give them too, they must agree."""
    if "action_mask" not in infos:
        return None
    masks = np.asarray(infos["action_mask"], dtype=bool)
    own = getattr(envs.unwrapped, "action_masks", None)
    if own is not None:
        found = difference(masks, np.asarray(own()), "action_masks()")
        require(found is None, check, f"{where}: {found}")
    return masks


def _merge(
    infos: Mapping[str, Any], fresh: Mapping[str, Any], chosen: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    if "action_mask" not in infos:
        return dict(infos)
    masks = np.where(chosen[:, None], fresh["action_mask"], infos["action_mask"])
    return {**infos, "action_mask": masks}


def _require_same(check: str, where: str, first: Sequence[Any], second: Sequence[Any]) -> None:
    fields = ("observations", "rewards", "terminations", "truncations")
    parts = zip(first[:-1], second[:-1], fields, strict=False)
    for a, b, field in parts:
        found = difference(a, b, field)
        require(found is None, check, f"{where}: native against scalar: {found}")
    found = _infos_difference(first[-1], second[-1], "infos")
    require(found is None, check, f"{where}: native against scalar: {found}")


def _infos_difference(
    first: Mapping[str, Any], second: Mapping[str, Any], where: str
) -> str | None:
    """Compare vector infos: same keys, same presence masks, same values where present."""
    present = [_present(infos) for infos in (first, second)]
    if set(present[0]) != set(present[1]):
        return f"{where}: keys {sorted(set(present[0]) ^ set(present[1]))} are on one side only"
    for key, mask in present[0].items():
        found = difference(mask, present[1][key], f"{where}._{key}")
        if found is None and isinstance(second[key], Mapping):
            found = _infos_difference(first[key], second[key], f"{where}.{key}")
        elif found is None:
            for index in np.flatnonzero(mask):
                a, b = first[key][index], second[key][index]
                found = found or difference(a, b, f"{where}.{key}[{index}]")
        if found:
            return found
    return None


def _present(infos: Mapping[str, Any]) -> dict[str, npt.NDArray[np.bool_]]:
    keys = [key for key in infos if not (key.startswith("_") and key[1:] in infos)]
    for key in keys:
        if f"_{key}" not in infos:
            raise ConformanceError(f"[vector] infos has {key!r} without its mask '_{key}'")
    masks = {key: np.asarray(infos[f"_{key}"], dtype=bool) for key in keys}
    return {key: mask for key, mask in masks.items() if mask.any()}


def _check_reproducible(name: str, envs: VectorEnv[Any, Any, Any], seed: int) -> None:
    first, _ = envs.reset(seed=seed)
    kept = np.array(first, copy=True)
    envs.reset(seed=seed + 1000)
    found = difference(kept, first, "observations")
    require(found is None, "vector", f"{name}: returned observations are overwritten: {found}")
    second, _ = envs.reset(seed=seed)
    found = difference(kept, second, "observations")
    require(found is None, "vector", f"{name}: reset(seed={seed}) twice: {found}")
