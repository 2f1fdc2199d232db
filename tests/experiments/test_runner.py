"""Runs: idempotent, resumable, the same bits whatever runs them, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.executors import Executor, executor_names, make_executor
from chipgym.experiments.jobs import JobOutcome, execute_job
from chipgym.experiments.runner import RunError, load_run, plan_suite, run_jobs, run_suite
from chipgym.experiments.suite import Suite
from chipgym.experiments.summary import summarise
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)

RunFakes = Callable[..., Any]


def digests(folder: Path) -> dict[str, str]:
    """Hash of every records file of a run, by job."""
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("jobs/*/records.jsonl"))
    }


def test_records_hold_what_is_needed_to_replay(tmp_path: Path, run_fakes: RunFakes) -> None:
    run = run_fakes(tmp_path)
    assert len(run.results) == 2 * 4
    record = run.results[0].records[2]
    assert (record.instance, record.instance_id) == (2, "test-2")
    assert (len(record.actions), record.steps, record.evaluations) == (12, 12, 1)
    assert record.schedule is not None
    assert len(record.schedule["finish_us"]) == 12
    schedule = record.schedule
    latency = sum(schedule["finish_us"]) - sum(schedule["ready_us"])
    assert latency / 12 == pytest.approx(record.metrics["mean_latency_us"], rel=1e-12)


def test_finished_jobs_never_run_twice(tmp_path: Path, run_fakes: RunFakes) -> None:
    run_fakes(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    again = run_fakes(tmp_path)
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    assert before == after
    assert len(again.results) == 8
    job = plan_suite(again.suite, tmp_path).jobs[0]
    assert execute_job(job).status == "reused"


def test_serial_and_processes_give_the_same_bits(tmp_path: Path, run_fakes: RunFakes) -> None:
    run_fakes(tmp_path / "a", "serial")
    run_fakes(tmp_path / "b", "processes")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert len(digests(tmp_path / "a")) == 8 + 2 * 11
    references = [(tmp_path / name / "references.json").read_text() for name in "ab"]
    assert references[0] == references[1]


def test_a_result_does_not_depend_on_the_other_instances(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    whole = run_fakes(tmp_path / "whole")
    task = {**suite_document["tasks"][0], "instances": [4, 1]}
    part = run_fakes(tmp_path / "part", tasks=[task])
    for few in part.results:
        (many,) = (
            r for r in whole.results if (r.task, r.agent, r.seed) == (few.task, few.agent, few.seed)
        )
        assert few.records == (many.records[4], many.records[1])


def test_killed_worker_loses_nothing(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    marker = tmp_path / "marker"
    killed = {
        "name": "killed",
        "policy": "fake_scheduling:KilledOnce",
        "kwargs": {"marker": str(marker)},
    }
    run = run_fakes(tmp_path / "run", "processes", agents=[*suite_document["agents"], killed])
    assert marker.exists()
    by_agent = {(r.agent, r.task): r for r in run.results if r.seed == 0}
    for task in ("heavy", "light"):
        assert [r.actions for r in by_agent["killed", task].records] == [
            r.actions for r in by_agent["greedy", task].records
        ]
    assert not list((tmp_path / "run").rglob("*.partial*"))


def test_a_job_that_always_kills_its_worker_fails_alone(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    fatal = {"name": "fatal", "policy": "fake_scheduling:AlwaysKilled"}
    with pytest.raises(RunError, match=r"2 of 32 jobs failed.*fatal.*died 3 times"):
        run_fakes(tmp_path, "processes", agents=[*suite_document["agents"], fatal])
    assert len(digests(tmp_path)) == 30


def test_a_failing_agent_does_not_take_the_others_along(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    failing = {"name": "failing", "policy": "fake_scheduling:Failing"}
    with pytest.raises(RunError, match="this policy always fails"):
        run_fakes(tmp_path, agents=[failing, *suite_document["agents"]])
    assert len(digests(tmp_path)) == 30
    with pytest.raises(FileFormatError, match="not finished"):
        load_run(tmp_path)


def test_a_full_disk_ends_the_run_with_its_own_error(tmp_path: Path, run_fakes: RunFakes) -> None:
    full = {"name": "full", "policy": "fake_scheduling:Failing", "kwargs": {"kind": "full-disk"}}
    with pytest.raises(OSError, match="No space left"):
        run_fakes(tmp_path, agents=[full])


SLOW_RUN = """
import sys
from pathlib import Path
from chipgym.experiments.executors import make_executor
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.suite import Suite
import json
if __name__ == "__main__":
    suite = Suite.parse(json.loads(sys.argv[1]))
    run_suite(plan_suite(suite, Path(sys.argv[2])), make_executor(sys.argv[3], 2))
