"""Proxy models: the dataset, honest splits, and the study as a whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.experiments.papers.archgym_proxy import study, tasks
from chipgym.experiments.papers.archgym_proxy.dataset import Logged, encode
from chipgym.experiments.papers.archgym_proxy.models import TARGETS, rmse_percent
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import METRICS, load_table

pyarrow = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("proxy")
    return out, study.run(out, quick=True, workers=1, report=lambda *_: None)


@pytest.fixture(scope="module")
def logged(finished: tuple[Path, dict[str, Any]]) -> Logged:
    return tasks.load_log(str(finished[0] / "lottery"))


def test_the_dataset_holds_every_evaluation(
    finished: tuple[Path, dict[str, Any]], logged: Logged
) -> None:
    table = pyarrow.read_table(finished[0] / "dataset.parquet")
    assert table.num_rows == len(logged) == finished[1]["rows"]
    space = archgym_space()
    row = table.slice(17, 1).to_pylist()[0]
    settings = {knob.name: row[knob.name] for knob in space.designs.knobs}
    design = space.designs.encode(settings)
    assert space.number(design) == row["design"]
    expected = load_table(row["workload"]).metrics(int(space.canonical[row["design"]]))
    assert {name: row[name] for name in METRICS} == expected


def test_held_out_controllers_are_on_one_side_only(logged: Logged) -> None:
    test = tasks._held_out(logged)
    assert 0 < test.sum() < len(logged)
    assert not set(logged.controller[test]) & set(logged.controller[~test])


def test_features_tell_controllers_apart() -> None:
    numbers = np.arange(0, 442_368, 997, dtype=np.int32)
    features = encode(np.full(len(numbers), "random"), numbers)
    assert features.dtype == np.float32
    assert len(np.unique(features, axis=0)) == len(numbers)


def test_the_error_is_relative_to_the_mean() -> None:
    values = np.array([1.0, 3.0])
    assert rmse_percent(values + 0.2, values) == pytest.approx(10)


def test_quick_study(finished: tuple[Path, dict[str, Any]]) -> None:
    out, summary = finished
    assert len(summary["accuracy"]) == 4
    for record in summary["accuracy"]:
        assert all(0 <= record[target] < 200 for target in TARGETS)
    assert {record["log of"] for record in summary["diversity"]} >= {"genetic", "all together"}
    assert summary["speed"]["simulations/s"] > 0
    assert json.loads((out / "summary.json").read_text()) == summary
