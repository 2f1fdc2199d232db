"""Platforms: clusters of processing elements with their times, bandwidths, frequencies and power.

Shipped platforms are JSON files in ``data/platforms``; users load their own with `Platform.load`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["Bandwidth", "Cluster", "OperatingPoint", "Platform", "PowerModel", "PowerProfile"]

DATA = Path(__file__).parent / "data" / "platforms"

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class OperatingPoint(Description):
    """One frequency and voltage step of a cluster."""

    frequency_mhz: Positive
    voltage_mv: Positive


class PowerProfile(Description):
    """Measured cluster power at one frequency, for 1, 2, …, n busy cores (watts)."""

    frequency_mhz: Positive
    power_w: tuple[Positive, ...] = Field(min_length=1)


class Cluster(Description):
    """Identical processing elements that share a frequency.

    Attributes
    ----------
    exec_us : dict[str, float]
        Execution time in µs at the highest frequency, by task kind; kinds that are absent are not
        supported.
    trip_frequency_mhz : tuple
        Highest frequency allowed beyond each trip temperature, ``None`` for no limit.
    leakage_scale : float
        Factor on the leakage formula (small cores leak a fraction of big ones).
    heat_source : str
        Which column of the thermal model this cluster heats.
    """

    name: str = Field(min_length=1)
    num_pes: int = Field(ge=1, le=1024)
    exec_us: dict[str, NonNegative]
    operating_points: tuple[OperatingPoint, ...] = Field(
        default=(OperatingPoint(frequency_mhz=1000, voltage_mv=900),), min_length=1
    )
    power_profiles: tuple[PowerProfile, ...] = ()
    trip_frequency_mhz: tuple[float | None, ...] = ()
    leakage_scale: NonNegative = 1.0
    heat_source: Literal["big", "little", "accelerator"] = "accelerator"

    @model_validator(mode="after")
    def _check(self) -> Self:
        frequencies = [point.frequency_mhz for point in self.operating_points]
        if frequencies != sorted(set(frequencies)):
            raise ValueError(f"operating_points of {self.name} must rise in frequency_mhz")
        profiled = [profile.frequency_mhz for profile in self.power_profiles]
        if profiled != sorted(set(profiled)) or not set(profiled) <= set(frequencies):
            raise ValueError(f"power_profiles of {self.name} must rise and name operating points")
        if profiled and profiled[-1] < frequencies[-1]:
            raise ValueError(f"power_profiles of {self.name} must cover its highest frequency")
        for profile in self.power_profiles:
            if len(profile.power_w) != self.num_pes:
                raise ValueError(
                    f"power_profiles of {self.name} need one power_w per busy core: {self.num_pes}"
                )
        return self


class Bandwidth(Description):
    """Bandwidths in volume units per µs.

    Attributes
    ----------
    between_clusters : tuple of tuples, shape (clusters, clusters)
        Row: source, column: destination; the diagonal is between two PEs of one cluster.
    to_memory, from_memory : tuple, shape (clusters,)
        Used by shared-memory communication.
    same_pe : float
        When producer and consumer run on the same PE.
    """

    between_clusters: tuple[tuple[Positive, ...], ...]
    to_memory: tuple[Positive, ...]
    from_memory: tuple[Positive, ...]
    same_pe: Positive = 10000.0


class PowerModel(Description):
    """Leakage, base power and thermal constants; defaults are the Odroid-XU3 fit that DS3 uses.

    Leakage of one core is ``scale/4 * V * (c1 * K**2 * exp(-c2 / K) + igate)`` watts with V in volt
    and K in kelvin. Temperatures of five hotspots follow ``T' = A (T - ambient) + B P + ambient``
    every `thermal_fit_step_us`, with P = (memory, GPU, clusters) in watts. Source: Arda et al.,
    DS3, IEEE Transactions on Computers 2020, section 3.3, constants of its public implementation.
    """

    leakage_c1: NonNegative = 0.002488
    leakage_c2: NonNegative = 2660.0
    leakage_igate: NonNegative = 0.000519
    memory_power_w: NonNegative = 0.0473
    gpu_power_w: NonNegative = 0.1201
    ambient_c: float = 42.0
    thermal_fit_step_us: Positive = 100_000.0
    thermal_a: tuple[tuple[float, float, float, float, float], ...] = Field(
        default=(
            (0.9928, 0.000566, 0.004281, 0.0003725, 1.34e-05),
            (0.006084, 0.9909, 0.0, 0.001016, 8.863e-05),
            (0.0, 0.0008608, 0.993, 0.0, 0.0008842),
            (0.006844, -0.0005119, 0.0, 0.9904, 0.0003392),
            (0.0007488, 0.003932, 8.654e-05, 0.002473, 0.9905),
        ),
        min_length=5,
        max_length=5,
    )
    thermal_b: dict[str, tuple[float, float, float, float, float]] = {
        "memory": (0.07423, 0.0, 0.6708, 0.0, 0.01404),
        "gpu": (6.898e-07, 0.001971, 2.108e-06, 0.01682, 0.03811),
        "big": (0.0471, 0.01265, 0.113, 0.01646, 0.01476),
        "little": (0.02399, 0.0, 0.02819, 0.007198, 0.03902),
        "accelerator": (0.0, 0.0, 0.0, 0.0, 0.0),
    }
    trip_temperature_c: tuple[float, ...] = (85.0, 90.0, 95.0)
    trip_hysteresis_c: tuple[NonNegative, ...] = (3.0, 3.0, 3.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        missing = {"memory", "gpu", "big", "little", "accelerator"} - set(self.thermal_b)
        if missing:
            raise ValueError(f"thermal_b lacks {sorted(missing)}")
        if len(self.trip_temperature_c) != len(self.trip_hysteresis_c):
            raise ValueError("trip_temperature_c and trip_hysteresis_c must have the same length")
        return self


class Platform(Description):
    """A heterogeneous system on chip.

    PEs are numbered cluster by cluster from 0; the shared memory has number ``num_pes``.
    """

    name: str = Field(min_length=1)
    source: str = ""
    clusters: tuple[Cluster, ...] = Field(min_length=1)
    bandwidth: Bandwidth
    power: PowerModel = PowerModel()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [cluster.name for cluster in self.clusters]
        if len(set(names)) != len(names):
            raise ValueError("cluster names must differ")
        count = len(names)
        shapes = {
            "between_clusters": [len(row) for row in self.bandwidth.between_clusters],
            "to_memory": [len(self.bandwidth.to_memory)] * count,
            "from_memory": [len(self.bandwidth.from_memory)] * count,
        }
        for field, lengths in shapes.items():
            if lengths != [count] * count:
                raise ValueError(f"bandwidth.{field} needs {count} entries a row, one per cluster")
        return self

    @property
    def num_pes(self) -> int:
        """Number of processing elements, the memory not counted."""
        return sum(cluster.num_pes for cluster in self.clusters)

    @property
    def pe_cluster(self) -> tuple[int, ...]:
        """Cluster index of each PE."""
        return tuple(i for i, c in enumerate(self.clusters) for _ in range(c.num_pes))

    @property
    def pe_names(self) -> tuple[str, ...]:
        """Readable name of each PE, ``A15.2`` being the third core of cluster A15."""
        return tuple(f"{c.name}.{k}" for c in self.clusters for k in range(c.num_pes))

    @classmethod
    def names(cls) -> list[str]:
        """Names of the shipped platforms."""
        return sorted(path.stem for path in DATA.glob("*.json"))

    @classmethod
    @cache
    def named(cls, name: str) -> Platform:
        """Return a shipped platform.

        Raises
        ------
        UnknownNameError
            No such platform; the known ones are listed.
        """
        if name not in cls.names():
            raise UnknownNameError("platform", name, cls.names())
        return cls.load(DATA / f"{name}.json")
