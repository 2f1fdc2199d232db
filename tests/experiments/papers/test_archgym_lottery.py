"""The lottery: entries, exact records, scores, and the study as a whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.agents.search.registry import searcher_hyperparameters
from chipgym.experiments.papers.archgym_lottery import study
from chipgym.experiments.papers.archgym_lottery.analysis import measure
from chipgym.experiments.papers.archgym_lottery.records import (
    UNUSED,
    Entry,
    best_so_far,
    read_records,
    write_records,
)
from chipgym.experiments.papers.archgym_lottery.search import entries, search
from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.simulators.core.errors import FileFormatError


def entry(designs: list[list[int]]) -> Entry:
    rows = np.array(designs, dtype=np.int32)
    return Entry("random", "edp", "genetic", 0, {"population": 8}, rows)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("lottery")
    return out, study.run(out, quick=True, workers=1, report=lambda *_: None)


def test_the_first_entry_has_the_stored_hyperparameters() -> None:
    for algorithm in study.ALGORITHMS:
        found = entries(algorithm, 12)
        assert found[0] == dict(searcher_hyperparameters(algorithm).values)
        assert len(found) <= 12
        assert len({repr(sorted(values.items())) for values in found}) == len(found)


def test_a_search_spends_its_budget_on_distinct_controllers() -> None:
    problem = tabulated_problem("random", "edp")
    designs = search(problem, "hill-climbing", entries("hill-climbing", 1)[0], seed=1, budget=50)
    controllers = problem.space.canonical[designs]
    assert len(set(controllers.tolist())) == len(designs) == 50
    assert designs == search(problem, "hill-climbing", entries("hill-climbing", 1)[0], 1, 50)


def test_best_so_far_never_falls_and_ends_at_the_best() -> None:
    problem = tabulated_problem("random", "edp")
    found = best_so_far(problem, entry([[5, 400_000, 7], [9, UNUSED, UNUSED]]))
    scores = problem.scores[problem.space.canonical]
    assert found[0].tolist() == np.maximum.accumulate(scores[[5, 400_000, 7]]).tolist()
    assert found[1].tolist() == [scores[9]] * 3


def test_the_optimum_scores_one_and_has_no_regret() -> None:
    problem = tabulated_problem("random", "edp")
    best = int(np.argmax(problem.scores[problem.space.canonical]))
    outcomes = measure([entry([[best, 3]])])
    assert outcomes.normalised["genetic"][0, 0, 0].tolist() == [1.0, 1.0]
    assert outcomes.regret["genetic"].tolist() == [[[[0.0, 0.0]]]]
    assert outcomes.entry_regrets("genetic").tolist() == [0.0]
    assert outcomes.document("genetic")["optimum_found_percent"] == 100


def test_records_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "records.npz"
    given = [entry([[1, 2], [3, UNUSED]]), entry([[4, 5], [6, 7]])]
    write_records(path, given)
    for ours, theirs in zip(read_records(path), given, strict=True):
        assert ours.key == theirs.key
        assert dict(ours.hyperparameters) == dict(theirs.hyperparameters)
        assert np.array_equal(ours.designs, theirs.designs)
    path.write_bytes(b"no records")
    with pytest.raises(FileFormatError, match="not a file of search records"):
        list(read_records(path))


def test_quick_study(finished: tuple[Path, dict[str, Any]]) -> None:
    out, summary = finished
    assert set(summary["algorithms"]) == set(study.ALGORITHMS) - {"bayesian"}
    for facts in summary["algorithms"].values():
        value, low, high = facts["stored_normalised_iqm"]
        assert low <= value <= high <= 1
        assert min(facts["entry_regret_percent"]) >= 0
        assert facts["stored_regret_percent"][0] == facts["entry_regret_percent"][0]
        assert max(facts["entry_normalised_means"]) <= 1
    for name in ("lottery.md", "budgets.csv", "curves.svg", "spread.svg", "records-random.npz"):
        assert (out / name).stat().st_size > 0


def test_a_repeated_study_gives_the_same(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, summary = finished
    assert study.run(tmp_path, quick=True, workers=2, report=lambda *_: None) == summary
    for name in ("records-random.npz", "lottery.md", "curves.svg"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()
