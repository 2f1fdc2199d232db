"""What an agent may know of a graph at a glance: counts and histograms of fixed size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.logic.aiger import Aig
from chipgym.simulators.logic.kernel import count_profile

__all__ = ["FANOUT_BINS", "LEVEL_BINS", "AigProfile", "profile_of"]

LEVEL_BINS = 16
FANOUT_BINS = 12

Shares = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class AigProfile:
    """Shape of an And-Inverter Graph.

    Attributes
    ----------
    inputs, outputs : int
    mean_fanout : float
        References to an input or AND, on average.
    max_fanout : int
    inverted : float32[3]
        Shares of the ANDs with none, one and two inverted fanins.
    levels : float32[16]
        Shares of the ANDs by level, in equal parts of the depth.
    fanouts : float32[12]
        Shares of inputs and ANDs by fan-out: 0 or 1, 2, up to 4, up to 8 and so on.
    """

    inputs: int
    outputs: int
    mean_fanout: float
    max_fanout: int
    inverted: Shares
    levels: Shares
    fanouts: Shares


def _shares(counts: npt.NDArray[np.int64]) -> Shares:
    return (counts / max(int(counts.sum()), 1)).astype(np.float32)


def profile_of(aig: Aig) -> AigProfile:
    """Return the profile of a graph."""
    inverted = np.zeros(3, dtype=np.int64)
    levels = np.zeros(LEVEL_BINS, dtype=np.int64)
    fanouts = np.zeros(FANOUT_BINS, dtype=np.int64)
    first = 1 + aig.num_inputs
    references = np.zeros(len(aig.levels), dtype=np.int32)
    total, largest = count_profile(
        first,
        aig.fanin0,
        aig.fanin1,
        aig.outputs,
        aig.levels,
        references,
        inverted,
        levels,
        fanouts,
    )
    return AigProfile(
        aig.num_inputs,
        aig.num_outputs,
        float(total) / max(len(aig.levels) - 1, 1),
        int(largest),
        _shares(inverted),
        _shares(levels),
        _shares(fanouts),
    )
