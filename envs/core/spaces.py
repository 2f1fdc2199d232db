"""Action spaces that know what is legal at the moment, so that plain sampling works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

__all__ = ["FeasibleMultiDiscrete", "LegalDiscrete", "LegalMultiDiscrete"]

Mask = npt.NDArray[Any]

# Where almost nothing is feasible, an infeasible design is better than none.
MAX_DRAWS = 10_000


class LegalDiscrete(spaces.Discrete):
    """`Discrete`, except that ``sample()`` without a mask draws among the actions legal now.

    The environment keeps `legal` up to date, so ``env.step(env.action_space.sample())`` never meets
    a masked action. Everything else, ``contains`` and equality included, is that of `Discrete`.

    Attributes
    ----------
    legal : bool array, shape (n,), or None
        Legal actions; None, or no legal one: all are drawn.
    """

    legal: Mask | None = None

    def sample(self, mask: Any = None, probability: Any = None) -> np.int64:
        """Draw an action; with `mask` or `probability` exactly as `Discrete` does."""
        if mask is None and probability is None and self.legal is not None and self.legal.any():
            return np.int64(self.start + self.np_random.choice(np.flatnonzero(self.legal)))
        return np.int64(super().sample(mask, probability))


class LegalMultiDiscrete(spaces.MultiDiscrete):
    """`MultiDiscrete` of N equal `LegalDiscrete`, for vector environments.

    Attributes
    ----------
    legal : bool array, shape (N, n), or None
        Legal actions of each row; rows without a legal one draw from all.
    """

    legal: Mask | None = None

    def sample(self, mask: Any = None, probability: Any = None) -> npt.NDArray[Any]:
        """Draw one action a row; with `mask` or `probability` exactly as `MultiDiscrete` does."""
        if mask is not None or probability is not None or self.legal is None:
            return np.asarray(super().sample(mask, probability))
        legal = self.legal | ~self.legal.any(axis=1, keepdims=True)
        keys = np.where(legal, self.np_random.random(legal.shape), -1.0)
        return np.asarray(keys.argmax(axis=1), dtype=self.dtype)


class FeasibleMultiDiscrete(spaces.MultiDiscrete):
    """`MultiDiscrete` of designs whose values may be wrong only together.

    Masks for each position cannot say that two values do not go together. So ``sample()`` without
    a mask draws until a design is feasible; everything else is that of `MultiDiscrete`.

    Attributes
    ----------
    feasible : callable or None
        Whether a design, int array of shape (knobs,), is feasible; None: all are.
    options : callable or None
        Given the choices of the first knobs, which options the next knob has if the design is to
        be feasible, a sequence of bool; None: all. For searchers that decide knob by knob.
    segments : tuple of (str, int)
        Consecutive knobs that belong together: the kind of part that they describe, and how many
        they are. Empty: nothing is known.
    """

    feasible: Callable[[npt.NDArray[Any]], bool] | None = None
    options: Callable[[Sequence[int]], Sequence[bool]] | None = None
    segments: tuple[tuple[str, int], ...] = ()

    def sample(self, mask: Any = None, probability: Any = None) -> npt.NDArray[Any]:
        """Draw a design; with `mask` or `probability` exactly as `MultiDiscrete` does."""
        drawn = np.asarray(super().sample(mask, probability))
        if mask is not None or probability is not None or self.feasible is None:
            return drawn
        for _ in range(MAX_DRAWS):
            if self.feasible(drawn):
                break
            drawn = np.asarray(super().sample())
        return drawn
