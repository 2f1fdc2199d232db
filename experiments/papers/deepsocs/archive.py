"""The latency of every stream as files, one a sweep."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.experiments.papers.deepsocs.analysis import Records, arrays_of
from chipgym.experiments.papers.deepsocs.points import BOUNDED, Sweep
from chipgym.simulators.core.files import write_bytes

__all__ = ["write_records"]


def write_records(
    folder: Path,
    sweeps: Sequence[Sweep],
    records: Records,
    bounds: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Write ``SWEEP.npz`` and ``bounds.npz`` with arrays ``POINT/SCHEDULER``, (seeds, streams).

    Each point is in the file of the first sweep that has it; bounds are beside their points.
    """
    written: set[str] = set()
    for sweep in sweeps:
        points = [point for point in sweep.points.values() if point not in written]
        written |= set(points)
        _write_arrays(folder / f"{sweep.name}.npz", records, points)
    extra = {
        f"{point}/{key}": np.array([np.nan if e[key] is None else e[key] for e in found])
        for point, found in bounds.items()
        for key in ("bound_us", "found_us")
    }
    extra |= {
        f"{point}/proven": np.array([entry["status"] == "optimal" for entry in found])
        for point, found in bounds.items()
    }
    _write_arrays(folder / "bounds.npz", records, BOUNDED, extra)


def _write_arrays(
    path: Path, records: Records, points: Sequence[str], extra: dict[str, Any] | None = None
) -> None:
    latency_us = {point: records.latency_us.get(point, {}) for point in points}
    stream = io.BytesIO()
    arrays: dict[str, Any] = {**arrays_of(latency_us), **(extra or {})}
    np.savez_compressed(stream, **arrays)
    write_bytes(path, stream.getvalue())
