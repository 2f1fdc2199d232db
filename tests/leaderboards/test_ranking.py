"""Boards compare scores over the same tasks only; best-known solutions are the first of equals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up import SUITE_TASKS, make_mixed, make_submission, scores_of

from chipgym.experiments import optima
from chipgym.experiments.statistics import bootstrap_interval
from chipgym.leaderboards.best_known import best_known
from chipgym.leaderboards.ranking import Board, boards_of, by_suite, load_entries
from chipgym.simulators.core.errors import FileFormatError


@pytest.fixture
def boards(tmp_path: Path) -> dict[tuple[str, str], Board]:
    """Boards of the suite of two families, by level and name."""
    entries = load_entries(make_mixed(tmp_path))
    found = boards_of(by_suite(entries)["mixed"])
    return {(board.level, board.name): board for board in found}


def names(board: Board) -> list[str]:
    return [row.entry.submission.name for row in board.rows]


def test_a_board_ranks_those_who_have_all_of_its_tasks(
    boards: dict[tuple[str, str], Board],
) -> None:
    assert names(boards["suite", "mixed"]) == ["generalist"]
    assert names(boards["family", "SoC scheduling"]) == ["generalist"]
    # The score of "only-calm" is the highest of all, but on one of the two tasks.
    assert names(boards["environment", "chipgym/SocScheduling-v0"]) == [
        "list-scheduler",
        "generalist",
    ]
    assert names(boards["family", "DRAM controllers"]) == ["tuner", "generalist"]
    assert names(boards["task", "calm"]) == ["only-calm", "list-scheduler", "generalist"]


def test_a_board_names_the_others_with_what_they_have(
    boards: dict[tuple[str, str], Board],
) -> None:
    partial = {entry.submission.name: tasks for entry, tasks in boards["suite", "mixed"].partial}
    assert partial == {
        "list-scheduler": ("calm", "bursty"),
        "only-calm": ("calm",),
        "tuner": ("tuning",),
    }
    assert next(iter(partial)) == "list-scheduler"
    family = boards["family", "SoC scheduling"].partial
    assert [entry.submission.name for entry, _ in family] == ["list-scheduler", "only-calm"]
    for board in boards.values():
        ranked = set(names(board))
        assert not ranked & {entry.submission.name for entry, _ in board.partial}


def test_there_is_one_board_for_one_set_of_tasks(boards: dict[tuple[str, str], Board]) -> None:
    assert set(boards) == {
        ("suite", "mixed"),
        ("family", "SoC scheduling"),
        ("family", "DRAM controllers"),
        ("environment", "chipgym/SocScheduling-v0"),
        ("environment", "chipgym/SocTaskMapping-v0"),
        *(("task", label) for label in SUITE_TASKS),
    }


def test_scores_over_an_environment_are_those_of_the_protocol(
    boards: dict[tuple[str, str], Board],
) -> None:
    first = boards["environment", "chipgym/SocScheduling-v0"].rows[0]
    expected = bootstrap_interval([scores_of(0.9), scores_of(0.8)])
    assert (first.iqm, first.iqm_low, first.iqm_high) == (
        expected.value,
        expected.low,
        expected.high,
    )


@pytest.mark.parametrize("change", ["version", "instances", "suite"])
def test_results_of_different_tasks_are_not_put_side_by_side(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mixed(tmp_path)
    if change == "instances":
        monkeypatch.setattr("made_up.INSTANCES", 4)
    elif change == "suite":
        monkeypatch.setattr("made_up.SUITE_TASKS", {"calm": "chipgym/SocScheduling-v0"})
    version = "1.1.0" if change == "version" else "1.0.0"
    make_submission(tmp_path, "other", {"calm": 1.0}, version=version)
    with pytest.raises(FileFormatError, match="verify --all"):
        by_suite(load_entries(tmp_path))


def test_the_best_known_solution_is_held_by_the_first_who_reached_it(tmp_path: Path) -> None:
    make_submission(tmp_path, "a-late", {"calm": 1.0}, date="2026-03-01")
    make_submission(tmp_path, "first", {"calm": 1.0}, date="2026-01-01")
    make_submission(tmp_path, "worse", {"calm": 0.5}, date="2025-01-01")
    best = best_known(load_entries(tmp_path))
    assert [b.instance for b in best] == [0, 1, 2]
    assert {(b.name, b.date, b.equalled_by) for b in best} == {("first", "2026-01-01", 1)}
    assert {(b.optimum, b.gap) for b in best} == {(None, None)}
    assert [b.seed for b in best] == [1, 1, 1]


def test_the_gap_to_a_known_optimum_is_a_share_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(task: Any) -> dict[int, float]:
        return {0: 40.0} if task.label == "calm" else {}

    monkeypatch.setattr(optima, "known_optima", known)
    make_submission(tmp_path, "one", {"calm": 1.0, "bursty": 1.0})
    best = {(b.task, b.instance): b for b in best_known(load_entries(tmp_path))}
    assert best["calm", 0].optimum == 40.0
    assert best["calm", 0].gap == pytest.approx((best["calm", 0].value - 40.0) / 40.0)
    assert best["calm", 1].gap is None
    assert best["bursty", 0].gap is None


def test_instances_of_differing_arguments_are_different(tmp_path: Path) -> None:
    make_submission(tmp_path, "plain", {"calm": 1.0})
    make_submission(tmp_path, "longer", {"calm": 0.5}, kwargs={"jobs": 9})
    assert len(best_known(load_entries(tmp_path))) == 6
