"""Weights & Biases; its own environment variables (``WANDB_MODE=offline``, …) say where to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["WandbTracker"]


class WandbTracker:
    """One run of W&B for each training, in the project ``WANDB_PROJECT``, by default chipgym."""

    def __init__(self, folder: Path, name: str, config: dict[str, Any], resumed: bool) -> None:
        import wandb

        project = os.environ.get("WANDB_PROJECT", "chipgym")
        self._run = wandb.init(project=project, name=name, config=config, dir=str(folder))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log a record."""
        self._run.log(dict(values), step=step)

    def close(self, failed: bool) -> None:
        """Finish the run."""
        self._run.finish(exit_code=int(failed))
