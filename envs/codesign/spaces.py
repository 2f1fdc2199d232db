"""Spaces of architectures: the tokens of a network, and the network that they stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from chipgym.simulators.accelerator.layer import Shape
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.networks import NB201_OPERATIONS, nasbench201, resnet9, unet
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = [
    "FAMILIES",
    "SPACES",
    "Architecture",
    "ArchitectureSpace",
    "Choices",
    "NasBench201Space",
    "ResNet9Space",
    "Token",
    "UNetSpace",
    "space_named",
]

Choices = tuple[int, ...]
"""Index of an option for each token."""


@dataclass(frozen=True)
class Token:
    """One decision.

    Attributes
    ----------
    name : str
    options : tuple of int or str
    meaning : str
        One sentence.
    """

    name: str
    options: tuple[int | str, ...]
    meaning: str


@dataclass(frozen=True)
class Architecture:
    """A network of a family, whatever space it was chosen from.

    Attributes
    ----------
    family : str
        A key of `FAMILIES`.
    values : tuple of int
        ResNet-9: stem filters, then filters and further convolutions of each block. U-Net: filters
        of each level. NAS-Bench-201: an index in `NB201_OPERATIONS` for each edge.
    """

    family: str
    values: tuple[int, ...]

    @property
    def key(self) -> str:
        """The architecture as text, ``"resnet9:8-16-1-32-0"``."""
        return f"{self.family}:{'-'.join(map(str, self.values))}"

    @classmethod
    def of_key(cls, key: str) -> Architecture:
        """Read a key.

        Raises
        ------
        InvalidValueError, UnknownNameError
            It is not a key of an architecture.
        """
        family, _, text = key.partition(":")
        if family not in FAMILIES:
            raise UnknownNameError("family", family, FAMILIES, "architectures")
        try:
            return cls(family, tuple(int(part) for part in text.split("-")))
        except ValueError as error:
            raise InvalidValueError("architecture", key, "family:number-number-…") from error

    def network(self, input_shape: Shape, classes: int) -> Network:
        """Return the network, for the cost model and for training."""
        return FAMILIES[self.family](self.values, input_shape, classes)


def _build_resnet9(values: tuple[int, ...], shape: Shape, classes: int) -> Network:
    if len(values) < 3 or len(values) % 2 == 0:
        raise InvalidValueError("values", values, "stem filters, then two numbers for each block")
    return resnet9(values[0], values[1::2], values[2::2], shape, classes)


def _build_unet(values: tuple[int, ...], shape: Shape, classes: int) -> Network:
    return unet(values, shape, classes)


def cell_text(values: Sequence[int]) -> str:
    """Return a NAS-Bench-201 cell as its usual text; edges 01, 02, 12, 03, 13, 23."""
    if len(values) != 6 or not all(0 <= v < len(NB201_OPERATIONS) for v in values):
        raise InvalidValueError("values", tuple(values), "six operations, each 0 .. 4")
    names = iter(NB201_OPERATIONS[value] for value in values)
    groups = [[f"{next(names)}~{source}" for source in range(node)] for node in (1, 2, 3)]
    return "+".join(f"|{'|'.join(group)}|" for group in groups)


def _build_nasbench201(values: tuple[int, ...], shape: Shape, classes: int) -> Network:
    return nasbench201(cell_text(values), shape, classes)


FAMILIES = {
    "resnet9": _build_resnet9,
    "unet": _build_unet,
    "nasbench201": _build_nasbench201,
}
"""Families of networks, each a function of values, input shape and number of classes."""


class ArchitectureSpace(ABC):
    """Architectures of one family, as sequences of tokens.

    Attributes
    ----------
    name, family : str
    tokens : tuple of Token
    """

    name: str
    family: str
    tokens: tuple[Token, ...]

    @abstractmethod
    def values(self, choices: Choices) -> tuple[int, ...]:
        """Return what complete choices stand for."""

    @abstractmethod
    def deepen(self, choices: Choices) -> Choices:
        """Return the next deeper network; the same where there is none."""

    @abstractmethod
    def widen(self, choices: Choices) -> Choices:
        """Return the network with every layer one step wider; the same where there is none."""

    def legal(self, prefix: Choices) -> tuple[bool, ...]:
        """Return which options the token after a prefix has."""
        return (True,) * len(self.tokens[len(prefix)].options)

    def canonical(self, choices: Choices) -> Choices:
        """Return the choices with tokens that do not matter set to their first option."""
        return choices

    def reason(self, choices: Choices) -> str:
        """Return why complete choices are no network; empty if they are one."""
        return ""

    def complete(self, prefix: Choices) -> Choices:
        """Return the smallest network that begins with a prefix."""
        choices = tuple(prefix)
        while len(choices) < len(self.tokens):
            choices = (*choices, self.legal(choices).index(True))
        return choices

    def architecture(self, choices: Choices) -> Architecture:
        """Return the architecture of complete choices."""
        return Architecture(self.family, self.values(choices))

    @property
    def largest(self) -> Choices:
        """The last option of every token."""
        return tuple(len(token.options) - 1 for token in self.tokens)


def _wider(choices: Choices, tokens: Sequence[Token], places: Sequence[int]) -> Choices:
    changed = list(choices)
    for place in places:
        changed[place] = min(choices[place] + 1, len(tokens[place].options) - 1)
    return tuple(changed)


class ResNet9Space(ArchitectureSpace):
    """The ResNet-9 family: stem filters, then filters and further convolutions of each block.

    Parameters
    ----------
    name : str
    stem : tuple of int
        Filters of the first convolution.
    filters, skips : sequence of tuple of int
        Options of each block.
    """

    family = "resnet9"

    def __init__(
        self,
        name: str,
        stem: tuple[int, ...],
        filters: Sequence[tuple[int, ...]],
        skips: Sequence[tuple[int, ...]],
    ) -> None:
        self.name = name
        tokens = [Token("FN0", stem, "Filters of the first convolution")]
        for number, (width, depth) in enumerate(zip(filters, skips, strict=True), start=1):
            tokens.append(Token(f"FN{number}", width, f"Filters of block {number}"))
            tokens.append(Token(f"SK{number}", depth, f"Residual convolutions of block {number}"))
        self.tokens = tuple(tokens)

    def values(self, choices: Choices) -> tuple[int, ...]:
        """Return stem filters, then filters and residual convolutions of each block."""
        return tuple(int(token.options[i]) for token, i in zip(self.tokens, choices, strict=True))

    def widen(self, choices: Choices) -> Choices:
        """Return the network with more filters in the stem and in every block."""
        return _wider(choices, self.tokens, (0, *range(1, len(self.tokens), 2)))

    def deepen(self, choices: Choices) -> Choices:
        """Return the network with one convolution more in the first of the shallowest blocks."""
        places = [
            p for p in range(2, len(choices), 2) if choices[p] + 1 < len(self.tokens[p].options)
        ]
        if not places:
            return choices
        place = min(places, key=lambda p: choices[p])
        return _wider(choices, self.tokens, (place,))


class UNetSpace(ArchitectureSpace):
    """The U-Net family: a height, then the filters of each level.

    Parameters
    ----------
    name : str
    heights : tuple of int
    filters : sequence of tuple of int
        Options of each level from the top; as many as the largest height.
    """

    family = "unet"

    def __init__(
        self, name: str, heights: tuple[int, ...], filters: Sequence[tuple[int, ...]]
    ) -> None:
        if len(filters) != max(heights):
            raise InvalidValueError("filters", len(filters), f"{max(heights)} levels")
        self.name = name
        self.tokens = (
            Token("height", heights, "Levels"),
            *(
                Token(f"FN{level}", width, f"Filters of level {level}")
                for level, width in enumerate(filters, start=1)
            ),
        )

    def _height(self, choices: Choices) -> int:
        return int(self.tokens[0].options[choices[0]])

    def legal(self, prefix: Choices) -> tuple[bool, ...]:
        """Return which options are left; levels below the last have only the first."""
        free = super().legal(prefix)
        if not prefix or len(prefix) <= self._height(prefix):
            return free
        return (True, *(False for _ in free[1:]))

    def canonical(self, choices: Choices) -> Choices:
        """Return the choices with the levels below the last set to their first option."""
        height = self._height(choices)
        return (*choices[: height + 1], *(0 for _ in choices[height + 1 :]))

    def values(self, choices: Choices) -> tuple[int, ...]:
        """Return the filters of each level."""
        places = range(1, self._height(choices) + 1)
        return tuple(int(self.tokens[place].options[choices[place]]) for place in places)

    def widen(self, choices: Choices) -> Choices:
        """Return the network with more filters on every level."""
        return _wider(choices, self.tokens, range(1, self._height(choices) + 1))

    def deepen(self, choices: Choices) -> Choices:
        """Return the network with one level more."""
        return _wider(choices, self.tokens, (0,))


class NasBench201Space(ArchitectureSpace):
    """Cells of NAS-Bench-201 (Dong and Yang, ICLR 2020): an operation for each of six edges."""

    family = "nasbench201"
    _ends = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

    def __init__(self, name: str = "nasbench201") -> None:
        self.name = name
        self.tokens = tuple(
            Token(f"edge{a}{b}", NB201_OPERATIONS, f"Operation from node {a} to node {b}")
            for a, b in self._ends
        )

    def _connected(self, choices: Sequence[int]) -> bool:
        reached = {0}
        for (a, b), choice in zip(self._ends, choices, strict=True):
            if a in reached and choice:
                reached.add(b)
        return 3 in reached

    def legal(self, prefix: Choices) -> tuple[bool, ...]:
        """Return which operations leave a path from the cell's input to its output."""
        left = len(self.tokens) - len(prefix) - 1
        best = (1,) * left
        return tuple(
            self._connected((*prefix, choice, *best)) for choice in range(len(NB201_OPERATIONS))
        )

    def reason(self, choices: Choices) -> str:
        """Return why complete choices are no network."""
        return "" if self._connected(choices) else "no path from the cell's input to its output"

    def values(self, choices: Choices) -> tuple[int, ...]:
        """Return an operation for each edge."""
        return tuple(choices)

    def widen(self, choices: Choices) -> Choices:
        """Return the cell with its first 1x1 convolution turned into a 3x3 one."""
        return self._swap(choices, 2, 3)

    def deepen(self, choices: Choices) -> Choices:
        """Return the cell with its first skip connection turned into a 3x3 convolution."""
        return self._swap(choices, 1, 3)

    @staticmethod
    def _swap(choices: Choices, old: int, new: int) -> Choices:
        if old not in choices:
            return choices
        place = choices.index(old)
        return (*choices[:place], new, *choices[place + 1 :])


