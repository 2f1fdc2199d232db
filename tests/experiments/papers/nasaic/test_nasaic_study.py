"""The study of NASAIC: numbers from made-up runs, and the quick form as a whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.papers.core.registry import find_study
from chipgym.experiments.papers.nasaic import study
from chipgym.experiments.papers.nasaic.analysis import PUBLISHED, Results


def a_run(accuracy: float | None, costs: tuple[float, float, float], meets: bool) -> dict[str, Any]:
    relative = [cost / 10.0 for cost in costs]
    return {
        "evaluations": 100,
        "trainings": 10,
        "meeting": 25 if meets else 0,
        "first_meeting": 5 if meets else None,
        "curve": [[5, 2, 0.5], [50, 8, accuracy]] if meets else [],
        "front": [[accuracy, *relative]] if meets else [],
        "final": {
            "meets": meets,
            "accuracy": accuracy,
            "measured": True,
            "costs": list(costs),
            "relative": relative,
        },
    }


@pytest.fixture
def results() -> Results:
    runs = {
        ("digits-tiny", "nasaic", seed): a_run(0.9 - 0.1 * seed, (8.0, 2.0, 4.0), True)
        for seed in range(2)
    }
    runs |= {
        ("digits-tiny", "nas-asic", seed): a_run(0.95, (10.0, 5.0, 8.0), False) for seed in range(2)
    }
    return Results(runs, {"digits-tiny": 0.92})


def test_ratios_are_those_of_the_paper(results: Results) -> None:
    found = results.comparison("digits-tiny", "nasaic", "nas-asic")
    assert found.latency.value == pytest.approx(20.0)
    assert found.energy.value == pytest.approx(2.5)
    assert found.area.value == pytest.approx(2.0)
    assert found.accuracy.value == pytest.approx(10.0)
    assert found.pairs == 2


def test_the_published_ratios_follow_from_the_papers_table() -> None:
    first = (9.45e5, 3.56e9, 4.71e9, (94.17 + 83.94) / 2)
    ours = (7.77e5, 1.43e9, 2.03e9, (92.85 + 83.74) / 2)
    assert 100 * (1 - ours[0] / first[0]) == pytest.approx(
        PUBLISHED["latency_reduction_percent"], abs=0.02
    )
    assert first[1] / ours[1] == pytest.approx(PUBLISHED["energy_factor"], abs=0.005)
    assert first[2] / ours[2] == pytest.approx(PUBLISHED["area_factor"], abs=0.005)
    assert first[3] - ours[3] == pytest.approx(PUBLISHED["accuracy_loss_points"], abs=0.005)


def test_flows_without_a_design_within_the_limits_count_as_nothing(results: Results) -> None:
    met = results.summary("digits-tiny", "nasaic")
    assert (met.specs_met, met.meeting, met.first_meeting) == (1.0, 0.25, 5.0)
    assert met.accuracy.value == pytest.approx(0.85)
    assert met.regret.value == pytest.approx(0.07)
    assert 0 < met.volume.value <= 1
    missed = results.summary("digits-tiny", "nas-asic")
    assert (missed.specs_met, missed.accuracy.value, missed.volume.value) == (0.0, 0.0, 0.0)
    assert math.isnan(missed.first_meeting)
    assert missed.document()["first_meeting"] is None


def test_progress_over_evaluations(results: Results) -> None:
    assert results.best_after("digits-tiny", "nasaic", 4).tolist() == [0.0, 0.0]
    assert results.best_after("digits-tiny", "nasaic", 49).tolist() == [0.5, 0.5]
    assert results.best_after("digits-tiny", "nasaic", 50).tolist() == pytest.approx([0.9, 0.8])


def test_quick_study(tmp_path: Path) -> None:
    summary = find_study("nasaic").run(tmp_path, quick=True, workers=1, report=lambda *_: None)
    (scenario,) = study.QUICK.scenarios
    assert set(summary["flows"][scenario]) == set(study.QUICK.flows)
    for facts in summary["flows"][scenario].values():
        assert 0 < facts["evaluations"] <= study.QUICK.evaluations
        assert 0 <= facts["trainings"] <= study.QUICK.trainings
        low, high = facts["accuracy"]["low"], facts["accuracy"]["high"]
        assert 0 <= low <= facts["accuracy"]["value"] <= high <= 1
    assert summary["grid"][scenario]["accuracy"] > 0.5
    for name in ("flows", "ratios", "designs", "budgets"):
        text = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
        assert "NASAIC" in text
    assert "17.77 | 2.49 | 2.32 | 0.76" in (tmp_path / "ratios.md").read_text(encoding="utf-8")
    for name in (f"curves-{scenario}.svg", f"scatter-{scenario}.svg"):
        assert (tmp_path / name).read_text(encoding="utf-8").startswith("<svg")
    again = study.run(tmp_path, quick=True, workers=1, report=lambda *_: None)
    assert again == summary
