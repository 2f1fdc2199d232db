"""Parts of the study: fits on shares of the logged data, tested on designs that were held out.

The split is by controller: a design and its equals (same canonical configuration) are on the same
side. A split by row, as is usual, lets a model see the answer to most of its test; it is reported
beside the other to show by how much that flatters.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.archgym_lottery.records import read_records
from chipgym.experiments.papers.archgym_proxy.dataset import Logged, encode, log
from chipgym.experiments.papers.archgym_proxy.models import fit, rmse_percent
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import METRICS, load_table

__all__ = ["accuracy", "diversity", "load_log"]

HELD_OUT = 5
"""One controller of so many is held out."""
TEST_DESIGNS = 20_000


@functools.cache
def load_log(records: str) -> Logged:
    """Return what all searches of a folder of records have logged."""
    paths = sorted(Path(records).glob("records-*.npz"))
    return log([entry for path in paths for entry in read_records(path)])


def accuracy(
    records: str, target: str, model: str, split: str, rows: int, seed: int, version: str
) -> dict[str, Any]:
    """Fit on `rows` logged evaluations; return the error on held-out ones.

    Parameters
    ----------
    records : str
        Folder with the records of the lottery.
    target, model : str
    split : str
        ``"controller"``: no controller is on both sides. ``"row"``: rows at random.
    rows : int
        At most so many for training, at random.
    seed : int
    version : str
        Of the simulator: results of another one are not used again.

    Returns
    -------
    dict
        ``rmse_percent``, ``train_rows``, ``test_rows``.
    """
    logged, rng = load_log(records), np.random.default_rng(seed)
    test = _held_out(logged) if split == "controller" else rng.random(len(logged)) < 1 / HELD_OUT
    train = _draw(np.flatnonzero(~test), rows, rng)
    tested = _draw(np.flatnonzero(test), TEST_DESIGNS, rng)
    fitted = fit(model, _features(logged, train), _target(logged, train, target), seed)
    predicted = fitted.predict(_features(logged, tested))
    return {
        "rmse_percent": rmse_percent(predicted, _target(logged, tested, target)),
        "train_rows": len(train),
        "test_rows": len(tested),
    }


def diversity(
    records: str, target: str, algorithms: list[str], rows: int, seed: int, version: str
) -> float:
    """Fit on `rows` evaluations of some algorithms in equal parts; return the error in percent.

    It is tested on held-out controllers that are drawn uniformly from the space, not by a search.
    """
    logged, rng = load_log(records), np.random.default_rng(seed)
    usable = ~_held_out(logged)
    share = rows // len(algorithms)
    chosen = [
        _draw(np.flatnonzero(usable & (logged.algorithm == name)), share, rng)
        for name in algorithms
    ]
    train = np.concatenate(chosen)
    fitted = fit("random-forest", _features(logged, train), _target(logged, train, target), seed)
    workload, design, values = _uniform(sorted(set(logged.workload.tolist())), target, rng)
    return rmse_percent(fitted.predict(encode(workload, design)), values)


def _held_out(logged: Logged) -> npt.NDArray[np.bool_]:
    return np.asarray(_is_held_out(logged.controller))


def _is_held_out(controller: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Choose controllers for the test, the same ones on every workload."""
    size = len(archgym_space().configs)
    return np.asarray((np.random.default_rng(size).random(size) < 1 / HELD_OUT)[controller])


def _draw(rows: npt.NDArray[Any], limit: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    if len(rows) <= limit:
        return rows
    return np.sort(rng.choice(rows, limit, replace=False))


def _features(logged: Logged, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return encode(logged.workload[rows], logged.design[rows])


def _target(logged: Logged, rows: npt.NDArray[Any], target: str) -> npt.NDArray[np.float64]:
    return np.asarray(logged.metrics[rows, METRICS.index(target)])


def _uniform(
    workloads: list[str], target: str, rng: np.random.Generator
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Draw designs with held-out controllers, and look their target up."""
    space = archgym_space()
    candidates = np.flatnonzero(_is_held_out(space.canonical)).astype(np.int32)
    each = TEST_DESIGNS // len(workloads)
    names, designs, values = [], [], []
    for name in workloads:
        drawn = rng.choice(candidates, each, replace=False)
        column = load_table(name).column(target)
        names.append(np.full(each, name))
        designs.append(drawn)
        values.append(column[space.canonical[drawn]])
    return np.concatenate(names), np.concatenate(designs), np.concatenate(values)
