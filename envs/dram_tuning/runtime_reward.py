"""Rewards of control at run time: costs that only grow, in units of the default controller's.

Each term is minus the growth of a cost within the window, over what the default controller spends
on the whole of the same trace: an episode's return of -0.9 is 10 % less than with its settings
unchanged. Refreshes that are still owed when the trace ends are settled in the last window, so that
putting them off for ever gains nothing: each counts as its time and energy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.runtime import Progress

__all__ = ["OBJECTIVES", "PRIMARY_METRICS", "TERMS", "costs", "term_weights"]

Floats = npt.NDArray[np.float64]

TERMS: dict[str, str] = {
    "time": "time of the last response / the default controller's",
    "latency": "sum of the times from the trace's to the response / the default controller's",
    "energy": "energy / the default controller's",
    "edp": "energy x that sum / the default controller's product",
}
OBJECTIVES: dict[str, dict[str, float]] = {
    "time": {"time": 1.0},
    "latency": {"latency": 1.0},
    "energy": {"energy": 1.0},
    "edp": {"edp": 1.0},
    "balanced": {"latency": 0.5, "energy": 0.5},
}
PRIMARY_METRICS: dict[str, str] = {
    "time": "settled_time_ns",
    "latency": "settled_trace_latency_ns",
    "energy": "settled_energy_pj",
    "edp": "settled_energy_latency_pj_ns",
    "balanced": "cost_vs_default",
}
"""The metric that ranks policies under each objective."""


def term_weights(objective: str) -> Floats:
    """Weights of the terms under an objective, in the order of `TERMS`.

    Raises
    ------
    UnknownNameError
        No such objective.
    """
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES, "chipgym/DramRuntime-v0")
    return np.array([OBJECTIVES[objective].get(term, 0.0) for term in TERMS])


def costs(progress: Progress, device: Device, *, finished: bool) -> Floats:
    """Costs so far in cycles, cycles, pJ and pJ cycles, in the order of `TERMS`; none ever falls.

    Owed refreshes of a finished run delay everything by their time: the sum of responses grows in
    the same proportion as the time.
    """
    time, response = float(progress.cycle), float(progress.response_cycles)
    energy = progress.energy_pj
    if finished and progress.owed_refreshes:
        stretch = 1 + progress.owed_refreshes * device.timing.RFC / time
        time, response = time * stretch, response * stretch
        energy += progress.owed_refreshes * refresh_energy_pj(device)
    return np.array([time, response, energy, energy * response])


def refresh_energy_pj(device: Device) -> float:
    """Energy of one all-bank refresh, background included (see `energy.ENERGY_MODEL`)."""
    t, supply, energy = device.timing, device.currents, 0.0
    while supply is not None:
        charge = t.RFC * (supply.idd5_ma - supply.idd3n_ma)
        charge += (t.RFC - t.RP) * supply.idd3n_ma + t.RP * supply.idd2n_ma
        energy += supply.vdd_v * 1000 / device.clock_mhz * charge
        supply = supply.second
    return device.devices_per_rank * energy
