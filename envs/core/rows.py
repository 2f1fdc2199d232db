"""Arguments that all native vector environments take: rows, autoreset mode, seeds, reset masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["check_rows", "chosen_rows", "seed_rows"]

Bools = npt.NDArray[np.bool_]


def check_rows(
    num_envs: int, autoreset_mode: AutoresetMode | str, render_mode: str | None
) -> tuple[int, AutoresetMode]:
    """Return the number of rows and the autoreset mode, checked.

    Raises
    ------
    InvalidValueError, UnknownNameError
        There is no row, or a render mode, or the autoreset mode is unknown.
    """
    if render_mode is not None:
        raise InvalidValueError("render_mode", render_mode, "None: render a scalar environment")
    if not isinstance(num_envs, int | np.integer) or num_envs < 1:
        raise InvalidValueError("num_envs", num_envs, "an integer >= 1")
    modes = [mode.value for mode in AutoresetMode]
    name = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
    if name not in modes:
        raise UnknownNameError("autoreset_mode", name, modes)
    return int(num_envs), AutoresetMode(name)


def chosen_rows(reset_mask: Any, num_envs: int) -> Bools:
    """Return the rows to reset: those of the mask, all without one.

    Raises
    ------
    InvalidValueError
        It is not a bool array with an element a row, or has no True.
    """
    if reset_mask is None:
        return np.ones(num_envs, dtype=np.bool_)
    if getattr(reset_mask, "shape", None) != (num_envs,) or reset_mask.dtype != np.bool_:
        raise InvalidValueError("reset_mask", reset_mask, f"a bool array of shape ({num_envs},)")
    if not reset_mask.any():
        raise InvalidValueError("reset_mask", reset_mask, "at least one True")
    return np.asarray(reset_mask)


def seed_rows(
    generators: list[np.random.Generator], seed: int | Sequence[int | None] | None, rows: Bools
) -> None:
    """Seed the generators of the chosen rows, row i with ``seed + i``; make those that lack.

    Parameters
    ----------
    generators : list of numpy.random.Generator
        One a row, or none yet; changed in place.
    seed : int, sequence of int or None
        None, for all rows or for one, leaves a generator as it is.
    rows : bool array, shape (N,)

    Raises
    ------
    InvalidValueError
        There are not as many seeds as rows.
    """
    seeds = _seeds(seed, len(rows))
    for row, own in enumerate(seeds):
        if len(generators) <= row:
            generators.append(seeding.np_random(own)[0])
        elif rows[row] and own is not None:
            generators[row] = seeding.np_random(own)[0]


def _seeds(seed: int | Sequence[int | None] | None, num_envs: int) -> list[int | None]:
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, int | np.integer):
        return [int(seed) + row for row in range(num_envs)]
    if len(seed) != num_envs:
        raise InvalidValueError("seed", len(seed), f"{num_envs} seeds, one a row")
    return list(seed)
