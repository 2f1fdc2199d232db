"""Estimates of a suite's time come from recorded times of the same kind of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments import estimate
from chipgym.experiments.cli.plan_table import plan_document, plan_table, plan_text
from chipgym.experiments.estimate import Estimator, calibrate, total_seconds
from chipgym.experiments.runner import plan_suite
from chipgym.experiments.suite import Suite


def test_times_of_runs_beside_the_planned_one_count(
    tmp_path: Path, run_fakes: Any, suite_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "CALIBRATION", tmp_path / "none.json")
    run_fakes(tmp_path / "runs" / "done")
    # The reference of these tasks is the same method.
    for path in (tmp_path / "runs" / "done").glob("jobs/heavy--[gr]*e*--*/manifest.json"):
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "evaluation_s": 50.0}))
    suite = Suite.parse({**suite_document, "seeds": [5]})
    suite = suite.model_copy(
        update={"tasks": tuple(t.model_copy(update={"instances": 20}) for t in suite.tasks)}
    )
    plan = plan_suite(suite, tmp_path / "runs" / "new")
    document = plan_document(plan, Estimator(tmp_path / "runs"), cores=2)
    (greedy,) = [j for j in document["jobs"] if (j["task"], j["agent"]) == ("heavy", "greedy")]
    assert greedy["estimate_s"] == pytest.approx(20 * 50.0 / 5, rel=0.01)
    assert document["unknown"] == 0
    assert document["estimate_s"] >= greedy["estimate_s"]
    assert "to be run: about" in plan_text(document)
    assert plan_table(document).row_count == len(
        {(job["task"], job["agent"]) for job in document["jobs"]}
    )
    unknown = plan_document(plan, Estimator(None), cores=2)
    assert unknown["unknown"] == len(plan.all_jobs)
    assert "never timed" in plan_text(unknown)


def test_a_calibration_is_scaled_to_the_machine(
    tmp_path: Path, run_fakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_fakes(tmp_path / "done")
    found = calibrate(tmp_path / "done", "a test", "a processor")
    assert found.kinds
    faster = found.model_copy(update={"yardstick_per_s": 2 * found.yardstick_per_s})
    kind = next(name for name in faster.kinds if "heavy" in name and "Greedy" in name)
    times = estimate.KindTimes(instance_s=3.0)
    faster = faster.model_copy(update={"kinds": {kind: times}})
    faster.save(tmp_path / "calibration.json")
    monkeypatch.setattr(estimate, "CALIBRATION", tmp_path / "calibration.json")
    plan = plan_suite(run.suite, tmp_path / "other")
    jobs = {(job.task.label, job.agent.name): job for job in plan.jobs}
    estimator = Estimator(None)
    seconds = estimator.seconds(jobs["heavy", "greedy"])
    assert seconds is not None
    assert 5 * 3.0 < seconds < 5 * 3.0 * 4, "the other machine was twice as fast"
    assert estimator.seconds(jobs["light", "greedy"]) is not None, "the nearest scenario"
    assert estimator.seconds(jobs["heavy", "biased"]) is None


def test_the_longest_job_bounds_the_whole() -> None:
    assert total_seconds([10.0, 1.0, 1.0], 4) == 10.0
    assert total_seconds([2.0] * 8, 4) == 4.0
    assert total_seconds([], 4) == 0.0


def test_the_stored_calibration_is_renewed_by_a_command(
    tmp_path: Path, run_fakes: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run_fakes(tmp_path / "done")
    path = tmp_path / "calibration.json"
    monkeypatch.setattr(estimate, "CALIBRATION", path)
    kinds = {"other | default | policy random": estimate.KindTimes(instance_s=3.0)}
    old = estimate.Calibration(yardstick_per_s=1000.0, kinds=kinds)
    old.save(path)
    estimate.main([str(tmp_path / "done"), "--made-by", "a test"])
    found = estimate.Calibration.load(path)
    assert found.command == "a test"
    assert found.cpu
    kept = found.kinds["other | default | policy random"].instance_s
    assert kept == pytest.approx(3.0 * 1000.0 / found.yardstick_per_s, rel=0.01)
    estimate.main([str(tmp_path / "done"), "--made-by", "a test", "--share", "0.5", "--alone"])
    half = estimate.Calibration.load(path)
    assert set(half.kinds) == set(found.kinds) - set(kinds)
    for kind, times in half.kinds.items():
        assert times.instance_s == pytest.approx(found.kinds[kind].instance_s / 2, rel=0.02)
    with pytest.raises(SystemExit):
        estimate.main([str(tmp_path), "--made-by", "nothing"])
    assert "no finished jobs" in capsys.readouterr().err
