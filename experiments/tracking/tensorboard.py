"""TensorBoard: event files in the training's folder, ``tensorboard/``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chipgym.experiments.tracking.event_file import EventFile

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker:
    """Writes event files; `tensorboard --logdir FOLDER` shows those of all trainings below it."""

    def __init__(self, folder: Path, name: str, config: dict[str, Any], resumed: bool) -> None:
        place = folder / "tensorboard"
        if not resumed:  # an interrupted training begins anew
            shutil.rmtree(place, ignore_errors=True)
        self._events = EventFile(place)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write a record."""
        self._events.add(step, values)

    def close(self, failed: bool) -> None:
        """Close the file."""
        self._events.close()
