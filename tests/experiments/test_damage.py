"""Damaged, foreign and changed files: a typed error names the file; never a wrong number."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.executors import make_executor
from chipgym.experiments.jobs import execute_job
from chipgym.experiments.results import read_curve
from chipgym.experiments.runner import RunError, load_run, plan_suite, run_suite
from chipgym.experiments.suite import Suite, load_suite
from chipgym.experiments.training import check_algorithm, load_trained
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

RunFakes = Callable[..., Any]
LEARNER = {"name": "learner", "algorithm": "fake_scheduling:train_biased", "steps": 100}


@pytest.fixture(scope="module")
def learner_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a trained agent, to be copied."""
    folder = tmp_path_factory.mktemp("learner")
    task = {"env": "fake_scheduling:fakes/Queue-v0", "scenario": "heavy", "instances": 2}
    suite = Suite.parse({"name": "learner", "tasks": [task], "agents": [LEARNER], "seeds": [0]})
    run_suite(plan_suite(suite, folder), make_executor("serial", 1))
    return folder


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", "[" * 100_000])
@pytest.mark.parametrize(
    "name",
    [
        "suite.json",
        "references.json",
        "manifest.json",
        "jobs/heavy--learner--*/done.json",
        "jobs/heavy--learner--*/records.jsonl",
        "jobs/heavy--learner--*/training.json",
        "jobs/heavy--learner--*/curve.jsonl",
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, learner_run: Path, name: str, content: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(learner_run, folder)
    path = next(folder.glob(name))
    path.write_text(content)
    with pytest.raises(FileFormatError) as caught:
        load_run(folder)
    # A finish marker without its hashes shows as changed results.
    assert Path(caught.value.path).parent == path.parent


def test_missing_results_are_named_with_the_way_on(tmp_path: Path, run_fakes: RunFakes) -> None:
    run_fakes(tmp_path, agents=[LEARNER])
    folder = next(tmp_path.glob("jobs/light--learner--*"))
    (folder / "curve.jsonl").unlink()
    with pytest.raises(FileFormatError, match=r"curve\.jsonl: missing.*delete .*light--learner"):
        load_run(tmp_path)


def test_curve_lines_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    point = {"steps": 1, "evaluations": 1, "instances": [0], "metrics": [2.0]}
    path.write_text(json.dumps(point) + "\n")
    assert read_curve(path)[0].metrics == (2.0,)
    for damage in (b"\xff\n", json.dumps({**point, "metrics": ["x"]}).encode()):
        path.write_bytes(json.dumps(point).encode() + b"\n" + damage)
        with pytest.raises(FileFormatError, match="line 2: not a curve point"):
            read_curve(path)


@pytest.mark.parametrize("content", ["[]", "{}"])
def test_a_folder_without_a_training_is_not_loaded(tmp_path: Path, content: str) -> None:
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(FileFormatError, match="no algorithm"):
        load_trained(tmp_path)


def test_suites_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("name: " + "[" * 5000)
    with pytest.raises(FileFormatError, match="nested too deeply"):
        load_suite(path)


def test_an_unexpected_failure_keeps_its_traceback(
    tmp_path: Path, suite_document: dict[str, Any]
) -> None:
    suite_document["agents"] = [{"name": "broken", "policy": "fake_scheduling:Broken"}]
    job = plan_suite(Suite.parse(suite_document), tmp_path).jobs[0]
    outcome = execute_job(job)
    assert outcome.status == "failed"
    assert outcome.error == "ZeroDivisionError: a defect"
    assert Path(outcome.details) == Path(job.folder) / "error.txt"
    assert "in act" in Path(outcome.details).read_text()


def test_equal_causes_are_said_once(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    failing = {"name": "failing", "policy": "fake_scheduling:Failing", "seeds": 4}
    with pytest.raises(RunError) as caught:
        run_fakes(tmp_path, agents=[failing])
    assert str(caught.value).count("this policy always fails") == 1
    assert "and 7 more" in str(caught.value)


def test_a_file_size_limit_ends_the_run_like_a_full_disk(
    tmp_path: Path, run_fakes: RunFakes
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            run_fakes(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(run_fakes(tmp_path).results) == 8


def test_what_is_not_a_policy_is_refused(tmp_path: Path, suite_document: dict[str, Any]) -> None:
    suite_document["agents"] = [{"name": "no", "policy": "os:getcwd"}]
    with pytest.raises(InvalidValueError, match="the methods reset and act"):
        plan_suite(Suite.parse(suite_document), tmp_path)


def test_wrong_hyperparameters_are_found_before_anything_runs(
    tmp_path: Path, suite_document: dict[str, Any]
) -> None:
    learner = {"name": "l", "algorithm": "ppo", "steps": 64, "hyperparameters": {"lerning_rate": 1}}
    suite_document["agents"] = [learner]
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        plan_suite(Suite.parse(suite_document), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(InvalidValueError, match="module:function"):
        check_algorithm("math:pi")


def test_an_edited_platform_makes_another_run(tmp_path: Path, run_fakes: RunFakes) -> None:
    from chipgym.simulators.soc.platform import Platform

    path = tmp_path / "platform.json"
    platform = Platform.load(_shipped_platform())
    platform.save(path)
    task = {
        "env": "chipgym/SocScheduling-v0",
        "scenario": "canonical-open",
        "instances": 1,
        "kwargs": {"platform": str(path), "num_jobs": 2},
    }
    changes = {"tasks": [task], "agents": [{"name": "ETF", "policy": "ETF"}]}
    before = run_fakes(tmp_path / "run", **changes)
    document = json.loads(path.read_text())
    for cluster in document["clusters"]:
        cluster["exec_us"] = {kind: 2 * time for kind, time in cluster["exec_us"].items()}
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError, match="another suite, instances"):
        run_fakes(tmp_path / "run", **changes)
    after = run_fakes(tmp_path / "other", **changes)
    values = [run.results[0].records[0].metrics["mean_latency_us"] for run in (before, after)]
    assert values[0] < values[1]
    assert len(load_run(tmp_path / "run").results) == 1


def _shipped_platform() -> Path:
    """File of the platform of the canonical graph."""
    import chipgym.simulators.soc as soc

    folder = Path(os.path.realpath(soc.__file__)).parent
    return next(folder.rglob("platforms/canonical*.json"))
