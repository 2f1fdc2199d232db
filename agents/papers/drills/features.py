"""What DRiLLS sees of a circuit: nine numbers, normalised as an episode goes on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.agents.graphs.aig import AigGraph

__all__ = ["FEATURES", "RunningNormaliser", "circuit_features"]

FEATURES = (
    "inputs",
    "outputs",
    "nodes",
    "edges",
    "levels",
    "latches",
    "share_and",
    "share_or",
    "share_not",
)
"""Names of the features, in order."""

LEAST_VARIANCE = 1e-2
"""Lower bound of the variance that is divided by (released code)."""


def circuit_features(graph: AigGraph) -> npt.NDArray[np.float64]:
    """The nine features of a circuit, shape (9,).

    The paper counts gates of a netlist that a second tool reads. Of an and-inverter graph, an AND
    with two inverted fanins counts as OR (it is a NOR, up to the inverter behind it), any other as
    AND, and an inverted edge as NOT; shares are of the three together. There are no latches.
    """
    ands = len(graph.fanin0)
    ors = int((graph.fanin0 & graph.fanin1 & 1).sum())
    nots = int((graph.fanin0 & 1).sum() + (graph.fanin1 & 1).sum() + (graph.outputs & 1).sum())
    gates = max(ands + nots, 1)
    depth = int(graph.levels[graph.outputs >> 1].max(initial=0))
    edges = 2 * ands + len(graph.outputs)
    counts = [graph.num_inputs, len(graph.outputs), ands, edges, depth, 0]
    shares = [(ands - ors) / gates, ors / gates, nots / gates]
    return np.array([*counts, *shares], dtype=np.float64)


class RunningNormaliser:
    """Subtracts the mean of what was seen in the episode and divides by its deviation."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._count = 0
        self._mean = np.zeros(self._size)
        self._squares = np.zeros(self._size)

    def __call__(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Take in some values (Welford's update), and return them normalised."""
        self._count += 1
        before = values - self._mean
        self._mean = self._mean + before / self._count
        self._squares = self._squares + before * (values - self._mean)
        variance = np.maximum(self._squares / self._count, LEAST_VARIANCE)
        return np.asarray((values - self._mean) / np.sqrt(variance))
