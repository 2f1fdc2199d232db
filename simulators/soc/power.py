"""Power, energy, temperature and frequency in the clean order, as kernels.

Between two events nothing changes, so energy is power times time, exactly. A cluster with n of its
m cores busy draws ``(profile[n] - m L) (f/f_p) (V/V_p)^2 + m L`` watts, L being the leakage of a
core at the present voltage and temperature (Arda et al., DS3, IEEE Transactions on Computers 2020,
section 3.3); the platform draws the memory and GPU power on top, once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.layout import (
    BUSY_PES,
    BUSY_TIME,
    CLUSTER_ENERGY,
    CLUSTER_SIZE,
    F_CAP_EXCESS,
    F_ENERGY,
    F_LAST_THERMAL,
    F_NEXT_SAMPLE,
    F_NEXT_THERMAL,
    F_NOW,
    F_PEAK,
    F_POWER,
    HOTSPOT,
    HYSTERESIS,
    K_CLUSTERS,
    K_CORES,
    K_OPPS,
    K_PES,
    K_THROTTLE,
    K_TRIPS,
    KF_AMBIENT,
    KF_BASE_POWER,
    KF_DVFS_PERIOD,
    KF_GPU_POWER,
    KF_LEAK_C1,
    KF_LEAK_C2,
    KF_LEAK_IGATE,
    KF_MEMORY_POWER,
    KF_POWER_CAP,
    KF_THERMAL_STEP,
    LEAKAGE,
    LEAKAGE_SCALE,
    NUM_OPPS,
    OPP,
    OPP_LIMIT,
    PE_CLUSTER,
    PROFILE,
    PROFILE_SCALE,
    REQUESTED_OPP,
    RUNNING,
    SAMPLED_BUSY,
    SHARE,
    SLOWDOWN,
    THERMAL_A,
    THERMAL_B,
    TRIP,
    TRIP_OPP,
    TRIPPED,
    VOLTAGE,
    WAKE,
)

__all__ = ["account", "apply_operating_point", "sample_governor", "step_thermal", "update_leakage"]

MICRO = 1e-6
ONDEMAND_HIGH = 0.8
ONDEMAND_LOW = 0.3


@kernel
def update_leakage(ki: Any, kf: Any, si: Any, sf: Any) -> None:
    """Refresh each cluster's leakage per core at its voltage and the hottest spot."""
    hottest = sf[si[HOTSPOT] + 0]
    for i in range(1, 5):
        hottest = max(hottest, sf[si[HOTSPOT] + i])
    sf[F_PEAK] = max(sf[F_PEAK], hottest)
    kelvin = 273.0 + hottest
    density = kf[KF_LEAK_C1] * kelvin * kelvin * math.exp(-kf[KF_LEAK_C2] / kelvin)
    for c in range(ki[K_CLUSTERS]):
        volt = kf[ki[VOLTAGE] + c * ki[K_OPPS] + si[si[OPP] + c]]
        sf[si[LEAKAGE] + c] = (
            0.25 * volt * (density + kf[KF_LEAK_IGATE]) * kf[ki[LEAKAGE_SCALE] + c]
        )


@merged
def _dynamic_power(ki: Any, kf: Any, si: Any, sf: Any, c: int) -> float:
    """Dynamic power of the cluster's busy cores together, watts."""
    busy = si[si[BUSY_PES] + c]
    if busy == 0 or kf[ki[PROFILE_SCALE] + c * ki[K_OPPS] + si[si[OPP] + c]] == 0.0:
        return 0.0
    profile = kf[ki[PROFILE] + (c * ki[K_OPPS] + si[si[OPP] + c]) * ki[K_CORES] + busy - 1]
    return (profile - ki[ki[CLUSTER_SIZE] + c] * sf[si[LEAKAGE] + c]) * kf[
        ki[PROFILE_SCALE] + c * ki[K_OPPS] + si[si[OPP] + c]
    ]


@merged
def account(ki: Any, kf: Any, si: Any, sf: Any, until: float) -> None:
    """Integrate energy from now to `until`, a span without events."""
    span = until - sf[F_NOW]
    if span <= 0.0:
        return
    total = kf[KF_BASE_POWER]
    for c in range(ki[K_CLUSTERS]):
        dynamic = _dynamic_power(ki, kf, si, sf, c)
        power = dynamic + ki[ki[CLUSTER_SIZE] + c] * sf[si[LEAKAGE] + c]
        total += power
        sf[si[CLUSTER_ENERGY] + c] += power * span * MICRO
        busy = si[si[BUSY_PES] + c]
        if busy > 0:
            sf[si[BUSY_TIME] + c] += busy * span
            sf[si[SHARE] + c] += (dynamic / busy + sf[si[LEAKAGE] + c]) * span * MICRO
    sf[F_POWER] = total
    sf[F_ENERGY] += total * span * MICRO
    if total > kf[KF_POWER_CAP]:
        sf[F_CAP_EXCESS] += (total - kf[KF_POWER_CAP]) * span * MICRO


