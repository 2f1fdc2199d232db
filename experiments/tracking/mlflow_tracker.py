"""MLflow; its own environment variables (``MLFLOW_TRACKING_URI``, …) say where to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["MlflowTracker"]

MAX_PARAMETER = 500
"""Characters of a parameter's value that every store of MLflow takes."""


class MlflowTracker:
    """One run of MLflow for each training, in the experiment ``MLFLOW_EXPERIMENT_NAME`` (chipgym).

    The client is used, not MLflow's active run, so the user's own runs are not touched.
    """

    def __init__(self, folder: Path, name: str, config: dict[str, Any], resumed: bool) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        title = os.environ.get("MLFLOW_EXPERIMENT_NAME", "chipgym")
        known = self._client.get_experiment_by_name(title)
        place = known.experiment_id if known else self._client.create_experiment(title)
        self._run = self._client.create_run(place, run_name=name).info.run_id
        for key, value in config.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._client.log_param(self._run, key, text[:MAX_PARAMETER])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log a record."""
        for key, value in values.items():
            self._client.log_metric(self._run, key, value, step=step)

    def close(self, failed: bool) -> None:
        """End the run."""
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")
