"""Latencies of the study in numbers: means, gains over ETF and growth with noise, with intervals.

Everything is paired by stream. Of trained agents several seeds play; where not every seed plays
every stream, the rest is nan, and means are taken over what was played.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from chipgym.experiments.statistics import Interval

__all__ = ["BASELINE", "Records", "arrays_of", "mean_interval"]

BASELINE = "ETF"
RESAMPLES = 4_000
BOOTSTRAP_SEED = 20_200_608
Floats = npt.NDArray[np.float64]


def mean_interval(values: npt.ArrayLike) -> Interval:
    """Mean and its 95 % percentile interval by bootstrap over seeds and streams.

    Seeds and streams are drawn with replacement, whole rows and columns at a time.

    Parameters
    ----------
    values : float array, shape (streams,) or (seeds, streams)
        nan: this seed has not played this stream.
    """
    table = np.atleast_2d(np.asarray(values, dtype=np.float64))
    known = np.isfinite(table)
    if not known.any():
        return Interval(np.nan, np.nan, np.nan)
    filled = np.where(known, table, 0.0)
    rows, columns = _draws(*table.shape)
    totals = ((rows @ filled) * columns).sum(axis=1)
    counts = ((rows @ known.astype(np.float64)) * columns).sum(axis=1)
    # Few seeds with few streams each may leave a draw without any value.
    means = totals[counts > 0] / counts[counts > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(filled.sum() / known.sum()), float(low), float(high))


@lru_cache(maxsize=32)
def _draws(seeds: int, streams: int) -> tuple[Floats, Floats]:
    """How often each seed and each stream is in each resample; drawing takes longer than using."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES)
    columns = rng.multinomial(streams, np.full(streams, 1 / streams), RESAMPLES)
    return rows.astype(np.float64), columns.astype(np.float64)


@dataclass
class Records:
    """Mean job latency of every stream.

    Attributes
    ----------
    latency_us : dict
        Point, then scheduler: float64, shape (seeds, streams), nan where not played.
    omitted : dict
        Scheduler, then point: why it did not play there.
    """

    latency_us: dict[str, dict[str, Floats]] = field(default_factory=dict)
    omitted: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, point: str, name: str, latency_us: Floats) -> None:
        """Keep the latencies of a scheduler at a point."""
        self.latency_us.setdefault(point, {})[name] = latency_us

    def omit(self, point: str, name: str, reason: str) -> None:
        """Take note of why a scheduler did not play at a point."""
        self.omitted.setdefault(name, {})[point] = reason

    def played(self, name: str, point: str) -> bool:
        """Whether a scheduler has played at a point."""
        return name in self.latency_us.get(point, {})

    def latency(self, name: str, point: str) -> Interval:
        """Mean job latency, µs, over streams."""
        return mean_interval(self.latency_us[point][name])

    def gain(self, name: str, point: str) -> Interval:
        """Percent by which the mean latency of a stream is below that of ETF on it."""
        return mean_interval(self.gains(name, point))

    def gains(self, name: str, point: str) -> Floats:
        """Gain over ETF, %, shape (seeds, streams)."""
        at = self.latency_us[point]
        return 100.0 * (1.0 - at[name] / at[BASELINE])

    def growth(self, name: str, point: str, calm: str) -> Interval:
        """Percent by which a stream's latency is higher at a point than at a calm one."""
        return mean_interval(
            100.0 * (self.latency_us[point][name] / self.latency_us[calm][name] - 1.0)
        )

    def excess_growth(self, name: str, point: str, calm: str) -> Interval:
        """Growth of a scheduler less that of ETF, in percentage points, paired by stream."""
        now, then = self.latency_us[point], self.latency_us[calm]
        own, baseline = now[name] / then[name], now[BASELINE] / then[BASELINE]
        return mean_interval(100.0 * (own - baseline))

    def loss(self, name: str, ablation: str, point: str) -> Interval:
        """Gain over ETF that an ablation loses, in percentage points, paired by stream."""
        whole, part = self.gains(name, point), self.gains(ablation, point)
        return mean_interval(np.nanmean(whole, axis=0) - part)

    def gap(self, name: str, point: str, bound_us: npt.ArrayLike) -> Interval:
        """Percent by which a stream's latency is above a lower bound."""
        bounds = np.asarray(bound_us, dtype=np.float64)
        return mean_interval(100.0 * (self.latency_us[point][name] / bounds - 1.0))

    def facts(self, name: str, point: str) -> dict[str, float | int | None]:
        """Latency and gain of a scheduler at a point, with intervals and counts."""
        latency, gain = self.latency(name, point), self.gain(name, point)
        known = np.isfinite(self.latency_us[point][name])
        return {
            "latency_us": latency.value,
            "latency_low_us": latency.low,
            "latency_high_us": latency.high,
            "gain_percent": gain.value,
            "gain_low_percent": gain.low,
            "gain_high_percent": gain.high,
            "streams": int(known.any(axis=0).sum()),
            "training_seeds": int(known.any(axis=1).sum()),
            "episodes": int(known.sum()),
        }


def arrays_of(latency_us: Mapping[str, Mapping[str, Floats]]) -> dict[str, Floats]:
    """Flatten records to named arrays, ``POINT/SCHEDULER``."""
    return {f"{p}/{name}": values for p, at in latency_us.items() for name, values in at.items()}
