"""Simulates a share of the controllers on a workload: one task of the study."""

from __future__ import annotations

import functools

import numpy as np

from chipgym.envs.dram_tuning.metrics import result_metrics
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import METRICS
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.generators import archgym_trace
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION, prepare, simulate

__all__ = ["DEVICE", "MAP", "archgym_workload", "evaluate"]

DEVICE = "ddr3-1600"
MAP = "ddr3-1600-rbc"


@functools.cache
def archgym_workload(name: str) -> Workload:
    """Return a decoded workload of ArchGym on its device."""
    device = load_device(DEVICE)
    return prepare(device, load_map(MAP), archgym_trace(name, device))


def evaluate(workload: str, first: int, step: int, version: str) -> list[list[float]]:
    """Simulate every `step`-th controller from number `first` on; rows of METRICS.

    `version` is that of the simulator: results of another one are not used again.
    """
    if version != SIMULATOR_VERSION:
        raise InvalidValueError("version", version, SIMULATOR_VERSION)
    decoded = archgym_workload(workload)
    rows = []
    for config in archgym_space().configs[first::step]:
        metrics = result_metrics(simulate(decoded, config))
        rows.append([metrics[name] for name in METRICS])
    if not np.isfinite(rows).all():
        raise ArithmeticError(f"{workload}: a metric is not finite")
    return rows
