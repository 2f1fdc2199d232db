"""Fixtures: the fake environment of the harness tests, and a submission made from a run on it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

HERE = Path(__file__).parent
for FAKES in (str(HERE.parent / "experiments" / "fakes"), str(HERE)):
    if FAKES not in sys.path:
        sys.path.insert(0, FAKES)
    if FAKES not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [FAKES, str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
        ).rstrip(os.pathsep)

ENV = "fake_scheduling:fakes/Queue-v0"
SUITE = {
    "name": "fakes",
    "tasks": [
        {"env": ENV, "scenario": "heavy", "instances": 4},
        {"env": ENV, "scenario": "light", "instances": 3},
    ],
    "agents": [
        {"name": "random", "policy": "random", "seeds": 2},
        {"name": "greedy", "policy": "fake_scheduling:Greedy"},
        {"name": "biased", "policy": "fake_scheduling:Biased", "kwargs": {"penalty_us": 3}},
    ],
    "seeds": [0, 1],
}


@pytest.fixture(scope="session")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """YAML file of the suite."""
    path = tmp_path_factory.mktemp("suite") / "fakes.yaml"
    path.write_text(yaml.safe_dump(SUITE))
    return str(path)


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run of the suite."""
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.runner import plan_suite, run_suite
    from chipgym.experiments.suite import Suite

    folder = tmp_path_factory.mktemp("run")
    return run_suite(plan_suite(Suite.parse(SUITE), folder), make_executor("serial", 1))


@pytest.fixture(scope="session")
def submitted_once(
    tmp_path_factory: pytest.TempPathFactory, fake_run: Any, suite_file: str
) -> Callable[[str], Path]:
    """Submit an agent of the run, each once; returns the folder, which is not to be changed."""
    from chipgym.experiments.submission import submit

    root = tmp_path_factory.mktemp("submitted-once")

    def make(agent: str) -> Path:
        out = root / agent
        if not out.exists():
            options: dict[str, Any] = {"suite": suite_file, "imports": ["fake_scheduling"]}
            outcome = submit(fake_run, agent, out, authors=["A. Tester"], **options)
            assert outcome.passed, outcome.reasons
        return out

    return make


@pytest.fixture
def submission(tmp_path: Path, submitted_once: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return a copy of an agent's submission."""

    def make(agent: str) -> Path:
        out = tmp_path / "submissions" / agent
        shutil.copytree(submitted_once(agent), out)
        return out

    return make


@pytest.fixture(scope="session")
def submit_suite(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, str]]:
    """Run a suite and submit its first agent; returns the folder and the file of the suite."""
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.runner import plan_suite, run_suite
    from chipgym.experiments.submission import submit
    from chipgym.experiments.suite import Suite

    def make(
        document: dict[str, Any], imports: Sequence[str] = (), checked: bool = True
    ) -> tuple[Path, str]:
        root = tmp_path_factory.mktemp("submitted")
        path = root / "suite.yaml"
        path.write_text(yaml.safe_dump(document))
        run = run_suite(plan_suite(Suite.parse(document), root / "run"), make_executor("serial", 1))
        agent = document["agents"][0]["name"]
        outcome = submit(run, agent, root / "submission", suite=str(path), imports=imports)
        assert outcome.passed, outcome.reasons
        assert not checked or {task.feasibility for task in outcome.tasks} == {"checked"}
        return root / "submission", str(path)

    return make


@pytest.fixture(scope="session")
def kept_references() -> dict[str, Any]:
    """References by task, made once."""
    return {}


@pytest.fixture
def reasons_against(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    kept_references: dict[str, Any],
) -> Callable[..., tuple[str, ...]]:
    """Verify a copy of a submission in which something was changed; returns the reasons."""
    from chipgym.experiments import references
    from chipgym.leaderboards.verify import verify_submission

    real = references.measure_references

    def measure(task: Any, facts: Any, command: str) -> Any:
        key = task.model_dump_json() + facts.simulator_version
        if key not in kept_references:
            kept_references[key] = real(task, facts, command)
        return kept_references[key]

    monkeypatch.setattr(references, "measure_references", measure)

    def verify(
        submitted: tuple[Path, str],
        change_records: Callable[[list[Any]], None] = lambda records: None,
        change_head: Callable[[Any], None] = lambda head: None,
    ) -> tuple[str, ...]:
        folder, suite = submitted
        copy = tmp_path_factory.mktemp("changed") / "submission"
        shutil.copytree(folder, copy)
        records = [json.loads(line) for line in (copy / "records.jsonl").read_text().splitlines()]
        change_records(records)
        text = "".join(json.dumps(record) + "\n" for record in records)
        (copy / "records.jsonl").write_text(text)
        head = json.loads((copy / "submission.json").read_text())
        change_head(head)
        (copy / "submission.json").write_text(json.dumps(head))
        outcome = verify_submission(copy, suite=suite)
        assert outcome.passed == (not outcome.reasons)
        return outcome.reasons

    return verify


@pytest.fixture
def play_jointly() -> Callable[..., tuple[Any, Any]]:
    """Play a task's PettingZoo form with random joint actions; returns environment and record."""
    from chipgym.experiments.evaluation import run_episode
    from chipgym.experiments.parallel import JointEnv, make_parallel_env
    from chipgym.experiments.suite import TaskSpec

    class Random:
        def __init__(self, space: Any) -> None:
            self.space = space

        def reset(self, num_envs: int, seed: int) -> None:
            self.space.seed(seed)

        def act(self, observations: Any, masks: Any, problems: Any) -> list[Any]:
            sizes = getattr(self.space, "nvec", [])
            if masks is None or sum(sizes) != len(masks[0]):
                return [self.space.sample()]
            parts = np.split(masks[0], np.cumsum(sizes)[:-1])
            draw = self.space.np_random.choice
            return [np.array([draw(np.flatnonzero(part)) for part in parts])]

    def play(document: dict[str, Any]) -> tuple[Any, Any]:
        env = JointEnv(make_parallel_env(TaskSpec.parse(document)))
        policy = Random(env.action_space)
        return env, run_episode(env, policy, task="t", agent="a", seed=0, instance=0)

    return play
