"""Hypothesis strategies for random platforms, applications, workloads and options.

Small on purpose: a counterexample should fit on a screen. Times and bandwidths come from few
values, so that ties, zero-length tasks and free transfers are frequent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from chipgym.simulators.soc.application import Application, Edge, Task
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import (
    Bandwidth,
    Cluster,
    OperatingPoint,
    Platform,
    PowerProfile,
)
from chipgym.simulators.soc.workload import Workload

__all__ = ["Instance", "applications", "instances", "options", "platforms", "workloads"]

KINDS = ("a", "b", "c", "d")
TIMES_US = st.sampled_from((0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 40.0))
BANDWIDTHS = st.sampled_from((1.0, 2.0, 10.0, 1000.0))
VOLUMES = st.sampled_from((0.0, 1.0, 7.0, 30.0, 500.0))
FREQUENCIES_MHZ = (500.0, 800.0, 1000.0)


@dataclass(frozen=True)
class Instance:
    """Everything that a simulation needs, but for the scheduler and the options."""

    platform: Platform
    applications: tuple[Application, ...]
    workload: Workload


@st.composite
def platforms(draw: st.DrawFn, max_clusters: int = 3, max_cores: int = 3) -> Platform:
    """Platforms whose first cluster supports every kind of task."""
    count = draw(st.integers(1, max_clusters))
    clusters = []
    for c in range(count):
        kinds = KINDS if c == 0 else draw(st.sets(st.sampled_from(KINDS)))
        cores = draw(st.integers(1, max_cores))
        points = draw(st.sampled_from((FREQUENCIES_MHZ, FREQUENCIES_MHZ[-1:])))
        clusters.append(
            Cluster(
                name=f"c{c}",
                num_pes=cores,
                exec_us={kind: draw(TIMES_US) for kind in sorted(kinds)},
                operating_points=tuple(
                    OperatingPoint(frequency_mhz=f, voltage_mv=800 + f / 5) for f in points
                ),
                power_profiles=(
                    PowerProfile(
                        frequency_mhz=points[-1],
                        power_w=tuple(0.5 + 0.3 * n for n in range(cores)),
                    ),
                ),
                heat_source=draw(st.sampled_from(("big", "little", "accelerator"))),
            )
        )
    row = st.lists(BANDWIDTHS, min_size=count, max_size=count).map(tuple)
    bandwidth = Bandwidth(
        between_clusters=tuple(draw(row) for _ in range(count)),
        to_memory=draw(row),
        from_memory=draw(row),
        same_pe=draw(st.sampled_from((10.0, 10000.0))),
    )
    return Platform(name="random", clusters=tuple(clusters), bandwidth=bandwidth)


@st.composite
def applications(draw: st.DrawFn, max_tasks: int = 8, name: str = "app") -> Application:
    """Task graphs with kinds that `platforms` support; tasks are numbered topologically or not."""
    count = draw(st.integers(1, max_tasks))
    tasks = tuple(
        Task(name=f"t{k}", kind=draw(st.sampled_from(KINDS)), exec_us={}) for k in range(count)
    )
    order = draw(st.permutations(range(count)))
    pairs = [(order[i], order[j]) for i in range(count) for j in range(i + 1, count)]
    chosen = draw(st.sets(st.sampled_from(pairs), max_size=2 * count)) if pairs else set()
    edges = tuple(Edge(src=u, dst=v, volume=draw(VOLUMES)) for u, v in sorted(chosen))
    return Application(name=name, tasks=tasks, edges=edges)


@st.composite
def workloads(draw: st.DrawFn, num_applications: int = 1, max_jobs: int = 8) -> Workload:
    """Streams of jobs; gaps are whole µs, often 0."""
    count = draw(st.integers(1, max_jobs))
    apps = draw(st.lists(st.integers(0, num_applications - 1), min_size=count, max_size=count))
    gaps = draw(st.lists(st.sampled_from((0, 1, 4, 20, 100)), min_size=count, max_size=count))
    key = draw(st.integers(0, 2**63 - 1))
    return Workload(np.array(apps), np.array(gaps, dtype=np.float64), key)


@st.composite
def instances(draw: st.DrawFn, max_tasks: int = 8, max_jobs: int = 8) -> Instance:
    """A platform, one or two applications and a workload of them."""
    count = draw(st.integers(1, 2))
    apps = tuple(draw(applications(max_tasks, f"app{i}")) for i in range(count))
    return Instance(draw(platforms()), apps, draw(workloads(count, max_jobs)))


@st.composite
def options(draw: st.DrawFn) -> SocOptions:
    """Options of the clean order that the plain-Python simulator models."""
    return SocOptions(
        communication=draw(st.sampled_from(("pe_to_pe", "shared_memory"))),
        max_in_flight=draw(st.sampled_from((1, 2, 3, 12))),
        horizon_us=draw(st.sampled_from((None, None, 60.0, 1.5))),
        warmup_us=draw(st.sampled_from((0.0, 30.0))),
        steady_state_fill=draw(st.booleans()),
        noise_std=draw(st.sampled_from((0.0, 0.0, 0.5))),
        governor=draw(st.sampled_from(("performance", "powersave", "constant-800"))),
    )
