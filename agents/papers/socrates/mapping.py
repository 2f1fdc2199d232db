"""A decision about the PE of one task, as the mapping agents see it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.problem import JobsView
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["check_mapping", "next_valid", "pair_features"]


def check_mapping(problem: JobsView) -> None:
    """Raise `InvalidValueError` where the PE of a task cannot be chosen."""
    if problem.num_pes > 1 and problem.encode(0, 0) == problem.encode(0, 1):
        raise InvalidValueError(
            "environment", "PEs not chosen", "a form in which PEs are chosen, such as task mapping"
        )


def next_valid(valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each PE itself if it is valid, or the next one that is, counting upwards and around."""
    count = len(valid)
    places = np.flatnonzero(valid)
    found = np.searchsorted(places, np.arange(count))
    return places[found % len(places)].astype(np.int64)


def pair_features(
    problem: JobsView, scale_us: float, *, real_time: bool = True
) -> npt.NDArray[np.float32]:
    """Estimated finish and execution of the first ready task on each PE, squashed, shape (P, 2).

    1 where the PE cannot execute it. Without `real_time` the estimated finish is 0.
    """
    times = np.stack([problem.estimated_finish_us[0], problem.exec_us[0]], axis=1)
    with np.errstate(invalid="ignore"):
        squashed = times / (times + scale_us)
    features = np.where(np.isfinite(times), squashed, 1.0).astype(np.float32)
    if not real_time:
        features[:, 0] = 0.0
    return features
