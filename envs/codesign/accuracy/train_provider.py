"""The provider that trains: every network for real, cached by content, under a budget."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.envs.codesign.accuracy.data_sets import Images, data_set_named, load_images
from chipgym.envs.codesign.accuracy.provider import Accuracy, Task, TrainingError
from chipgym.envs.codesign.accuracy.recipe import Recipe, recipe_for
from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range
from chipgym.simulators.core.files import read_json, write_json
from chipgym.simulators.core.hashing import content_hash

__all__ = ["TrainProvider"]

# Data sets that were read, by name and folder: environments of a process share them.
_LOADED: dict[tuple[str, str], tuple[Images, str]] = {}


def _loaded(name: str, folder: Path | None) -> tuple[Images, str]:
    key = name, str(folder)
    if key not in _LOADED:
        images = load_images(name, folder)
        _LOADED[key] = images, images.content_hash
    return _LOADED[key]


class TrainProvider:
    """Trains each network that is asked for.

    A result is kept by the hash of architecture, recipe, content of the data set and seed, in
    memory and, with a `cache`, as one JSON file each. Failed trainings are kept too.

    Parameters
    ----------
    data : path, optional
        Folder of the data sets that do not come with packages.
    recipe : str or Recipe, optional
        By default each data set's own.
    seeds : sequence of int
        One training for each; the accuracy is their mean.
    cache : path, optional
        Folder for results.
    budget : int, optional
        Most trainings that are run (cached results do not count); then `TrainingError`. Without a
        `cache` each search of `chipgym.experiments.search.run_search` trains its networks again.
    """

    name = "train"

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        recipe: str | Recipe | None = None,
        seeds: Sequence[int] = (0,),
        cache: str | os.PathLike[str] | None = None,
        budget: int | None = None,
    ) -> None:
        if not seeds or any(isinstance(s, bool) or not isinstance(s, int) or s < 0 for s in seeds):
            raise InvalidValueError("seeds", seeds, "integers >= 0, at least one")
        if budget is not None:
            check_range("budget", budget, 0)
        self.data = None if data is None else Path(data)
        self.recipe = recipe
        self.seeds = tuple(seeds)
        self.cache = None if cache is None else Path(cache)
        self.budget = budget
        self.trainings = 0
        self._known: dict[str, dict[str, Any]] = {}
        self._paid: set[tuple[str, str, int]] = set()

    def check(self, task: Task) -> None:
        """Read the task's data set, so that what is missing is told at once."""
        recipe_for(task.data_set, self.recipe)
        _loaded(task.data_set, self.data)

    def accuracy(self, task: Task, architecture: Architecture) -> Accuracy:
        """Return the mean accuracy over the seeds, after training where it is not known."""
        recipe = recipe_for(task.data_set, self.recipe)
        values = [self._one(task.data_set, architecture, recipe, seed) for seed in self.seeds]
        error = math.nan
        if len(values) > 1:
            error = float(np.std(values, ddof=1) / math.sqrt(len(values)))
        mean = float(np.mean(values))
        return Accuracy(mean, task.data_set, recipe.name, self.seeds, True, error)

    def begin(self) -> None:
        """Start anew: no training was run, and what was run is not remembered."""
        self.trainings = 0
        self._paid.clear()
        if self.budget is not None:
            self._known.clear()

    def restore(self, task: Task, architecture: Architecture, trainings: int) -> None:
        """Count the trainings of a network as run, unless `trainings` are counted already."""
        for seed in self.seeds:
            key = task.data_set, architecture.key, seed
            if key not in self._paid and self.trainings < trainings:
                self._paid.add(key)
                self.trainings += 1

    def _one(self, data_set: str, architecture: Architecture, recipe: Recipe, seed: int) -> float:
        images, data_hash = _loaded(data_set, self.data)
        question = {
            "architecture": architecture.key,
            "recipe": recipe.document(),
            "data_set": data_set,
            "data_hash": data_hash,
            "seed": seed,
        }
        key = content_hash(question)
        entry = self._known.get(key) or self._read(key, question)
        if entry is None:
            entry = {**question, **self._train(architecture, data_set, images, recipe, seed)}
            if self.cache is not None:
                self.cache.mkdir(parents=True, exist_ok=True)
                write_json(self.cache / f"{key}.json", entry)
        self._known[key] = entry
        if "failure" in entry:
            raise TrainingError(architecture.key, entry["failure"])
        return float(entry["accuracy"])

    def _train(
        self, architecture: Architecture, data_set: str, images: Images, recipe: Recipe, seed: int
    ) -> dict[str, Any]:
        paid = (data_set, architecture.key, seed) in self._paid
        if not paid and self.budget is not None and self.trainings >= self.budget:
            raise TrainingError(architecture.key, f"the budget of {self.budget} trainings is spent")
        # PyTorch is slow to import, and other providers do without it.
        from chipgym.envs.codesign.accuracy.training import train_network

        self.trainings += not paid
        try:
            value = train_network(architecture, data_set_named(data_set), images, recipe, seed)
        except TrainingError as error:
            return {"failure": error.reason}
        except RuntimeError as error:
            # PyTorch's own, such as too little memory: not kept, it may go another time.
            raise TrainingError(architecture.key, str(error).partition("\n")[0]) from error
        return {"accuracy": value}

    def _read(self, key: str, question: dict[str, Any]) -> dict[str, Any] | None:
        path = None if self.cache is None else self.cache / f"{key}.json"
        if path is None or not path.is_file():
            return None
        entry: Any = read_json(path)
        if not _is_result(entry) or any(entry.get(k) != value for k, value in question.items()):
            raise FileFormatError(path, "not a result of this training; remove the file")
        return dict(entry)


def _is_result(entry: Any) -> bool:
    """Whether a document holds an accuracy or the reason of a failure, and not both."""
    if not isinstance(entry, dict) or ("accuracy" in entry) == ("failure" in entry):
        return False
    value = entry.get("accuracy", 0.0)
    return isinstance(value, float) and 0.0 <= value <= 1.0
