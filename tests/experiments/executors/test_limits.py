"""Time limits, retries, cores and full disks: the same rules in every executor."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.executors import make_executor
from chipgym.experiments.jobs import Job, JobOutcome, execute_job
from chipgym.experiments.runner import plan_suite, run_jobs
from chipgym.experiments.suite import Suite
from chipgym.experiments.time_limit import TimeLimitError, time_limit
from chipgym.simulators.core.errors import InvalidValueError

ENV = "fake_scheduling:fakes/Queue-v0"
EXECUTORS = ["serial", "processes"]


def jobs_of(folder: Path, **agent: Any) -> list[Job]:
    """Jobs of one agent on one task."""
    document = {
        "name": "limits",
        "tasks": [{"env": ENV, "scenario": "light", "instances": 4}],
        "agents": [{"name": "a", **agent}],
        "seeds": [0],
    }
    return list(plan_suite(Suite.parse(document), folder).jobs)


def run(jobs: list[Job], executor: str, **options: Any) -> list[JobOutcome]:
    seen: list[JobOutcome] = []
    run_jobs(jobs, make_executor(executor, 2, **options), on_outcome=seen.append)
    return seen


def records(job: Job) -> str:
    return hashlib.sha256((Path(job.folder) / "records.jsonl").read_bytes()).hexdigest()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_time_limit_ends_the_job_and_keeps_what_it_did(tmp_path: Path, executor: str) -> None:
    slow = {"policy": "fake_limits:Slow", "kwargs": {"episode_s": 0.4}}
    jobs = jobs_of(tmp_path, **slow, limits={"time_s": 1.0})
    (outcome,) = run(jobs, executor)
    assert (outcome.status, outcome.error_type) == ("failed", "TimeLimitError")
    assert "limit of 1 s" in outcome.error
    partial = Path(jobs[0].folder) / "records.partial.jsonl"
    done = len(partial.read_bytes().splitlines())
    assert 1 <= done <= 3
    again = jobs_of(tmp_path, **slow, limits={"time_s": 60.0})
    begin = time.monotonic()
    assert run(again, "serial")[0].status == "finished"
    assert time.monotonic() - begin < 0.4 * 4 + 30
    fresh = jobs_of(tmp_path / "fresh", policy="fake_limits:Slow", kwargs={"episode_s": 0.4})
    assert run(fresh, "serial")[0].status == "finished"
    assert records(again[0]) == records(fresh[0])


def test_a_limit_that_is_kept_leaves_no_trace() -> None:
    with time_limit(0.05):
        pass
    time.sleep(0.1)
    with time_limit(None):
        pass
    with pytest.raises(TimeLimitError), time_limit(0.05):
        time.sleep(1.0)


DEAF = """
import time
from chipgym.experiments import time_limit as module
module.GRACE_S = 0.2
begin = time.monotonic()
with module.time_limit(0.1, own_process=True):
    while True:
        try:
            time.sleep(30)
        except module.TimeLimitError:
            pass
"""


def test_a_process_that_does_not_heed_its_limit_is_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert b"Timeout" in done.stderr


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_file_system_that_fails_for_a_moment_is_tried_again(
    tmp_path: Path, executor: str
) -> None:
    jobs = jobs_of(
        tmp_path / "run",
        policy="fake_limits:StaleOnce",
        kwargs={"marker": str(tmp_path / "marker")},
    )
    (outcome,) = run(jobs, executor)
    assert outcome.status == "finished"
    (tmp_path / "marker").unlink()
    jobs = jobs_of(
        tmp_path / "other",
        policy="fake_limits:StaleOnce",
        kwargs={"marker": str(tmp_path / "marker")},
    )
    (outcome,) = run(jobs, executor, retries=0)
    assert outcome.status == "failed"
    assert "Stale" in outcome.error


def test_retries_say_how_often_a_job_may_die(tmp_path: Path) -> None:
    fatal = jobs_of(tmp_path, policy="fake_scheduling:AlwaysKilled")
    assert "died 1 times" in run(fatal, "processes", retries=0)[0].error
    assert "died 2 times" in run(fatal, "processes", retries=1)[0].error
    with pytest.raises(InvalidValueError, match="retries"):
        make_executor("processes", 1, retries=-1)
    with pytest.raises(InvalidValueError, match="only with the executor 'ray'"):
        make_executor("serial", 1, address="auto")


def test_a_job_of_many_cores_runs_alone(tmp_path: Path) -> None:
    document = {
        "name": "cores",
        "tasks": [{"env": ENV, "scenario": "light", "instances": 1}],
        "agents": [
            {
                "name": "wide",
                "policy": "fake_limits:Slow",
                "kwargs": {"episode_s": 0.3},
                "seeds": 2,
                "limits": {"cpus": 4},
            }
        ],
    }
    jobs = list(plan_suite(Suite.parse(document), tmp_path).jobs)
    assert [outcome.status for outcome in run(jobs, "processes")] == ["finished"] * 2
    folders = [Path(job.folder) for job in jobs]
    spans = sorted(
        ((f / "config.json").stat().st_mtime, (f / "done.json").stat().st_mtime) for f in folders
    )
    assert spans[0][1] <= spans[1][0] + 0.05, "one after the other"


FULL = """
import json, sys
from pathlib import Path
from chipgym.experiments.executors import make_executor
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.suite import Suite
if __name__ == "__main__":
    suite = Suite.parse(json.loads(sys.argv[1]))
    run_suite(plan_suite(suite, Path(sys.argv[2])), make_executor(sys.argv[3], 2))
"""


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path, executor: str) -> None:
    pytest.importorskip("resource")
    full = {
        "name": "full",
        "policy": "fake_limits:FullDisk",
        "kwargs": {"marker": str(tmp_path / "marker"), "limit": 3000},
    }
    document = {
        "name": "full",
        "tasks": [{"env": ENV, "scenario": "light", "instances": 4}],
        "agents": [{"name": "greedy", "policy": "fake_scheduling:Greedy"}, full],
    }
    script = tmp_path / "run.py"
    script.write_text(FULL)
    command = [sys.executable, str(script), json.dumps(document), str(tmp_path / "run"), executor]
    first = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    assert first.returncode != 0
    assert "File too large" in first.stderr
    assert (tmp_path / "marker").exists()
    (folder,) = (tmp_path / "run" / "jobs").glob("light--full--*")
    assert not (folder / "done.json").exists()
    second = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    assert second.returncode == 0, second.stderr
    (other,) = (tmp_path / "run" / "jobs").glob("light--greedy--*")
    actions = [
        [json.loads(line)["actions"] for line in (f / "records.jsonl").read_text().splitlines()]
        for f in (folder, other)
    ]
    assert actions[0] == actions[1]
    leftovers = [p for p in (tmp_path / "run").rglob("*") if "partial" in p.name]
    assert leftovers == []


def test_the_outcome_of_a_job_is_independent_of_its_limits(tmp_path: Path) -> None:
    plain = jobs_of(tmp_path / "a", policy="fake_scheduling:Greedy")
    limited = jobs_of(tmp_path / "b", policy="fake_scheduling:Greedy", limits={"time_s": 50})
    for job in (*plain, *limited):
        assert execute_job(job).status == "finished"
    assert plain[0].key == limited[0].key
    assert records(plain[0]) == records(limited[0])
