"""A workload: which jobs are injected, and the gaps between them. It is an instance, replayable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["Workload"]


@dataclass(frozen=True, eq=False)
class Workload:
    """A stream of jobs.

    Attributes
    ----------
    app_index : int64 array, shape (jobs,)
        Application of each job, an index into the simulated list of applications.
    gap_us : float64 array, shape (jobs,)
        Time from the injection of each job to the next one (the last is unused); time blocked by
        the cap on jobs in flight comes on top. The first job arrives at time 0.
    key : int
        64-bit key of the execution-time noise and of PE failures: both are functions of
        (key, job, task) and (key, PE, count), so schedulers can be compared under the same luck.
    """

    app_index: npt.NDArray[np.int64]
    gap_us: npt.NDArray[np.float64]
    key: int = 0

    def __post_init__(self) -> None:
        apps = np.ascontiguousarray(self.app_index, dtype=np.int64)
        gaps = np.ascontiguousarray(self.gap_us, dtype=np.float64)
        if apps.ndim != 1 or len(apps) == 0:
            raise InvalidValueError("app_index", apps.shape, "a one-dimensional array, not empty")
        if gaps.shape != apps.shape:
            raise InvalidValueError("gap_us", gaps.shape, f"the shape of app_index, {apps.shape}")
        if apps.min() < 0:
            raise InvalidValueError("app_index", int(apps.min()), ">= 0")
        bad = np.flatnonzero(~(np.isfinite(gaps) & (gaps >= 0)))
        if len(bad):
            raise InvalidValueError(f"gap_us[{bad[0]}]", float(gaps[bad[0]]), ">= 0 and finite")
        if not 0 <= self.key < 2**63:
            raise InvalidValueError("key", self.key, ">= 0 and < 2**63")
        object.__setattr__(self, "app_index", apps)
        object.__setattr__(self, "gap_us", gaps)

    def __len__(self) -> int:
        return len(self.app_index)

    @property
    def content_hash(self) -> str:
        """Hash of the instance."""
        return hash_arrays(self.app_index, self.gap_us, np.array([self.key]))

    @classmethod
    def from_arrivals(
        cls, app_index: Sequence[int], arrival_us: Sequence[float], key: int = 0
    ) -> Workload:
        """Build a workload from absolute arrival times, the first of which must be 0."""
        times = np.asarray(arrival_us, dtype=np.float64)
        if times.ndim != 1 or len(times) == 0 or times[0] != 0:
            raise InvalidValueError("arrival_us", list(arrival_us)[:1], "times that start at 0")
        if (np.diff(times) < 0).any():
            first = int(np.flatnonzero(np.diff(times) < 0)[0]) + 1
            raise InvalidValueError(f"arrival_us[{first}]", float(times[first]), "not decreasing")
        return cls(np.asarray(app_index, dtype=np.int64), np.append(np.diff(times), 0.0), key)