@kernel
def apply_operating_point(ki: Any, kf: Any, si: Any, sf: Any, c: int) -> None:
    """Bring a cluster to its requested operating point, within the throttling limit.

    Tasks that are executing keep their remaining work: their finish moves with the frequency.
    """
    target = min(si[si[REQUESTED_OPP] + c], si[si[OPP_LIMIT] + c])
    if target == si[si[OPP] + c]:
        return
    ratio = (
        kf[ki[SLOWDOWN] + c * ki[K_OPPS] + target]
        / kf[ki[SLOWDOWN] + c * ki[K_OPPS] + si[si[OPP] + c]]
    )
    now = sf[F_NOW]
    for p in range(ki[K_PES]):
        if ki[ki[PE_CLUSTER] + p] == c and si[si[RUNNING] + p] >= 0:
            sf[si[WAKE] + p] = now + (sf[si[WAKE] + p] - now) * ratio
    si[si[OPP] + c] = target
    update_leakage(ki, kf, si, sf)


@kernel
def sample_governor(ki: Any, kf: Any, si: Any, sf: Any) -> None:
    """Ondemand: above 0.8 busy PEs go to the highest frequency, below 0.3 one step down."""
    period = kf[KF_DVFS_PERIOD]
    for c in range(ki[K_CLUSTERS]):
        utilisation = (sf[si[BUSY_TIME] + c] - sf[si[SAMPLED_BUSY] + c]) / period
        sf[si[SAMPLED_BUSY] + c] = sf[si[BUSY_TIME] + c]
        if utilisation > ONDEMAND_HIGH:
            si[si[REQUESTED_OPP] + c] = ki[ki[NUM_OPPS] + c] - 1
        elif utilisation < ONDEMAND_LOW and si[si[REQUESTED_OPP] + c] > 0:
            si[si[REQUESTED_OPP] + c] -= 1
        apply_operating_point(ki, kf, si, sf, c)
    sf[F_NEXT_SAMPLE] += period


@kernel
def step_thermal(ki: Any, kf: Any, si: Any, sf: Any) -> None:
    """Advance the hotspots by one thermal step with the mean power over it, then throttle."""
    clusters = ki[K_CLUSTERS]
    span = (sf[F_NOW] - sf[F_LAST_THERMAL]) * MICRO
    ambient = kf[KF_AMBIENT]
    previous = np.empty(5)
    for i in range(5):
        previous[i] = sf[si[HOTSPOT] + i]
    for i in range(5):
        value = ambient
        for j in range(5):
            value += kf[ki[THERMAL_A] + i * 5 + j] * (previous[j] - ambient)
        value += kf[ki[THERMAL_B] + i * (ki[K_CLUSTERS] + 2) + 0] * kf[KF_MEMORY_POWER]
        value += kf[ki[THERMAL_B] + i * (ki[K_CLUSTERS] + 2) + 1] * kf[KF_GPU_POWER]
        for c in range(clusters):
            value += kf[ki[THERMAL_B] + i * (ki[K_CLUSTERS] + 2) + 2 + c] * (
                sf[si[CLUSTER_ENERGY] + c] / span
            )
        sf[si[HOTSPOT] + i] = value
    for c in range(clusters):
        sf[si[CLUSTER_ENERGY] + c] = 0.0
    sf[F_LAST_THERMAL] = sf[F_NOW]
    sf[F_NEXT_THERMAL] += kf[KF_THERMAL_STEP]
    update_leakage(ki, kf, si, sf)
    if ki[K_THROTTLE]:
        _throttle(ki, kf, si, sf)


@kernel
def _throttle(ki: Any, kf: Any, si: Any, sf: Any) -> None:
    """Limit every cluster by the highest trip in force; a trip is released below its hysteresis."""
    hottest = sf[si[HOTSPOT]]
    for i in range(1, 5):
        hottest = max(hottest, sf[si[HOTSPOT] + i])
    for c in range(ki[K_CLUSTERS]):
        level = si[si[TRIPPED] + c]
        while level < ki[K_TRIPS] and hottest >= kf[ki[TRIP] + level]:
            level += 1
        while level > 0 and hottest < kf[ki[TRIP] + level - 1] - kf[ki[HYSTERESIS] + level - 1]:
            level -= 1
        si[si[TRIPPED] + c] = level
        si[si[OPP_LIMIT] + c] = (
            ki[ki[NUM_OPPS] + c] - 1
            if level == 0
            else ki[ki[TRIP_OPP] + c * ki[K_TRIPS] + level - 1]
        )
        apply_operating_point(ki, kf, si, sf, c)
