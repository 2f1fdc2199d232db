"""Ray gives the same bits, survives killed workers and interruptions, and is shut down."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from chipgym.experiments.executors import make_executor
from chipgym.experiments.runner import RunError

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    # Ray's own sockets and files, closed by its other processes.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RunFakes = Callable[..., Any]


def digests(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("jobs/*/records.jsonl"))
    }


def test_the_same_bits_whatever_dies(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    marker = tmp_path / "marker"
    agents = [
        *suite_document["agents"],
        {
            "name": "killed",
            "policy": "fake_scheduling:KilledOnce",
            "kwargs": {"marker": str(marker)},
            "limits": {"memory_mib": 100},
        },
        {"name": "wide", "policy": "fake_scheduling:Greedy", "limits": {"cpus": 64}},
    ]
    run_fakes(tmp_path / "ray", "ray", agents=agents)
    assert marker.exists()
    run_fakes(tmp_path / "serial", "serial", agents=agents)
    assert digests(tmp_path / "ray") == digests(tmp_path / "serial")
    assert not list((tmp_path / "ray").rglob("*.partial*"))


def test_failures_and_time_limits_are_those_of_the_other_executors(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> None:
    agents = [
        *suite_document["agents"],
        {"name": "fatal", "policy": "fake_scheduling:AlwaysKilled", "tasks": ["light"]},
        {"name": "failing", "policy": "fake_scheduling:Failing", "tasks": ["light"]},
        {
            "name": "slow",
            "policy": "fake_limits:Slow",
            "kwargs": {"episode_s": 1.0},
            "tasks": ["light"],
            "limits": {"time_s": 0.5},
        },
    ]
    words = r"3 of 33 jobs failed(?=.*fatal.*died 3 times)(?=.*always fails)(?=.*limit of 0.5 s)"
    with pytest.raises(RunError, match=words):
        run_fakes(tmp_path, "ray", agents=agents)
    assert len(digests(tmp_path)) == 30


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_resumes(
    tmp_path: Path, suite_document: dict[str, Any], run_fakes: RunFakes, sent: signal.Signals
) -> None:
    for task in suite_document["tasks"]:
        task["kwargs"] = {"step_s": 0.004}
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "benchmark", str(path)]
    command += ["--out", str(run), "--executor", "ray", "--workers", "2"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(run.glob("jobs/*/done.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    finished = digests(run)
    assert 0 < len(finished) < 30
    if sent == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        time.sleep(2.0)  # Ray ends the workers of a driver that is gone
    else:
        assert process.returncode == 130, err
        assert "run the same command again to resume" in " ".join(err.split())
    tasks = suite_document["tasks"]
    run_fakes(run, "serial", tasks=tasks)
    run_fakes(tmp_path / "fresh", "serial", tasks=tasks)
    assert digests(run) == digests(tmp_path / "fresh")
    assert finished.items() <= digests(run).items()


def test_ray_is_shut_down(tmp_path: Path, run_fakes: RunFakes) -> None:
    import ray

    run_fakes(tmp_path, "ray")
    assert not ray.is_initialized()
    executor = make_executor("ray", 1)
    executor.close()
    assert not ray.is_initialized()
    assert json.loads((tmp_path / "manifest.json").read_text())["seeds"] == [0, 1]
