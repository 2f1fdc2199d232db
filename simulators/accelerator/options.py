"""What a simulation of the accelerator family may be told."""

from __future__ import annotations

from typing import Literal

from chipgym.simulators.accelerator.layout import (
    NOMINAL_TILES,
    PADDED_CHANNELS,
    SHORT_PARTIAL_FOLD,
    UNSTRIDED_OUTPUT_READS,
)
from chipgym.simulators.accelerator.technology import Technology, technology_named
from chipgym.simulators.core.description import Description

__all__ = ["MAESTRO_ODDITIES", "ODDITIES", "AcceleratorOptions", "Oddity"]

Oddity = Literal["unstrided-output-reads", "short-partial-fold", "padded-channels", "nominal-tiles"]

ODDITIES: dict[str, int] = {
    "unstrided-output-reads": UNSTRIDED_OUTPUT_READS,
    "short-partial-fold": SHORT_PARTIAL_FOLD,
    "padded-channels": PADDED_CHANNELS,
    "nominal-tiles": NOMINAL_TILES,
}
"""Where MAESTRO's counts differ from the true ones, by name.

- ``unstrided-output-reads``: outputs are read back as if the stride were 1.
- ``short-partial-fold``: dla with fewer filters than clusters writes one filter less.
- ``padded-channels``: dla fetches channels up to the next multiple of 64.
- ``nominal-tiles``: the L1 of rs holds 2 filters and 4 channels even where there are fewer.
"""

MAESTRO_ODDITIES: tuple[Oddity, ...] = (
    "unstrided-output-reads",
    "short-partial-fold",
    "padded-channels",
    "nominal-tiles",
)
"""All of them: what the comparison with MAESTRO uses."""


class AcceleratorOptions(Description):
    """Options of the cost model and of the mapping.

    Attributes
    ----------
    technology : str or Technology
        Constant set: ``maestro``, ``maestro-2019``, ``eyeriss``, or one of the user's own.
    oddities : tuple of str
        Oddities of MAESTRO to reproduce; none by default, so that all counts are the true ones.
    order : {"graph", "chain"}
        Whether independent branches of a network may run side by side, or its layers run one after
        the other as in NASAIC. Different networks always may run side by side.
    """

    technology: Technology | str = "maestro"
    oddities: tuple[Oddity, ...] = ()
    order: Literal["graph", "chain"] = "graph"

    @property
    def constants(self) -> Technology:
        """The constant set."""
        if isinstance(self.technology, str):
            return technology_named(self.technology)
        return self.technology

    @property
    def quirks(self) -> int:
        """The oddities as bits of one integer."""
        bits = 0
        for oddity in self.oddities:
            bits |= ODDITIES[oddity]
        return bits
