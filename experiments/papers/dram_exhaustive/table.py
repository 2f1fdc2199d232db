"""Outcomes of every controller on a workload, kept without repetition."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.metrics import METRICS as ENVIRONMENT_METRICS
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.simulators.core.errors import FileFormatError, lookup_error
from chipgym.simulators.core.files import write_bytes
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

__all__ = ["METRICS", "RESULTS", "WORKLOADS", "OutcomeTable", "load_table"]

WORKLOADS = ("stream", "random", "cloud-1", "cloud-2")
METRICS = tuple(ENVIRONMENT_METRICS)
"""What is kept of a simulation: all that the environments measure."""
RESULTS = Path(__file__).parent / "results"
COMMAND = "chipgym reproduce dram-exhaustive"


@dataclass(frozen=True, eq=False)
class OutcomeTable:
    """Outcomes of the C controllers of a space on one workload.

    Attributes
    ----------
    workload : str
    outcomes : float64 array, shape (U, len(METRICS))
        The distinct outcomes.
    outcome_of : int32 array, shape (C,)
        Outcome of each controller.
    """

    workload: str
    outcomes: npt.NDArray[np.float64]
    outcome_of: npt.NDArray[np.int32]

    @classmethod
    def of(cls, workload: str, values: npt.NDArray[np.float64]) -> OutcomeTable:
        """Make the table from the metrics of every controller, shape (C, len(METRICS)).

        Controllers that were not simulated have infinite metrics.
        """
        distinct, inverse = np.unique(values, axis=0, return_inverse=True)
        return cls(workload, distinct, inverse.ravel().astype(np.int32))

    @property
    def simulated(self) -> npt.NDArray[np.bool_]:
        """Which controllers were simulated, shape (C,)."""
        return np.isfinite(self.column(METRICS[0]))

    def column(self, metric: str) -> npt.NDArray[np.float64]:
        """Return a metric of every controller, shape (C,)."""
        return np.asarray(self.outcomes[self.outcome_of, METRICS.index(metric)])

    def metrics(self, controller: int) -> dict[str, float]:
        """Return the metrics of a controller by its number."""
        row = self.outcomes[self.outcome_of[controller]]
        return dict(zip(METRICS, row.tolist(), strict=True))

    def save(self, folder: Path) -> Path:
        """Write ``WORKLOAD.npz``; the same table, the same bytes."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            outcomes=self.outcomes,
            outcome_of=self.outcome_of,
            metrics=np.array(METRICS),
            version=np.array(SIMULATOR_VERSION),
        )
        path = folder / f"{self.workload}.npz"
        write_bytes(path, stream.getvalue())
        return path

    @classmethod
    def load(cls, folder: Path, workload: str) -> OutcomeTable:
        """Read a table that fits this version of the simulator.

        Raises
        ------
        UnknownNameError, FileFormatError
        """
        if workload not in WORKLOADS:
            raise lookup_error("workload", workload, WORKLOADS)
        path = folder / f"{workload}.npz"
        try:
            with np.load(path, allow_pickle=False) as content:
                version, metrics = str(content["version"]), tuple(content["metrics"].tolist())
                table = cls(workload, content["outcomes"], content["outcome_of"])
        except (OSError, KeyError, ValueError) as error:
            raise FileFormatError(path, f"cannot be read ({error}); make it: {COMMAND}") from error
        if (version, metrics) != (SIMULATOR_VERSION, METRICS):
            raise FileFormatError(path, f"was made by version {version}; make it anew: {COMMAND}")
        if len(table.outcome_of) != len(archgym_space().configs):
            raise FileFormatError(path, f"covers another space; make it anew: {COMMAND}")
        return table


@functools.cache
def load_table(workload: str) -> OutcomeTable:
    """Return the shipped table of a workload."""
    return OutcomeTable.load(RESULTS, workload)
