"""What every source of accuracies offers, and the label that each accuracy carries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import ChipGymError

__all__ = ["Accuracy", "AccuracyProvider", "Task", "TrainingError"]


class TrainingError(ChipGymError):
    """A network could not be trained: it diverged, or the budget of trainings is spent."""

    def __init__(self, architecture: str, reason: str) -> None:
        self.architecture = architecture
        self.reason = reason
        super().__init__(f"training of {architecture}: {reason}")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.architecture, self.reason)


@dataclass(frozen=True)
class Task:
    """What a network of the workload is for.

    Attributes
    ----------
    name : str
        Unique in its workload.
    data_set : str
        A key of `data_sets.DATA_SETS`.
    space : str
        A key of `spaces.SPACES`.
    weight : float
        Weight of its accuracy in the reward; the weights of a workload add up to 1.
    """

    name: str
    data_set: str
    space: str
    weight: float = 1.0


@dataclass(frozen=True)
class Accuracy:
    """An accuracy with all that is needed to know what it is worth.

    Attributes
    ----------
    value : float
        0 to 1, on images that were not trained on: share of correct classes, or intersection over
        union of the foreground in segmentation; the mean over the seeds.
    data_set : str
    recipe : str
        Name of the training recipe, or of the published table.
    seeds : tuple of int
        Seeds of the trainings that were averaged; empty where they are not known.
    measured : bool
        False: predicted from measured ones.
    standard_error : float
        Of the mean over seeds if measured; root-mean-square error on held-out architectures if
        predicted; nan where unknown.
    """

    value: float
    data_set: str
    recipe: str
    seeds: tuple[int, ...]
    measured: bool
    standard_error: float = float("nan")

    @property
    def label(self) -> dict[str, Any]:
        """The accuracy as plain values, for infos and tables."""
        return {**asdict(self), "seeds": " ".join(map(str, self.seeds))}


@runtime_checkable
class AccuracyProvider(Protocol):
    """A source of accuracies. The same question always has the same answer."""

    @property
    def name(self) -> str:
        """Name of the provider."""
        ...

    def check(self, task: Task) -> None:
        """Raise a `ChipGymError` unless the accuracies of a task's networks can be given."""

    def accuracy(self, task: Task, architecture: Architecture) -> Accuracy:
        """Return the accuracy of a network.

        Raises
        ------
        TrainingError
            The network could not be trained.
        """