"""


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_killed_run_resumes_with_the_same_bits(
    tmp_path: Path, suite_document: dict[str, Any], executor: str
) -> None:
    for task in suite_document["tasks"]:
        task["kwargs"] = {"step_s": 0.002}
    script = tmp_path / "run.py"
    script.write_text(SLOW_RUN)
    folder = tmp_path / "killed"
    command = [sys.executable, str(script), json.dumps(suite_document), str(folder), executor]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not list(folder.glob("jobs/*/done.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.08)  # into the middle of some episode of a later job
    process.kill()
    process.wait()
    finished = digests(folder)
    assert 0 < len(finished) < 30, "the kill came too early or too late to mean anything"
    with pytest.raises(FileFormatError, match="not finished"):
        load_run(folder)

    suite = Suite.parse(suite_document)
    resumed = run_suite(plan_suite(suite, folder), make_executor("serial", 1))
    fresh = run_suite(plan_suite(suite, tmp_path / "fresh"), make_executor("serial", 1))
    assert digests(folder) == digests(tmp_path / "fresh")
    assert finished.items() <= digests(folder).items()
    assert summarise(resumed) == summarise(fresh)
    leftovers = [p for p in folder.rglob("*") if "partial" in p.name or p.suffix == ".part"]
    assert leftovers == []


def test_files_that_a_killed_writer_left_are_removed(tmp_path: Path, run_fakes: RunFakes) -> None:
    job = plan_suite(run_fakes(tmp_path).suite, tmp_path).jobs[0]
    folder = Path(job.folder)
    (folder / "done.json").unlink()
    (folder / ".manifest.json.x1y2.part").write_text("{")
    assert execute_job(job).status == "finished"
    assert not list(folder.glob("*.part")) + list(folder.glob(".*.part"))


def test_a_half_written_line_is_cut_and_done_again(tmp_path: Path, run_fakes: RunFakes) -> None:
    run = run_fakes(tmp_path)
    before = digests(tmp_path)
    job = plan_suite(run.suite, tmp_path).jobs[0]
    folder = Path(job.folder)
    (folder / "done.json").unlink()
    content = (folder / "records.jsonl").read_bytes()
    (folder / "records.jsonl").unlink()
    (folder / "records.partial.jsonl").write_bytes(content[: len(content) * 2 // 3])
    assert execute_job(job).status == "finished"
    assert digests(tmp_path) == before


def test_changed_records_are_noticed(tmp_path: Path, run_fakes: RunFakes) -> None:
    run_fakes(tmp_path)
    path = next(tmp_path.glob("jobs/heavy--greedy--*/records.jsonl"))
    path.write_bytes(path.read_bytes().replace(b'"steps":12', b'"steps":11'))
    with pytest.raises(FileFormatError, match="changed since"):
        load_run(tmp_path)


def test_a_folder_belongs_to_one_suite(tmp_path: Path, run_fakes: RunFakes) -> None:
    run_fakes(tmp_path)
    with pytest.raises(FileFormatError, match="another suite"):
        run_fakes(tmp_path, seeds=[7])


def test_manifest_says_what_made_the_numbers(tmp_path: Path, run_fakes: RunFakes) -> None:
    manifest = run_fakes(tmp_path).manifest
    assert manifest["simulator_versions"] == {"fake_scheduling:fakes/Queue-v0": "fake-1"}
    assert manifest["seeds"] == [0, 1]
    assert set(manifest["env_specs"]) == {"heavy", "light"}
    assert manifest["dependencies"]["numpy"]
    assert len(manifest["configuration_hash"]) == 16
    assert {"package_version", "source", "cpu", "started", "finished", "wall_s"} <= set(manifest)
    for path in tmp_path.glob("jobs/*/manifest.json"):
        assert json.loads(path.read_text())["configuration"]["seed"] in range(10)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"tasks": [{"env": "chipgym/Nothing-v0"}]}, UnknownNameError, "chipgym/Nothing-v0"),
        ({"tasks": [{"env": "no_module:x/Y-v0"}]}, InvalidValueError, "no_module"),
        (
            {"tasks": [{"env": "fake_scheduling:fakes/Queue-v0", "scenario": "haevy"}]},
            UnknownNameError,
            "did you mean 'heavy'",
        ),
        (
            {"tasks": [{"env": "fake_scheduling:fakes/Queue-v0", "kwargs": {"spede": 1}}]},
            InvalidValueError,
            "spede",
        ),
        (
            {"tasks": [{"env": "fake_scheduling:fakes/Queue-v0", "instances": [3, 50]}]},
            InvalidValueError,
            "0 to 49",
        ),
        ({"agents": [{"name": "a", "policy": "ETFF"}]}, UnknownNameError, "did you mean 'ETF'"),
        ({"agents": [{"name": "a", "policy": "fake_scheduling:No"}]}, InvalidValueError, "No"),
        (
            {"agents": [{"name": "a", "policy": "ETF", "kwargs": {"x": 1}}]},
            InvalidValueError,
            "constructor",
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    tmp_path: Path,
    suite_document: dict[str, Any],
    changes: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    suite = Suite.parse({**suite_document, **changes})
    with pytest.raises(error, match=words):
        plan_suite(suite, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_executors_keep_the_protocol(tmp_path: Path, suite_document: dict[str, Any]) -> None:
    plan = plan_suite(Suite.parse(suite_document), tmp_path)
    for name in sorted({*executor_names()} - {"ray"}):
        executor = make_executor(name, 1)
        assert isinstance(executor, Executor)
        seen: list[JobOutcome] = []
        failed = run_jobs(plan.jobs[:2], executor, on_outcome=seen.append)
        assert failed == []
        assert {outcome.key for outcome in seen} == {job.key for job in plan.jobs[:2]}
    with pytest.raises(UnknownNameError, match="did you mean 'serial'"):
        make_executor("seriel", 1)
    with pytest.raises(InvalidValueError, match="workers"):
        make_executor("serial", 0)
