"""The fresh process: what takes too much is rejected, and newer simulators replay what was sent."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_env
import pytest
from typer.testing import CliRunner

from chipgym.experiments.cli.leaderboard import app
from chipgym.leaderboards.fresh_process import Limits, verify_in_fresh_process
from chipgym.leaderboards.ranking import load_entries
from chipgym.leaderboards.schema import Verification
from chipgym.simulators.core.errors import InvalidValueError, SimulationError

SUITE = {
    "name": "hostile",
    "tasks": [{"env": "hostile_env:hostile/Env-v0", "name": "task", "instances": 2}],
    "agents": [{"name": "fine", "policy": "hostile_env:Fine"}],
    "curve": {"points": 0},
}
IMPORTS = ["hostile_env"]


@pytest.fixture(scope="module")
def honest(submit_suite: Callable[..., tuple[Path, str]]) -> tuple[Path, str]:
    """A submission of harmless actions, and the suite's file."""
    return submit_suite(SUITE, imports=IMPORTS, checked=False)


@pytest.fixture
def verify(honest: tuple[Path, str], tmp_path: Path) -> Callable[..., Verification]:
    """Verify the submission with another action in it."""
    folder, suite = honest
    copy = tmp_path / "submissions" / "copy"
    shutil.copytree(folder, copy)

    def run(action: int, **options: Any) -> Verification:
        path = copy / "records.jsonl"
        first, second = map(json.loads, path.read_text().splitlines())
        first["actions"] = [action]
        path.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
        return verify_in_fresh_process(copy, suite=suite, imports=IMPORTS, **options)

    return run


def test_harmless_actions_pass(verify: Callable[..., Verification]) -> None:
    assert verify(hostile_env.FINE).passed


@pytest.mark.parametrize(
    ("action", "limits", "reason"),
    [
        (hostile_env.SPIN, Limits(time_s=3), "took longer than 3 s"),
        (hostile_env.HOARD, Limits(memory_gib=12), "needed more than 12 GiB of memory"),
        (hostile_env.DIE, Limits(), "was ended by SIGABRT"),
    ],
    ids=["time", "memory", "crash"],
)
def test_what_takes_too_much_is_rejected(
    verify: Callable[..., Verification], action: int, limits: Limits, reason: str
) -> None:
    outcome = verify(action, limits=limits)
    assert not outcome.passed
    assert reason in outcome.reasons[0]
    assert outcome.tasks == ()


def test_processor_time_is_limited_too() -> None:
    code = "from chipgym.leaderboards.fresh_process import Limits; Limits(0.1).apply()"
    command = [sys.executable, "-c", f"{code}\nwhile True: pass"]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == -signal.SIGXCPU


def test_limits_are_positive() -> None:
    with pytest.raises(InvalidValueError, match="time_s"):
        Limits(time_s=0)


def test_the_process_looks_for_no_modules_in_the_submission(
    honest: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, suite = honest
    copy = tmp_path / "evil"
    shutil.copytree(folder, copy)
    for name in ("json", "numpy", "chipgym", "sitecustomize"):
        (copy / f"{name}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')")
    monkeypatch.chdir(copy)
    outcome = verify_in_fresh_process(".", suite=suite)
    assert "chipgym.py: not allowed in a submission" in outcome.reasons[0]
    assert not (tmp_path / "owned").exists()


def test_a_failure_of_the_verification_itself_is_no_rejection(honest: tuple[Path, str]) -> None:
    folder, suite = honest
    with pytest.raises(SimulationError, match="no_such_module"):
        verify_in_fresh_process(folder, suite=suite, imports=["no_such_module"])


def test_a_new_version_simulates_every_submission_again(
    honest: tuple[Path, str],
    verify: Callable[..., Verification],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOSTILE_VERSION", "2")
    strict = verify(hostile_env.FINE)
    assert "made with simulator version 1, installed is 2" in strict.reasons[0]

    root = tmp_path / "submissions"
    options = ["--suite", honest[1], "--import", "hostile_env"]
    done = CliRunner().invoke(app, ["verify", "--all", str(root), *options])
    assert done.exit_code == 0, done.output
    (entry,) = load_entries(root)
    (task,) = entry.verification.tasks
    assert (task.recorded_version, task.simulator_version) == ("1", "2")
    assert [result.metric for result in task.results] == [2.0, 4.0]

    (root / "copy" / "records.jsonl").write_text("{}\n")
    done = CliRunner().invoke(app, ["verify", "--all", str(root), *options])
    assert done.exit_code == 1
    assert load_entries(root) == []
