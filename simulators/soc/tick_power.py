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
from chipgym.simulators.soc.tick_state import ENERGY_J, PEAK_C

__all__ = ["book_energy", "evaluate_pe", "idle_pass", "slowdown", "window_power"]

HIGH_UTILISATION, LOW_UTILISATION = 0.8, 0.3
J_PER_W_US = 1e-6


@kernel
def slowdown(state: Any, power: Any, cluster: int) -> float:
    """Highest frequency of the cluster over its present one."""
    highest = power.frequency_mhz[cluster, power.num_opps[cluster] - 1]
    return float(highest / power.frequency_mhz[cluster, state.opp[cluster]])


@kernel
def _leakage(state: Any, power: Any, cluster: int) -> float:
    """Leakage of one core (watts) at the present voltage and temperature."""
    kelvin = 273.0 + state.temperature_c.max()
    c1, c2, igate = power.leakage[0], power.leakage[1], power.leakage[2]
    voltage = power.voltage_v[cluster, state.opp[cluster]]
    current = c1 * kelvin * kelvin * math.exp(-c2 / kelvin) + igate
    return float(voltage * current / 4.0 * power.leakage_scale[cluster])


@kernel
def book_energy(model: Any, state: Any, now: float, energy_j: float) -> None:
    """Add to the run's energy, unless still warming up."""
    if now >= model.warmup_us:
        state.total[ENERGY_J] += energy_j


@kernel
def window_power(state: Any, tables: Any, power: Any, pe: int) -> float:
    """Dynamic plus leakage power (watts) of a busy PE whose window opens now."""
    cluster = tables.pe_cluster[pe]
    busy = 0
    for p in range(len(state.idle)):
        if tables.pe_cluster[p] == cluster and not state.idle[p]:
            busy += 1
    leakage = _leakage(state, power, cluster)
    size = power.cluster_size[cluster]
    opp = state.opp[cluster]
    dynamic = 0.0
    if power.profile_frequency_mhz[cluster, opp] > 0.0:
        ratio = power.frequency_mhz[cluster, opp] / power.profile_frequency_mhz[cluster, opp]
        volts = power.voltage_v[cluster, opp] / power.profile_voltage_v[cluster, opp]
        profiled = (power.profile_w[cluster, opp, busy - 1] - size * leakage) / busy
        dynamic = profiled * ratio * volts * volts
    state.leakage_w[pe] = leakage
    state.cluster_power_w[cluster] = dynamic * busy + leakage * size
    return float(dynamic + leakage)


@kernel
def _utilisation(model: Any, state: Any, pe: int, now: float) -> float:
    """Busy share of the last sampling period, from the records of running and completed tasks."""
    since = now - model.window_us
    busy = 0.0
    task = state.running[pe]
    if task >= 0:
        busy += now - max(state.start_us[task], since)
    task = state.last_done[pe]
    while task >= 0 and state.finish_us[task] > since:
        if state.recorded[task]:
            busy += state.finish_us[task] - max(state.start_us[task], since)
        task = state.previous_done[task]
    return busy / model.window_us


@kernel
def _ondemand(state: Any, tables: Any, power: Any, cluster: int) -> None:
    total = 0.0
    for p in range(len(state.idle)):
        if tables.pe_cluster[p] == cluster:
            total += state.utilisation[p]
    if total > HIGH_UTILISATION:
        state.opp[cluster] = power.num_opps[cluster] - 1
    elif total < LOW_UTILISATION:
        state.opp[cluster] = max(state.opp[cluster] - 1, 0)


@kernel
def _heat(state: Any, power: Any) -> None:
    """One step of the thermal model with the present cluster powers."""
    spots = len(state.temperature_c)
    rise = state.temperature_c - power.ambient_c
    for i in range(spots):
        value = 0.0
        for j in range(spots):
            value += power.thermal_a[i, j] * rise[j]
        for j in range(2):
            value += power.thermal_b[i, j] * power.base_power_w[j]
        for c in range(len(state.opp)):
            value += power.thermal_b[i, 2 + c] * state.cluster_power_w[c]
        state.temperature_c[i] = value + power.ambient_c
    state.total[PEAK_C] = max(state.total[PEAK_C], state.temperature_c.max())


@kernel
def evaluate_pe(model: Any, state: Any, tables: Any, power: Any, pe: int, now: float) -> None:
    """Sample a PE, once an instant; the first of a cluster runs the governor, the last one heats."""
    if now <= 0.0 or now % model.window_us != 0.0 or state.sampled_us[pe] == now:
        return
    state.sampled_us[pe] = now
    state.utilisation[pe] = _utilisation(model, state, pe, now)
    cluster = tables.pe_cluster[pe]
    if state.cluster_sampled_us[cluster] == now:
        return
    state.cluster_sampled_us[cluster] = now
    if power.governor[cluster] == 1:
        _ondemand(state, tables, power, cluster)
    if now % model.thermal_us == 0.0 and (state.cluster_sampled_us == now).all():
        _heat(state, power)


@kernel
def idle_pass(model: Any, state: Any, tables: Any, power: Any, now: float) -> None:
    """At every sampling instant: evaluate the unoccupied PEs, book leakage and base power."""
    num_pes = len(state.idle)
    base_w = power.base_power_w[0] + power.base_power_w[1]
    for p in range(num_pes):
        energy_w = base_w / num_pes
        if not state.occupied[p]:
            evaluate_pe(model, state, tables, power, p, now)
            cluster = tables.pe_cluster[p]
            state.leakage_w[p] = _leakage(state, power, cluster)
            energy_w += state.leakage_w[p]
            if _cluster_idle(state, tables, cluster):
                size = power.cluster_size[cluster]
                state.cluster_power_w[cluster] = state.leakage_w[p] * size + base_w
        book_energy(model, state, now, energy_w * model.window_us * J_PER_W_US)


@kernel
def _cluster_idle(state: Any, tables: Any, cluster: int) -> bool:
    for p in range(len(state.idle)):
        if tables.pe_cluster[p] == cluster and not state.idle[p]:
            return False
    return True
