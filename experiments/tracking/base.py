"""The protocol of trackers, the table of them, and several at once.

A tracker is told the configuration of a training, its curve, and at last the mean metrics of the
test instances.

Nothing that counts depends on a tracker: results are in the run's own files. So one that fails
half-way (a server that is gone) is dropped with a line on standard error, and the training goes on.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

from chipgym.simulators.core.errors import MissingLibraryError, SimulationError, UnknownNameError

__all__ = [
    "DEFAULT_TRACKERS",
    "Tracker",
    "Tracking",
    "TrackingError",
    "check_trackers",
    "tracker_names",
]

PACKAGE = "chipgym.experiments.tracking"
TRACKERS = {
    "tensorboard": (f"{PACKAGE}.tensorboard:TensorBoardTracker", ""),
    "wandb": (f"{PACKAGE}.wandb_tracker:WandbTracker", "wandb"),
    "mlflow": (f"{PACKAGE}.mlflow_tracker:MlflowTracker", "mlflow"),
}
"""Class of each tracker, and the library of the extra ``[tracking]`` that it needs."""

DEFAULT_TRACKERS = ("tensorboard",)


class TrackingError(SimulationError):
    """A tracker could not be started."""


class Tracker(Protocol):
    """Takes the numbers of one training.

    Its class is called with the folder, the name, the configuration, and whether the training was
    recorded before.
    """

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take named numbers after so many environment steps."""
        ...

    def close(self, failed: bool) -> None:
        """End the training's record."""
        ...


def tracker_names() -> list[str]:
    """Names of the trackers."""
    return list(TRACKERS)


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """Return trackers by name, each once, after a look whether their libraries are installed.

    Parameters
    ----------
    names : sequence of str
        Of `tracker_names`; or ``none`` alone, for no tracker.

    Raises
    ------
    UnknownNameError
        No such tracker.
    MissingLibraryError
        Its library is not installed.
    """
    if list(names) == ["none"]:
        return ()
    for name in names:
        if name not in TRACKERS:
            raise UnknownNameError("tracker", name, [*TRACKERS, "none"])
        library = TRACKERS[name][1]
        if library and not _installed(library):
            raise MissingLibraryError(f"--track {name}", library, "tracking")
    return tuple(dict.fromkeys(names))


def _installed(library: str) -> bool:
    if library in sys.modules:
        return True
    return importlib.util.find_spec(library) is not None


class Tracking:
    """Trackers of one training, by name; a context that closes them.

    Parameters
    ----------
    names : sequence of str
    folder : Path
        Result folder of the training.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._names, self._folder = tuple(names), folder
        self._trackers: dict[str, Tracker] = {}
        self._last = 0
        self.started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(failed=kind is not None)

    def start(self, config: Mapping[str, Any], resumed: bool = False) -> None:
        """Open the records of a training.

        Parameters
        ----------
        config : mapping
            What is trained, as JSON.
        resumed : bool
            Whether the training itself was done, and recorded, by an earlier process.

        Raises
        ------
        MissingLibraryError
            A library is not installed.
        TrackingError
            A tracker could not be started: no login, no server.
        """
        self.started = True
        for name in check_trackers(self._names):
            module, _, attribute = TRACKERS[name][0].partition(":")
            kind = getattr(importlib.import_module(module), attribute)
            try:
                tracker = kind(self._folder, self._folder.name, dict(config), resumed)
            except Exception as error:  # whatever a foreign library raises
                self.close(failed=True)
                if name == "tensorboard":  # our own files: a full disk is said to be one
                    raise
                raise TrackingError(f"{name} does not start: {error}") from error
            self._trackers[name] = cast(Tracker, tracker)

    def log(self, record: Mapping[str, float]) -> None:
        """Take a record of the trainer; its ``steps`` are the axis."""
        step = int(record["steps"])
        values = {
            name if "/" in name else f"training/{name}": float(value)
            for name, value in record.items()
            if name != "steps"
        }
        self._log(step, values)

    def log_result(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take the mean metrics of the test instances, after the training's last step."""
        self._log(
            max(step, self._last), {f"test/{name}": float(value) for name, value in metrics.items()}
        )

    def close(self, failed: bool = False) -> None:
        """End all records."""
        for name in list(self._trackers):
            self._guarded(name, "close", failed)
        self._trackers.clear()

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        self._last = step  # W&B refuses steps that go back
        for name in list(self._trackers):
            self._guarded(name, "log", step, values)

    def _guarded(self, name: str, method: str, *arguments: Any) -> None:
        try:
            getattr(self._trackers[name], method)(*arguments)
        except OSError as error:
            if name == "tensorboard":  # our own files: a full disk must be heard of
                raise
            self._drop(name, error)
        except Exception as error:  # whatever a foreign library raises
            self._drop(name, error)

    def _drop(self, name: str, error: Exception) -> None:
        print(f"{name} failed and is left out from here on: {error}", file=sys.stderr, flush=True)
        self._trackers.pop(name, None)
