"""Workload features: what a controller's designer would ask about a trace, each in [0, 1]."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.address import AddressMap
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.trace import Trace

__all__ = ["FEATURES", "WorkloadFeatures", "features"]

Ints = npt.NDArray[np.int64]

FEATURES: dict[str, str] = {
    "read_share": "share of requests that read",
    "turn_share": "share of requests whose direction differs from the last one's",
    "intensity": "x / (1 + x) of the requests' bus time over the trace's duration, x",
    "burstiness": "v / (1 + v) of the coefficient of variation of the gaps, v",
    "row_hit_share": "share of requests to the row of the bank's last request",
    "row_conflict_share": "share of requests to another row than the bank's last request",
    "sequential_share": "share of requests to the burst after one of the last 16 requests",
    "repeat_share": "share of requests to a burst that was requested before",
    "bank_entropy": "entropy of the requests over the banks, over its maximum",
    "bank_change_share": "share of requests to another bank than the last one's",
    "distinct_rows_share": "distinct rows over requests",
    "footprint_share": "distance from the lowest to the highest address, over the capacity",
}
"""Meaning of each feature by name, in the order of `WorkloadFeatures.as_array`."""

SEQUENTIAL_WINDOW = 16


@dataclass(frozen=True)
class WorkloadFeatures:
    """Features of a trace on a memory, each in [0, 1]; see `FEATURES` for their meaning.

    No feature depends on the length of the trace as such, so that traces of different lengths
    compare.
    """

    read_share: float
    turn_share: float
    intensity: float
    burstiness: float
    row_hit_share: float
    row_conflict_share: float
    sequential_share: float
    repeat_share: float
    bank_entropy: float
    bank_change_share: float
    distinct_rows_share: float
    footprint_share: float

    def as_array(self) -> npt.NDArray[np.float64]:
        """Return the features as a float64 array of shape (len(FEATURES),)."""
        return np.array(astuple(self), dtype=np.float64)


def features(trace: Trace, device: Device, address_map: AddressMap) -> WorkloadFeatures:
    """Compute the features of a trace, in the order in which its requests are sent.

    Parameters
    ----------
    trace : Trace
        N requests below the device's capacity.
    device : Device
    address_map : AddressMap
        A map that fits the device.
    """
    place = address_map.decode(trace.address, device)
    line = trace.address // device.burst_bytes
    size = len(trace)
    hits, conflicts = _row_outcomes(place.bank, place.row)
    span = int(line.max() - line.min()) + 1
    return WorkloadFeatures(
        read_share=float(1 - trace.is_write.mean()),
        turn_share=_change_share(trace.is_write),
        intensity=_intensity(trace.cycle, device.burst_cycles),
        burstiness=_burstiness(trace.cycle),
        row_hit_share=hits / size,
        row_conflict_share=conflicts / size,
        sequential_share=_sequential_share(line),
        repeat_share=1 - len(np.unique(line)) / size,
        bank_entropy=_entropy(place.bank, device.banks),
        bank_change_share=_change_share(place.bank),
        distinct_rows_share=len(np.unique(place.bank * device.rows + place.row)) / size,
        footprint_share=span * device.burst_bytes / device.capacity_bytes,
    )


def _change_share(values: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(values[1:] != values[:-1])) / len(values)


def _intensity(cycle: Ints, burst_cycles: int) -> float:
    load = len(cycle) * burst_cycles / (int(cycle[-1] - cycle[0]) + 1)
    return load / (1 + load)


def _burstiness(cycle: Ints) -> float:
    gaps = np.diff(cycle)
    mean = float(gaps.mean()) if len(gaps) else 0.0
    variation = float(gaps.std()) / mean if mean > 0 else 0.0
    return variation / (1 + variation)


def _row_outcomes(bank: Ints, row: Ints) -> tuple[int, int]:
    """Count the requests to the same and to another row as their bank's last request."""
    order = np.argsort(bank, kind="stable")
    sorted_bank, sorted_row = bank[order], row[order]
    same_bank = sorted_bank[1:] == sorted_bank[:-1]
    same_row = sorted_row[1:] == sorted_row[:-1]
    hits = int(np.count_nonzero(same_bank & same_row))
    return hits, int(np.count_nonzero(same_bank)) - hits


def _sequential_share(line: Ints) -> float:
    follows = np.zeros(len(line), dtype=np.bool_)
    for back in range(1, min(SEQUENTIAL_WINDOW, len(line) - 1) + 1):
        follows[back:] |= line[back:] == line[:-back] + 1
    return float(follows.mean())


def _entropy(bank: Ints, banks: int) -> float:
    if banks == 1:
        return 0.0
    count = np.bincount(bank, minlength=banks)
    share = count[count > 0] / len(bank)
    return float(np.clip(-(share * np.log(share)).sum() / np.log(banks), 0, 1))
