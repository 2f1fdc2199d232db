"""Layered random task graphs with controlled size, shape, density, communication and heterogeneity.

The parameters are those of the usual generator for list-scheduling studies: Topcuoglu et al., IEEE
TPDS 2002, section 5.1 (size, shape, communication-to-computation ratio, heterogeneity), with the
edge density of Cordeiro et al., "Random graph generation for scheduling simulations", SIMUTools
2010. Execution times are stored on the tasks, so a graph runs on one platform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, check_range
from chipgym.simulators.soc.application import Application, Edge, Task
from chipgym.simulators.soc.platform import Platform

__all__ = ["RandomDag", "generate_dag"]


@dataclass(frozen=True)
class RandomDag:
    """Parameters of `generate_dag`.

    Attributes
    ----------
    num_tasks : int
    shape : float
        Width against depth: the mean layer holds shape * sqrt(num_tasks) tasks, so 1 gives about as
        many layers as tasks a layer, larger values more parallel graphs.
    density : float
        Probability of an edge between a task and one of the next `jump` layers, beyond the one
        predecessor in the layer before that every task below the first layer has.
    jump : int
        How many layers an edge may span.
    ccr : float
        Communication-to-computation ratio: mean communication time of an edge (over pairs of PEs,
        as HEFT counts it) divided by the mean execution time of a task.
    heterogeneity : float
        Spread of execution times over clusters: each time is uniform within ±heterogeneity/2 of
        the task's mean, as a fraction.
    mean_exec_us : float
        Mean execution time; a task's own mean is uniform in (0, 2 mean_exec_us).
    accelerator_share : float
        Probability that an accelerator cluster supports a task, which it then runs
        `accelerator_speedup` times faster.
    accelerator_speedup : float
    whole_us : bool
        Round execution times to whole µs, at least 1.
    """

    num_tasks: int = 30
    shape: float = 1.0
    density: float = 0.2
    jump: int = 2
    ccr: float = 0.1
    heterogeneity: float = 0.5
    mean_exec_us: float = 50.0
    accelerator_share: float = 0.25
    accelerator_speedup: float = 5.0
    whole_us: bool = True

    def __post_init__(self) -> None:
        for field in ("num_tasks", "jump"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidValueError(field, value, "an integer >= 1")
        check_range("num_tasks", self.num_tasks, 1, 100_000)
        check_range("jump", self.jump, 1)
        check_range("shape", self.shape, 0, low_open=True)
        check_range("density", self.density, 0, 1)
        check_range("ccr", self.ccr, 0)
        check_range("heterogeneity", self.heterogeneity, 0, 2)
        check_range("mean_exec_us", self.mean_exec_us, 0, low_open=True)
        check_range("accelerator_share", self.accelerator_share, 0, 1)
        check_range("accelerator_speedup", self.accelerator_speedup, 0, low_open=True)


def generate_dag(
    parameters: RandomDag, platform: Platform, rng: np.random.Generator, name: str = "random"
) -> Application:
    """Draw a layered graph for a platform.

    Parameters
    ----------
    parameters : RandomDag
    platform : Platform
        Gives the clusters and the bandwidths. Every task runs on all clusters whose `heat_source`
        is not ``"accelerator"``, or on all clusters where there is no other kind.
    rng : numpy.random.Generator
    name : str
        Name of the application.
    """
    layers = _layers(parameters, rng)
    pairs = _edges(parameters, layers, rng)
    times = _times(parameters, platform, rng)
    volume = _mean_volume(parameters, platform)
    tasks = tuple(
        Task(name=f"task_{t}", kind=f"{name}_{t}", exec_us=times[t])
        for t in range(parameters.num_tasks)
    )
    edges = tuple(
        Edge(src=src, dst=dst, volume=float(rng.uniform(0.5, 1.5) * volume)) for src, dst in pairs
    )
    return Application(
        name=name, source=f"layered random graph: {parameters}", tasks=tasks, edges=edges
    )


def _layers(parameters: RandomDag, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Task numbers of each layer, rising; layer sizes are uniform around their mean."""
    mean = max(1.0, parameters.shape * np.sqrt(parameters.num_tasks))
    layers = []
    first = 0
    while first < parameters.num_tasks:
        size = int(rng.integers(1, max(2, round(2 * mean))))
        last = min(first + size, parameters.num_tasks)
        layers.append(np.arange(first, last))
        first = last
    return layers


def _edges(
    parameters: RandomDag, layers: list[npt.NDArray[np.int64]], rng: np.random.Generator
) -> list[tuple[int, int]]:
    pairs = set()
    for depth in range(1, len(layers)):
        for target in layers[depth].tolist():
            pairs.add((int(rng.choice(layers[depth - 1])), target))
            for above in layers[max(0, depth - parameters.jump) : depth]:
                chosen = above[rng.random(len(above)) < parameters.density]
                pairs.update((source, target) for source in chosen.tolist())
    return sorted(pairs)


def _times(
    parameters: RandomDag, platform: Platform, rng: np.random.Generator
) -> list[dict[str, float]]:
    """Execution time of each task by cluster name."""
    general = [c.name for c in platform.clusters if c.heat_source != "accelerator"]
    special = [c.name for c in platform.clusters if c.heat_source == "accelerator"]
    if not general:
        general, special = special, []
    times = []
    for _ in range(parameters.num_tasks):
        mean = rng.uniform(0.0, 2.0) * parameters.mean_exec_us
        spread = 1 + parameters.heterogeneity * (rng.random(len(platform.clusters)) - 0.5)
        chosen = rng.random(len(special)) < parameters.accelerator_share
        row = dict(zip(general, mean * spread[: len(general)], strict=True))
        for k in np.flatnonzero(chosen).tolist():
            speed = parameters.accelerator_speedup
            row[special[k]] = mean * spread[len(general) + k] / speed
        times.append(
            {cluster: _round(value, parameters.whole_us) for cluster, value in row.items()}
        )
    return times


def _round(value: float, whole_us: bool) -> float:
    return max(1.0, float(np.floor(value + 0.5))) if whole_us else float(value)


def _mean_volume(parameters: RandomDag, platform: Platform) -> float:
    """Mean volume of an edge whose mean communication time is ccr * mean_exec_us."""
    cluster = np.array(platform.pe_cluster)
    inverse = 1.0 / np.array(platform.bandwidth.between_clusters)[np.ix_(cluster, cluster)]
    pairs = len(cluster) * (len(cluster) - 1)
    if pairs == 0:
        return 0.0
    mean_inverse = (inverse.sum() - np.trace(inverse)) / pairs
    return float(parameters.ccr * parameters.mean_exec_us / mean_inverse)
