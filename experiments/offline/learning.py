"""Training an offline learner in the harness: the data come from a recorded dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chipgym.agents.offline.names import DATASET
from chipgym.agents.offline.train import OfflineResult, train_offline
from chipgym.experiments.environments import make_env
from chipgym.experiments.offline.episodes import OfflineDataset, check_spaces
from chipgym.experiments.offline.files import dataset_hash, read_dataset
from chipgym.experiments.suite import TaskSpec
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["train_on_dataset"]


def train_on_dataset(
    algorithm: str,
    task: TaskSpec,
    total_steps: int,
    seed: int,
    hyperparams: Mapping[str, Any] | None = None,
    callback: Callable[[Mapping[str, float]], None] | None = None,
    evaluate: Callable[[Any], Mapping[str, float]] | None = None,
    record_every: int = 1000,
) -> OfflineResult:
    """Train on the dataset that the hyperparameter ``dataset`` names.

    The parameters are those of `chipgym.agents.offline.train.train_offline`; a step is an update of
    the network, so learning curves count updates and no evaluations.

    Raises
    ------
    InvalidValueError
        No dataset is given, or it is of other spaces than the task.
    FileFormatError
        The dataset cannot be read.
    """
    values = dict(hyperparams or {})
    folder = values.pop(DATASET, None)
    if not folder:
        raise InvalidValueError(
            DATASET, folder, "the folder of a recorded dataset (`chipgym data record`)"
        )
    dataset = read_dataset(Path(folder))
    _check_fit(dataset, task)
    head = dataset.head
    facts = {
        "dataset": head.name,
        "dataset_hash": dataset_hash(dataset),
        "episodes": head.total_episodes,
        "steps": head.total_steps,
        "agents": list(head.agents),
    }
    return train_offline(
        algorithm,
        dataset.transitions(),
        total_steps,
        seed,
        values,
        callback,
        evaluate,
        record_every,
        facts,
    )


def _check_fit(dataset: OfflineDataset, task: TaskSpec) -> None:
    """Refuse data of another environment than the one that the policy is for."""
    env = make_env(task)
    seen, actions = check_spaces(env)
    env.close()
    same = seen.shape == dataset.observation_space.shape and _size(actions) == _size(
        dataset.action_space
    )
    if not same:
        raise InvalidValueError(
            DATASET, dataset.head.name, f"recorded in the spaces of task {task.label!r}"
        )


def _size(space: Any) -> Any:
    """What tells action spaces of one kind apart."""
    if hasattr(space, "n"):
        return int(space.n)
    return space.nvec.tolist() if hasattr(space, "nvec") else space.shape
