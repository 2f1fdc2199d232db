"""Designs: the tokens of all networks, then those of the chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.accuracy.provider import Task
from chipgym.envs.codesign.hardware import TOKENS_PER_UNIT, HardwareSpace
from chipgym.envs.codesign.spaces import (
    Architecture,
    ArchitectureSpace,
    Choices,
    Token,
    space_named,
)
from chipgym.envs.core.spaces import FeasibleMultiDiscrete
from chipgym.simulators.accelerator.design import Chip
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Design", "DesignSpace", "Parts"]

Design = tuple[int, ...]
"""Index of an option for each token."""

Parts = tuple[Choices, ...]
"""Choices of each segment so far: one segment a network, and the chip last."""


@dataclass(frozen=True, eq=False)
class DesignSpace:
    """Networks for all tasks of a workload, and a chip.

    Attributes
    ----------
    tasks : tuple of Task
    hardware : HardwareSpace
    """

    tasks: tuple[Task, ...]
    hardware: HardwareSpace

    @cached_property
    def architectures(self) -> tuple[ArchitectureSpace, ...]:
        """Space of each task's networks."""
        return tuple(space_named(task.space) for task in self.tasks)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Names of the segments: the tasks', then ``"chip"``."""
        return (*(task.name for task in self.tasks), "chip")

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens in order, each name prefixed by its segment."""
        parts = (*(space.tokens for space in self.architectures), self.hardware.tokens)
        return tuple(
            Token(f"{segment}.{token.name}", token.options, token.meaning)
            for segment, tokens in zip(self.segments, parts, strict=True)
            for token in tokens
        )

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each segment."""
        return (*(len(space.tokens) for space in self.architectures), len(self.hardware.tokens))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Place of each segment's first token."""
        return tuple(int(n) for n in np.cumsum((0, *self.lengths))[:-1])

    @cached_property
    def num_options(self) -> tuple[int, ...]:
        """Options of each token."""
        return tuple(len(token.options) for token in self.tokens)

    @property
    def chip_segment(self) -> int:
        """Number of the chip's segment."""
        return len(self.tasks)

    @cached_property
    def empty(self) -> Parts:
        """Nothing chosen."""
        return ((),) * len(self.segments)

    @cached_property
    def default(self) -> Design:
        """Small networks on a chip of which each unit has an equal share of the budgets."""
        space = self.hardware
        parts: list[int] = []
        for own in self.architectures:
            parts += own.complete(())
        for unit in range(space.units):
            share = space.budget.pes // space.units
            width = space.budget.bandwidth // space.units
            pes = max(i for i, count in enumerate(space.pes) if count <= share)
            bandwidth = max(i for i, count in enumerate(space.bandwidth) if count <= width)
            parts += (unit % 3, pes, bandwidth)
        return tuple(parts)

    def split(self, design: Sequence[int]) -> Parts:
        """Return the choices of each segment."""
        return tuple(
            tuple(design[start : start + length])
            for start, length in zip(self.starts, self.lengths, strict=True)
        )

    def segment_of(self, parts: Parts) -> int:
        """Return the first segment that is not complete; the number of segments if all are."""
        for number, (part, length) in enumerate(zip(parts, self.lengths, strict=True)):
            if len(part) < length:
                return number
        return len(parts)

    def legal(self, parts: Parts, segment: int) -> tuple[bool, ...]:
        """Return which options the next token of a segment has."""
        if segment == self.chip_segment:
            return self.hardware.legal(parts[segment])
        return self.architectures[segment].legal(parts[segment])

    def extend(self, parts: Parts, segment: int, choice: int) -> Parts:
        """Return the parts with one token more."""
        return (*parts[:segment], (*parts[segment], choice), *parts[segment + 1 :])

    def check(self, design: Any, field: str = "design") -> Design:
        """Return a design as a tuple.

        Raises
        ------
        InvalidValueError
            It has another length, or a number out of range.
        """
        array = np.asarray(design)
        limits = np.array(self.num_options)
        inside = array.shape == limits.shape and array.dtype.kind in "iu"
        if not inside or (array < 0).any() or (array >= limits).any():
            raise InvalidValueError(field, design, f"{len(limits)} integers >= 0 and < {limits}")
        return tuple(int(number) for number in array)

    def reason(self, design: Design) -> str:
        """Return why a design is none; empty if it is one."""
        parts = self.split(design)
        for name, space, part in zip(self.segments, self.architectures, parts, strict=False):
            found = space.reason(part)
            if found:
                return f"{name}: {found}"
        return self.hardware.reason(parts[-1])

    def canonical(self, design: Design) -> Design:
        """Return the design with tokens that do not matter set to their first option."""
        parts = self.split(design)
        result: list[int] = []
        for space, part in zip(self.architectures, parts, strict=False):
            result += space.canonical(part)
        return (*result, *self.hardware.canonical(parts[-1]))

    def networks_of(self, design: Design) -> tuple[Architecture, ...]:
        """Return the architecture for each task."""
        parts = self.split(design)
        return tuple(
            space.architecture(part) for space, part in zip(self.architectures, parts, strict=False)
        )

    def networks(self, architectures: Sequence[Architecture]) -> tuple[Network, ...]:
        """Return the networks of the tasks' architectures."""
        entries = [data_set_named(task.data_set) for task in self.tasks]
        return tuple(
            architecture.network(entry.shape, entry.classes)
            for architecture, entry in zip(architectures, entries, strict=True)
        )

    def chip_of(self, design: Design) -> Chip:
        """Return the chip."""
        return self.hardware.chip(self.split(design)[-1])

    def key(self, design: Design) -> str:
        """Return what decides the results of a design, as text."""
        parts = [architecture.key for architecture in self.networks_of(design)]
        chip = self.hardware.canonical(self.split(design)[-1])
        return "|".join([*parts, "chip:" + "-".join(map(str, chip))])

    def decode(self, design: Design) -> dict[str, int | str]:
        """Return the options by token."""
        return {
            token.name: token.options[index]
            for token, index in zip(self.tokens, design, strict=True)
        }

    def space(self) -> FeasibleMultiDiscrete:
        """Return the space of designs; plain samples keep to the budgets."""
        space: FeasibleMultiDiscrete = FeasibleMultiDiscrete(list(self.num_options))
        space.feasible = self._feasible
        space.options = self.options
        networks = [("network", length) for length in self.lengths[:-1]]
        units = [("hardware", TOKENS_PER_UNIT)] * self.hardware.units
        space.segments = (*networks, *units)
        return space

    def options(self, prefix: Sequence[int]) -> tuple[bool, ...]:
        """Return which options the token after the first ones has."""
        parts = tuple(
            tuple(prefix[start : start + length])
            for start, length in zip(self.starts, self.lengths, strict=True)
        )
        return self.legal(parts, self.segment_of(parts))

    def _feasible(self, design: npt.NDArray[Any]) -> bool:
        return not self.reason(tuple(int(number) for number in design))

    def sample(self, rng: np.random.Generator) -> Design:
        """Draw a design token by token among what is legal."""
        parts = self.empty
        while (segment := self.segment_of(parts)) < len(parts):
            choice = int(rng.choice(np.flatnonzero(self.legal(parts, segment))))
            parts = self.extend(parts, segment, choice)
        return tuple(choice for part in parts for choice in part)
