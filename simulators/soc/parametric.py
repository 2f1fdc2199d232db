"""Platforms with other numbers of processing elements than a shipped one.

Measured power profiles cover only the sizes that were measured. A resized cluster keeps the dynamic
power that the profile implies for n busy cores; beyond the measured number every further busy core
adds what the last measured one added; and the leakage of cores that were added or removed, which a
profile includes, is added or removed at the ambient temperature:
``P'[n] = P[n] + (cores' - cores) * L(V, ambient)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.platform import (
    Bandwidth,
    Cluster,
    Platform,
    PowerModel,
    PowerProfile,
)

__all__ = ["parametric_platform", "resize_clusters"]

MAX_PES = 1024


def parametric_platform(
    num_big: int = 4,
    num_little: int = 4,
    num_fft: int = 4,
    num_viterbi: int = 2,
    num_matrix: int = 2,
    *,
    base: str = "ds3-16pe",
    name: str | None = None,
) -> Platform:
    """Return the default SoC with other numbers of cores and accelerators.

    Parameters
    ----------
    num_big, num_little, num_fft, num_viterbi, num_matrix : int
        Processing elements of the clusters A15, A7, FFT, VIT and MM; 0 leaves a cluster out. A
        cluster that the base lacks can only be 0, so pass 0 for the accelerators of a base without.
    base : str
        A shipped platform with these cluster names.
    name : str, optional
        Name of the new platform; by default it lists the sizes.

    Raises
    ------
    InvalidValueError
        A number is negative or too large, or nothing is left.
    UnknownNameError
        A positive number for a cluster that the base lacks.
    """
    sizes = {"A15": num_big, "A7": num_little, "FFT": num_fft, "VIT": num_viterbi, "MM": num_matrix}
    platform = Platform.named(base)
    have = {cluster.name for cluster in platform.clusters}
    wanted = {cluster: size for cluster, size in sizes.items() if size != 0 or cluster in have}
    return resize_clusters(platform, wanted, name=name)


def resize_clusters(
    platform: Platform, sizes: Mapping[str, int], *, name: str | None = None
) -> Platform:
    """Return a platform with the given number of processing elements in some clusters.

    Parameters
    ----------
    platform : Platform
    sizes : mapping of str to int
        New size by cluster name; 0 removes the cluster; others stay as they are.
    name : str, optional
        Name of the new platform; by default it lists the sizes.
    """
    names = [cluster.name for cluster in platform.clusters]
    for cluster_name, size in sizes.items():
        if cluster_name not in names:
            raise UnknownNameError("cluster", cluster_name, names, f"platform {platform.name!r}")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_PES:
            raise InvalidValueError(f"sizes.{cluster_name}", size, f"an integer, 0 to {MAX_PES}")
    kept = [i for i, c in enumerate(platform.clusters) if sizes.get(c.name, c.num_pes) > 0]
    if not kept:
        raise InvalidValueError("sizes", dict(sizes), "at least one processing element")
    clusters = tuple(
        _resize(
            platform.clusters[i], sizes.get(names[i], platform.clusters[i].num_pes), platform.power
        )
        for i in kept
    )
    old = platform.bandwidth
    bandwidth = Bandwidth(
        between_clusters=tuple(tuple(old.between_clusters[i][j] for j in kept) for i in kept),
        to_memory=tuple(old.to_memory[i] for i in kept),
        from_memory=tuple(old.from_memory[i] for i in kept),
        same_pe=old.same_pe,
    )
    described = "-".join(f"{cluster.num_pes}x{cluster.name}" for cluster in clusters)
    return Platform(
        name=name or f"{platform.name}:{described}",
        source=f"{platform.name} resized to {described}. {platform.source}".strip(),
        clusters=clusters,
        bandwidth=bandwidth,
        power=platform.power,
    )


def _resize(cluster: Cluster, size: int, power: PowerModel) -> Cluster:
    if size == cluster.num_pes:
        return cluster
    voltage_v = {p.frequency_mhz: p.voltage_mv / 1000 for p in cluster.operating_points}
    profiles = tuple(
        PowerProfile(
            frequency_mhz=profile.frequency_mhz,
            power_w=_resize_profile(
                profile.power_w,
                size,
                _leakage_w(power, cluster.leakage_scale, voltage_v[profile.frequency_mhz]),
            ),
        )
        for profile in cluster.power_profiles
    )
    return Cluster.model_validate({**dict(cluster), "num_pes": size, "power_profiles": profiles})


def _resize_profile(power_w: tuple[float, ...], size: int, leakage_w: float) -> tuple[float, ...]:
    cores = len(power_w)
    step = power_w[-1] - power_w[-2] if cores > 1 else power_w[0] - leakage_w
    busy = [power_w[min(n, cores) - 1] + step * max(n - cores, 0) for n in range(1, size + 1)]
    return tuple(watts + (size - cores) * leakage_w for watts in busy)


def _leakage_w(power: PowerModel, scale: float, voltage_v: float) -> float:
    """Leakage of one core at the ambient temperature (see `PowerModel`)."""
    kelvin = 273.0 + power.ambient_c
    current = power.leakage_c1 * kelvin**2 * math.exp(-power.leakage_c2 / kelvin)
    return scale / 4 * voltage_v * (current + power.leakage_igate)
