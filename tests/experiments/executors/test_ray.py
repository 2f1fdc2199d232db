"""Ray gives the same bits, survives killed workers and interruptions, and is shut down.

A cluster of one node is started for all tests, as `ray start` does it, and one test starts Ray in
its own process. They are left out where Ray is not installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chipgym.experiments.executors import make_executor, ray_cluster
from chipgym.experiments.runner import RunError, plan_suite, run_suite
from chipgym.experiments.suite import Suite
from chipgym.simulators.core.errors import SimulationError

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


def free_port() -> int:
    """A port below those that Ray gives its workers, and above the reserved ones."""
    for port in range(6400, 9900, 7):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a cluster with two cores; its processes end with the one that is killed here."""
    address = f"127.0.0.1:{free_port()}"
    settings = {"RAY_AUTH_MODE": "disabled", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    command = [sys.executable, "-m", "ray.scripts.scripts"]
    # A socket's path may have 107 characters, which pytest's folders exceed.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        start = ["start", "--head", f"--port={address.rpartition(':')[2]}", "--num-cpus=2"]
        start += ["--include-dashboard=false", "--disable-usage-stats", "--block"]
        process = subprocess.Popen(
            [*command, *start, f"--temp-dir={folder}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 180
        health = [*command, "health-check", "--address", address]
        try:
            while subprocess.run(health, capture_output=True, check=False).returncode:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.skip("Ray does not start on this machine; it may be too busy")
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            process.wait(60)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def run_on(cluster: str, folder: Path, document: dict[str, Any]) -> Any:
    """Run a suite on the cluster."""
    plan = plan_suite(Suite.parse(document), folder)
    return run_suite(plan, make_executor("ray", 2, address=cluster))


def digests(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("jobs/*/records.jsonl"))
    }


def test_the_same_bits_whatever_dies(
    tmp_path: Path, cluster: str, run_fakes: RunFakes, suite_document: dict[str, Any]
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
        {"name": "wide", "policy": "fake_scheduling:Greedy", "limits": {"cpus": 2}},
    ]
    run_on(cluster, tmp_path / "ray", {**suite_document, "agents": agents})
    assert marker.exists()
    run_fakes(tmp_path / "serial", "serial", agents=agents)
    assert digests(tmp_path / "ray") == digests(tmp_path / "serial")
    assert not list((tmp_path / "ray").rglob("*.partial*"))


def test_failures_and_time_limits_are_those_of_the_other_executors(
    tmp_path: Path, cluster: str, suite_document: dict[str, Any]
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
        run_on(cluster, tmp_path, {**suite_document, "agents": agents})
    assert len(digests(tmp_path)) == 30


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_resumes(
    tmp_path: Path,
    cluster: str,
    suite_document: dict[str, Any],
    run_fakes: RunFakes,
    sent: signal.Signals,
) -> None:
    for task in suite_document["tasks"]:
        task["kwargs"] = {"step_s": 0.004}
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "benchmark", str(path)]
    command += ["--out", str(run), "--executor", "ray", "--ray-address", cluster]
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


@pytest.mark.parametrize("address", ["127.0.0.1:9", "no-such-host.invalid:6379", "127.0.0.1:x"])
def test_a_wrong_address_is_an_error_before_anything_runs(address: str) -> None:
    with pytest.raises(SimulationError, match="no Ray cluster at"):
        make_executor("ray", 1, address=address)


def test_what_listens_but_is_not_ray_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "HEALTH_S", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SimulationError, match=f"no Ray cluster at {address}"):
            make_executor("ray", 1, address=address)
