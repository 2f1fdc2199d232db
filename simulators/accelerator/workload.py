"""Workloads: networks that run on a chip at the same time, lowered for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.layout import LAYER_COLUMNS
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Workload", "lower_workload"]

Ints = npt.NDArray[np.int64]


class Workload(NamedTuple):
    """Layers with multiply-accumulates of several networks and the dependencies between them.

    Attributes
    ----------
    names : tuple of str
        [L]; ``"number of the network/name of the layer"``.
    layers : int64 [L, columns of the layout]
    succ_start, succ : int64 [L + 1], int64 [edges]
        Successors of layer l are ``succ[succ_start[l]:succ_start[l + 1]]``.
    indegree : int64 [L]
        Number of predecessors.
    network : int64 [L]
        Number of the network that the layer belongs to.
    """

    names: tuple[str, ...]
    layers: Ints
    succ_start: Ints
    succ: Ints
    indegree: Ints
    network: Ints


def _edges(network: Network, chain: bool) -> list[tuple[int, int]]:
    """Return (earlier, later) pairs of layer numbers."""
    lowered = network.lowered
    if chain:
        return [(i, i + 1) for i in range(len(lowered.names) - 1)]
    return sorted((p, i) for i, before in enumerate(lowered.predecessors) for p in before)


@lru_cache(maxsize=16384)
def _lower_one(network: Network, chain: bool) -> tuple[Ints, Ints, Ints]:
    """Return successor starts, successors and indegrees of one network."""
    count = len(network.lowered.names)
    edges = np.array(_edges(network, chain), dtype=np.int64).reshape(-1, 2)
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(edges[:, 0], minlength=count), out=starts[1:])
    return starts, edges[:, 1].copy(), np.bincount(edges[:, 1], minlength=count)


def lower_workload(networks: Sequence[Network], chain: bool = False) -> Workload:
    """Lower networks that run at the same time.

    Parameters
    ----------
    networks : sequence of Network
    chain : bool
        Let the layers of a network run one after the other, whatever its graph allows.

    Raises
    ------
    InvalidValueError
        There is no network, or none has a layer with multiply-accumulates.
    """
    if not networks:
        raise InvalidValueError("networks", (), "at least one network")
    names: list[str] = []
    starts = [np.zeros(1, dtype=np.int64)]
    succ, indegree, owner, layers = [], [], [], []
    first = edges = 0
    for number, network in enumerate(networks):
        lowered = network.lowered
        if not lowered.names:
            raise InvalidValueError(
                f"networks.{number}", network.name, "a network with multiply-accumulates"
            )
        own_starts, own_succ, own_indegree = _lower_one(network, chain)
        names += [f"{number}/{name}" for name in lowered.names]
        layers.append(lowered.layers)
        starts.append(own_starts[1:] + edges)
        succ.append(own_succ + first)
        indegree.append(own_indegree)
        owner.append(np.full(len(lowered.names), number, dtype=np.int64))
        first += len(lowered.names)
        edges += len(own_succ)
    return Workload(
        tuple(names),
        np.concatenate(layers).reshape(first, LAYER_COLUMNS),
        np.concatenate(starts),
        np.concatenate(succ),
        np.concatenate(indegree).astype(np.int64),
        np.concatenate(owner),
    )
