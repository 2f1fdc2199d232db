"""Power, frequency and temperature in the tick orders: DS3's sampling rules.

Source: Arda et al., DS3, IEEE Transactions on Computers 2020, section 3, in the form of its public
implementation, of which this keeps the traits that change results: a cluster's governor runs at the
first evaluation of one of its PEs, the base power counts twice in idle clusters, and the thermal
model takes a step that was fitted for 100 ms every 20 µs.
"""

from __future__ import annotations

import math
from typing import Any

from chipgym.simulators.core.numba import kernel

__all__ = ["book_energy", "evaluate_pe", "idle_pass", "slowdown", "window_power"]

HIGH_UTILISATION, LOW_UTILISATION = 0.8, 0.3
J_PER_W_US = 1e-6
ONDEMAND = 1
HOTSPOTS = 5


@kernel
def slowdown(sim: Any, cluster: int) -> float:
    """Highest frequency of the cluster over its present one."""
    unit = sim.clusters[cluster]
    return float(sim.opps[cluster, unit.num_opps - 1].mhz / sim.opps[cluster, unit.opp].mhz)


@kernel
def _leakage(sim: Any, cluster: int) -> float:
    """Leakage of one core (watts) at the present voltage and temperature."""
    unit = sim.clusters[cluster]
    hottest = sim.temperature_c[0]
    for spot in range(1, HOTSPOTS):
        hottest = max(hottest, sim.temperature_c[spot])
    kelvin = 273.0 + hottest
    current = sim.leak_c1 * kelvin * kelvin * math.exp(-sim.leak_c2 / kelvin) + sim.leak_igate
    return float(sim.opps[cluster, unit.opp].volt * current / 4.0 * unit.leakage_scale)


@kernel
def book_energy(sim: Any, now: float, energy_j: float) -> None:
    """Add to the run's energy, unless still warming up."""
    if now >= sim.warmup_us:
        sim.run[0].energy_j += energy_j


@kernel
def _busy_cores(sim: Any, cluster: int) -> int:
    busy = 0
    for p in range(len(sim.pes)):
        if sim.pes[p].cluster == cluster and not sim.pes[p].idle:
            busy += 1
    return busy


@kernel
def window_power(sim: Any, pe: int) -> float:
    """Dynamic plus leakage power (watts) of a busy PE whose window opens now."""
    cluster = sim.pes[pe].cluster
    unit = sim.clusters[cluster]
    point = sim.opps[cluster, unit.opp]
    busy = _busy_cores(sim, cluster)
    leakage = _leakage(sim, cluster)
    dynamic = 0.0
    if point.profile_mhz > 0.0:
        volts = point.volt / point.profile_volt
        profiled = (sim.profile_w[cluster, unit.opp, busy - 1] - unit.size * leakage) / busy
        dynamic = profiled * (point.mhz / point.profile_mhz) * volts * volts
    sim.pes[pe].leakage_w = leakage
    unit.power_w = dynamic * busy + leakage * unit.size
    return float(dynamic + leakage)


@kernel
def _utilisation(sim: Any, pe: int, now: float) -> float:
    """Busy share of the last sampling period, from the records of running and completed tasks."""
    since = now - sim.window_us
    busy = 0.0
    running = sim.pes[pe].running
    if running >= 0:
        busy += now - max(sim.tasks[running].start_us, since)
    done = sim.pes[pe].last_done
    while done >= 0 and sim.tasks[done].finish_us > since:
        task = sim.tasks[done]
        if task.recorded:
            busy += task.finish_us - max(task.start_us, since)
        done = task.previous_done
    return busy / sim.window_us


@kernel
def _ondemand(sim: Any, cluster: int) -> None:
    unit = sim.clusters[cluster]
    total = 0.0
    for p in range(len(sim.pes)):
        if sim.pes[p].cluster == cluster:
            total += sim.pes[p].utilisation
    if total > HIGH_UTILISATION:
        unit.opp = unit.num_opps - 1
    elif total < LOW_UTILISATION:
        unit.opp = max(unit.opp - 1, 0)


@kernel
def _heat(sim: Any) -> None:
    """One step of the thermal model with the present cluster powers."""
    rise = sim.temperature_c.copy()
    for spot in range(HOTSPOTS):
        rise[spot] -= sim.ambient_c
    for spot in range(HOTSPOTS):
        value = (
            sim.thermal_b[spot, 0] * sim.memory_power_w + sim.thermal_b[spot, 1] * sim.gpu_power_w
        )
        for other in range(HOTSPOTS):
            value += sim.thermal_a[spot, other] * rise[other]
        for c in range(len(sim.clusters)):
            value += sim.thermal_b[spot, 2 + c] * sim.clusters[c].power_w
        sim.temperature_c[spot] = value + sim.ambient_c
        sim.run[0].peak_c = max(sim.run[0].peak_c, sim.temperature_c[spot])


@kernel
def evaluate_pe(sim: Any, pe: int, now: float) -> None:
    """Sample a PE, once an instant; a cluster's first runs the governor, the last cluster heats."""
    unit = sim.pes[pe]
    if now <= 0.0 or now % sim.window_us != 0.0 or unit.sampled_us == now:
        return
    unit.sampled_us = now
    unit.utilisation = _utilisation(sim, pe, now)
    cluster = sim.clusters[unit.cluster]
    if cluster.sampled_us == now:
        return
    cluster.sampled_us = now
    if cluster.governor == ONDEMAND:
        _ondemand(sim, unit.cluster)
    if now % sim.thermal_us == 0.0:
        for c in range(len(sim.clusters)):
            if sim.clusters[c].sampled_us != now:
                return
        _heat(sim)


@kernel
def idle_pass(sim: Any, now: float) -> None:
    """At every sampling instant: evaluate the unoccupied PEs, book leakage and base power."""
    base_w = sim.memory_power_w + sim.gpu_power_w
    for p in range(len(sim.pes)):
        unit = sim.pes[p]
        power_w = base_w / len(sim.pes)
        if not unit.occupied:
            evaluate_pe(sim, p, now)
            unit.leakage_w = _leakage(sim, unit.cluster)
            power_w += unit.leakage_w
            if _busy_cores(sim, unit.cluster) == 0:
                cluster = sim.clusters[unit.cluster]
                cluster.power_w = unit.leakage_w * cluster.size + base_w
        book_energy(sim, now, power_w * sim.window_us * J_PER_W_US)
