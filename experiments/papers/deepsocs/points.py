"""The experimental points of the study: scenarios derived from the presets, in sweeps.

Test stream k of a point is drawn from the same random numbers at every point, so streams pair
across rates and noise, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipgym.envs.soc_scheduling.presets import SCENARIOS, Scenario
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.hashing import content_hash
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.arrivals import Poisson, RandomMix
from chipgym.simulators.soc.lowering import lower
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION

__all__ = ["BOUNDED", "JOBS", "SWEEPS", "Sweep", "build_point", "domain_of", "identity_of"]

JOBS = 40
"""Jobs of a stream."""
BASE_GAP_US = 50.0
RATES_US = (150, 100, 75, 50, 40, 30, 25)
TOP_RATES_US = (200, 100, 75, 50, 35, 25, 15)
NOISE_PERCENT = (0, 10, 20, 30, 40, 50)
TYPES = (1, 2, 3, 4, 6)
# Cores of each kind, FFT, Viterbi and matrix accelerators, by the number of all.
SIZES = {8: (2, 2, 2, 1, 1), 12: (3, 3, 3, 2, 1), 16: (4, 4, 4, 2, 2), 24: (6, 6, 6, 3, 3)}
SIZES[32] = (8, 8, 8, 4, 4)
# Shares in DS3's default workload, in the order in which the applications join.
SHARES = {
    "wifi-tx": 0.2,
    "wifi-rx": 0.2,
    "range-detection": 0.2,
    "temporal-mitigation": 0.2,
    "single-carrier-tx": 0.1,
    "single-carrier-rx": 0.1,
}


@dataclass(frozen=True)
class Sweep:
    """One variable at several values, everything else fixed.

    Attributes
    ----------
    name, title, axis : str
        Of the files, of the tables, and of the horizontal axis.
    points : dict
        Name of the point at each value, in order.
    """

    name: str
    title: str
    axis: str
    points: dict[float, str]

    def ends(self) -> Sweep:
        """Return the sweep with its first and last value only."""
        first, *_, last = self.points
        return replace(self, points={value: self.points[value] for value in (first, last)})


def _rate(gap_us: float) -> float:
    """Jobs per ms, to three digits."""
    return float(f"{1000 / gap_us:.3g}")


SWEEPS: dict[str, Sweep] = {
    sweep.name: sweep
    for sweep in (
        Sweep(
            "rate",
            "Six applications on 16 PEs over the injection rate",
            "jobs injected per ms",
            {_rate(gap): f"rate-{gap}" for gap in RATES_US},
        ),
        Sweep(
            "rate-top",
            "The canonical graph on 3 PEs, at most 3 jobs in flight, over the injection rate",
            "jobs injected per ms",
            {_rate(gap): f"top-{gap}" for gap in TOP_RATES_US},
        ),
        Sweep(
            "noise",
            "Six applications, 20 jobs per ms, over the noise of execution times",
            "standard deviation of execution times, %",
            {noise: f"noise-{noise}" if noise else "rate-50" for noise in NOISE_PERCENT},
        ),
        Sweep(
            "types",
            "Number of applications, at the same offered work",
            "applications",
            {count: f"types-{count}" if count < len(SHARES) else "rate-50" for count in TYPES},
        ),
        Sweep(
            "platform",
            "Six applications over the number of PEs, jobs injected in proportion to it",
            "processing elements",
            {size: f"pes-{size}" if size != 16 else "rate-50" for size in SIZES},
        ),
    )
}
"""The sweeps by name; points that two sweeps share have one name and are played once."""

BOUNDED = ("short-top-2", "short-top-4", "short-six-4")
"""Points whose streams are short enough for the constraint solver; no cap binds in them."""


def build_point(name: str, jobs: int | None = None) -> Scenario:
    """Return the scenario of a point.

    Parameters
    ----------
    name : str
        One of the names in `SWEEPS` or `BOUNDED`.
    jobs : int, optional
        Jobs of a stream, instead of the point's own number.

    Raises
    ------
    UnknownNameError
        There is no such point.
    """
    known = [*dict.fromkeys(_swept()), *BOUNDED]
    if name not in known:
        raise UnknownNameError("point", name, known)
    scenario = _bounded(name) if name in BOUNDED else replace(_point(name), num_jobs=JOBS)
    scenario = replace(scenario, name=name, description=f"{name} of the study deepsocs")
    return scenario if jobs is None else replace(scenario, num_jobs=jobs)


def domain_of(name: str) -> str:
    """Return ``"top"`` for points on the 3-PE platform, else ""."""
    return "top" if "top" in name.split("-") else ""


def identity_of(name: str, jobs: int | None = None) -> str:
    """Return a hash of everything that determines the streams of a point."""
    return content_hash({"scenario": repr(build_point(name, jobs)), "version": SIMULATOR_VERSION})


def _swept() -> Sequence[str]:
    return [name for sweep in SWEEPS.values() for name in sweep.points.values()]


def _point(name: str) -> Scenario:
    """One point of a sweep; its name says all."""
    kind, _, text = name.partition("-")
    value = int(text)
    if kind == "rate":
        return replace(SCENARIOS["six-app-mid"], arrivals=Poisson(value))
    if kind == "top":
        return replace(SCENARIOS["canonical"], arrivals=Poisson(value))
    base = SCENARIOS["six-app-mid"]
    if kind == "noise":
        return replace(base, options=SocOptions(noise_std=value / 100))
    if kind == "types":
        return _with_types(base, value)
    names = ("num_big", "num_little", "num_fft", "num_viterbi", "num_matrix")
    sizes = ",".join(f"{key}={size}" for key, size in zip(names, SIZES[value], strict=True))
    gap_us = BASE_GAP_US * 16 / value
    return replace(base, platform=f"parametric:{sizes}", arrivals=Poisson(gap_us))


def _with_types(base: Scenario, count: int) -> Scenario:
    """The first applications in their shares, at the offered work of all of them."""
    names = list(SHARES)
    work = {name: _work_us(base.platform, name) for name in names}
    share = sum(list(SHARES.values())[:count])
    shares = {name: SHARES[name] / share for name in names[:count]}
    offered = sum(SHARES[name] * work[name] for name in names)
    gap_us = BASE_GAP_US * sum(shares[name] * work[name] for name in shares) / offered
    return replace(
        base,
        applications=tuple(shares),
        mix=RandomMix(tuple(shares.values())),
        arrivals=Poisson(gap_us),
    )


def _work_us(platform: str, application: str) -> float:
    """Sum of the least execution times of an application's tasks."""
    tables = lower(Platform.named(platform), (Application.named(application),))
    return float(tables.exec_us.min(axis=1).sum())


def _bounded(name: str) -> Scenario:
    """Short, contended streams of fewer jobs than the cap; the name ends with their number."""
    preset = "canonical-open" if domain_of(name) == "top" else "six-app-high"
    return replace(SCENARIOS[preset], num_jobs=int(name.rpartition("-")[2]))
