"""The design space, and the distinct controllers in it.

Most of ArchGym's designs differ only in settings that are ignored (the active transactions of the
Simple arbiter, the flexibility of refreshes that never come) or that coincide where nothing is
written. Designs with the same canonical configuration have the same result by construction, so one
simulation serves them all.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.design_space import DesignSpace
from chipgym.envs.dram_tuning.knobs import build_knobs
from chipgym.simulators.dram.config import ControllerConfig

__all__ = ["KNOB_SET", "Space", "archgym_space"]

KNOB_SET = "archgym"
FREE = ("page_policy", "request_buffer_size", "response_queue")
"""Knobs that no rule ties to another: the canonical form keeps them."""
Ints = npt.NDArray[np.integer]


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
    lengths = np.array(designs.lengths)
    indexes = np.stack(np.unravel_index(np.arange(designs.size), designs.lengths), axis=1)
    is_free = np.array([knob.name in FREE for knob in designs.knobs])
    tied, free = _odometer(indexes, lengths, ~is_free), _odometer(indexes, lengths, is_free)
    # Classes of what is tied to other knobs, the free knobs at their first value; then all.
    _, example, combination = np.unique(tied, return_index=True, return_inverse=True)
    classes: dict[ControllerConfig, int] = {}
    rest = np.where(is_free, 0, indexes[example])
    of_class = np.array(
        [classes.setdefault(_canonical(designs, row), len(classes)) for row in rest]
    )
    labels = of_class[combination] * (int(free.max()) + 1) + free
    _, first, label = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    configs = tuple(_canonical(designs, indexes[number]) for number in first[order])
    return Space(designs, configs, rank[label].astype(np.int32))


def _odometer(indexes: Ints, lengths: Ints, chosen: npt.NDArray[np.bool_]) -> Ints:
    """Number the combinations of the chosen knobs."""
    return np.asarray(np.ravel_multi_index(tuple(indexes[:, chosen].T), tuple(lengths[chosen])))


def _canonical(designs: DesignSpace, row: Ints) -> ControllerConfig:
    config, _ = designs.config(tuple(row.tolist()))
    return config.canonical(reads_only=True)
