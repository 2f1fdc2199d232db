"""The design space, and the distinct controllers in it.

Most of ArchGym's designs differ only in settings that are ignored (the active transactions of the
Simple arbiter, the flexibility of refreshes that never come) or that coincide where nothing is
written. Designs with the same canonical configuration have the same result by construction, so one
simulation serves them all.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.design_space import DesignSpace
from chipgym.envs.dram_tuning.knobs import build_knobs
from chipgym.simulators.dram.config import ControllerConfig

__all__ = ["KNOB_SET", "Space", "archgym_space"]

KNOB_SET = "archgym"


@dataclass(frozen=True, eq=False)
class Space:
    """All D designs of a knob set and their C canonical controllers, for traces of reads.

    Attributes
    ----------
    designs : DesignSpace
    configs : tuple of ControllerConfig
        The canonical controllers, in the order of the first design of each.
    canonical : int32 array, shape (D,)
        Controller of each design; designs count like an odometer, the last knob fastest.
    """

    designs: DesignSpace
    configs: tuple[ControllerConfig, ...]
    canonical: npt.NDArray[np.int32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each knob."""
        return tuple(self.designs.lengths)

    def number(self, design: Sequence[int] | npt.NDArray[np.integer]) -> int:
        """Return the number of a design, given as value indexes."""
        return int(np.ravel_multi_index(tuple(int(value) for value in design), self.shape))

    def design(self, number: int) -> npt.NDArray[np.int64]:
        """Return the value indexes of a design by number."""
        return np.array(np.unravel_index(number, self.shape), dtype=np.int64)


@functools.cache
def archgym_space() -> Space:
    """Return ArchGym's space in the form that its RL agents search: 442,368 designs."""
    designs = DesignSpace(build_knobs(KNOB_SET, ()), refresh_required=False)
    numbers: dict[ControllerConfig, int] = {}
    canonical = np.empty(designs.size, dtype=np.int32)
    for index, design in enumerate(itertools.product(*map(range, designs.lengths))):
        config, _ = designs.config(design)
        config = config.canonical(reads_only=True)
        canonical[index] = numbers.setdefault(config, len(numbers))
    return Space(designs, tuple(numbers), canonical)