_SPACES = (
    ResNet9Space("resnet9-tiny", (4, 8), ((4, 8, 16), (8, 16, 32)), ((0, 1), (0, 1))),
    ResNet9Space("resnet9-digits", (4, 8, 16), ((4, 8, 16, 32),) * 3, ((0, 1, 2),) * 3),
    UNetSpace("unet-nuclei-32", (1, 2, 3, 4), ((2, 3, 4, 6), *((2, 3, 4, 6, 8, 12),) * 3)),
    ResNet9Space("resnet9-cifar", (8, 16, 32, 64), ((32, 64, 128, 256),) * 3, ((0, 1, 2),) * 3),
    ResNet9Space("resnet9-stl", (8, 16, 32, 64), ((32, 64, 128, 256, 512),) * 5, ((0, 1, 2),) * 5),
    UNetSpace(
        "unet-nuclei",
        (1, 2, 3, 4, 5),
        ((4, 8, 16), (8, 16, 32), (16, 32, 64), (32, 64, 128), (64, 128, 256)),
    ),
    NasBench201Space(),
)

SPACES: dict[str, ArchitectureSpace] = {space.name: space for space in _SPACES}
"""Spaces by name. Those of CIFAR-10, STL-10 and nuclei are of the form of Yang et al. (DAC 2020);
the option sets are this package's, because the paper's were not at hand to be checked."""


def space_named(name: str) -> ArchitectureSpace:
    """Return a space by name, or raise `UnknownNameError`."""
    if name not in SPACES:
        raise UnknownNameError("space", name, SPACES, "co-design")
    return SPACES[name]
