"""Packing runs: what is stated of an agent, compressed records, and whole runs at once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chipgym.agents.core.provenance import Provenance, provenance_of
from chipgym.agents.core.registry import make_policy
from chipgym.experiments.cli.leaderboard import app
from chipgym.experiments.executors import make_executor
from chipgym.experiments.policies import build_policy
from chipgym.experiments.runner import Run, plan_suite, run_suite
from chipgym.experiments.submission import Packer, State, submit
from chipgym.experiments.suite import Suite
from chipgym.leaderboards.best_known import best_known
from chipgym.leaderboards.fresh_process import in_turn
from chipgym.leaderboards.ranking import load_entries
from chipgym.leaderboards.records import read_records, write_records
from chipgym.leaderboards.schema import load_submission, records_path
from chipgym.leaderboards.site import build_site
from chipgym.simulators.core.errors import InvalidValueError, SimulationError

SOC = {
    "name": "small",
    "tasks": [
        {
            "env": "chipgym/SocScheduling-v0",
            "name": name,
            "scenario": "canonical",
            "instances": 1,
            "kwargs": {"num_jobs": jobs},
        }
        for name, jobs in (("two", 2), ("three", 3))
    ],
    "agents": [
        {"name": "EFT", "policy": "EFT"},
        {"name": "learned", "policy": "learned-scheduler"},
        {"name": "planner", "policy": "rollout-planner"},
        {"name": "episodes", "policy": "random-search-3"},
        {
            "name": "PPO",
            "algorithm": "maskable_ppo",
            "steps": {"two": 64, "three": 128},
            "hyperparameters": {"n_steps": 32, "num_envs": 1, "batch_size": 32},
        },
    ],
    "seeds": [0],
    "curve": {"points": 0},
}


@pytest.fixture(scope="module")
def soc_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run with every kind of agent."""
    folder = tmp_path_factory.mktemp("soc-run")
    return run_suite(plan_suite(Suite.parse(SOC), folder), make_executor("serial", 1))


def test_kind_and_budgets_are_known_without_being_stated(soc_run: Run) -> None:
    packer = Packer(soc_run)
    heads = {agent.name: packer.head(agent.name) for agent in soc_run.suite.agents}
    kinds = {name: head.kind for name, head in heads.items()}
    assert kinds == {
        "EFT": "heuristic",
        "learned": "learned",
        "planner": "search",
        "episodes": "search",
        "PPO": "learned",
    }
    assert heads["EFT"].training_steps == heads["EFT"].training_evaluations == 0
    # One training serves all tasks, so it is not each task's.
    assert (heads["learned"].training_steps, heads["learned"].budgets) == (2_000_000, {})
    assert "training seed 0" in heads["learned"].description
    assert heads["planner"].training_steps == 0
    spent = {label: entry.evaluations for label, entry in heads["episodes"].budgets.items()}
    assert spent == {"two": 3, "three": 3}
    assert heads["episodes"].training_evaluations == 6
    steps = {label: entry.steps for label, entry in heads["PPO"].budgets.items()}
    assert (steps["two"], steps["three"]) == (64, 128)
    assert heads["PPO"].training_steps == 192
    assert heads["PPO"].training_evaluations == sum(
        entry.evaluations for entry in heads["PPO"].budgets.values()
    )


def test_the_submitter_may_state_what_a_policy_does_not_say(soc_run: Run) -> None:
    packer = Packer(soc_run)
    stated = packer.head("EFT", state=State("learned", 500, "Mine."))
    assert (stated.kind, stated.training_steps, stated.description) == ("learned", 500, "Mine.")
    assert packer.head("EFT", state=State(training_steps=500)).kind == "learned"
    assert packer.head("PPO", state=State("learned", None, "Mine.")).description == "Mine."


@pytest.mark.parametrize(
    ("agent", "state", "reason"),
    [
        ("EFT", State("magic"), "kind = 'magic' is not allowed; allowed: one of heuristic"),
        ("EFT", State("learned"), "training_steps = None .*state them for 'EFT'"),
        ("EFT", State("heuristic", 5), "training_steps = 5 .*0 for the kind 'heuristic'"),
        ("EFT", State("search", 5), "training_steps = 5 .*0 for the kind 'search'"),
        ("EFT", State("learned", -1), "training_steps = -1"),
        ("PPO", State("heuristic"), "kind = 'heuristic' .*'PPO' is learned here"),
        ("PPO", State(None, 9), "training_steps = 9 .*for ready policies"),
    ],
)
def test_what_cannot_be_is_refused(soc_run: Run, agent: str, state: State, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        Packer(soc_run).head(agent, state=state)


def test_policies_say_where_their_decisions_come_from(tmp_path: Path) -> None:
    assert provenance_of(make_policy("ETF")) == Provenance()
    assert provenance_of(build_policy("random-search-7")).kind == "search"
    learned: Any = make_policy("learned-scheduler")
    learned.save(tmp_path / "mine.safetensors")
    other = make_policy("learned-scheduler", path=tmp_path / "mine.safetensors")
    assert (provenance_of(other).kind, provenance_of(other).training_steps) == ("learned", None)
    learned.provenance = {"kind": "learned"}
    with pytest.raises(InvalidValueError, match="provenance"):
        provenance_of(learned)


def test_long_records_are_compressed_to_the_same_bytes_each_time(
    tmp_path: Path, fake_run: Any, suite_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipgym.leaderboards.records.PACKED_FROM_BYTES", 10)
    options: dict[str, Any] = {"suite": suite_file, "imports": ["fake_scheduling"]}
    folder = tmp_path / "submissions" / "greedy"
    assert submit(fake_run, "greedy", folder, **options).passed
    path = records_path(folder)
    assert path.name == "records.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    assert all("schedule" not in json.loads(line) for line in lines)
    assert write_records(tmp_path, lines).read_bytes() == path.read_bytes()
    assert len(list(read_records(path))) == len(lines) == 7
    entries = load_entries(folder.parent)
    site = build_site(entries, tmp_path / "site").parent
    (offered,) = site.glob("downloads/*/records.jsonl.gz")
    assert gzip.decompress(offered.read_bytes()) == b"".join(lines)
    solutions = sorted((site / "downloads" / "best-known").glob("*/*.json"))
    assert sorted(p.read_bytes() for p in solutions) == sorted(lines)


def test_a_failing_agent_does_not_lose_the_others(
    tmp_path: Path, fake_run: Any, suite_file: str
) -> None:
    (tmp_path / "fakes--greedy").mkdir()
    arguments = ["submit", str(fake_run.folder), "--out", str(tmp_path), "--suite", suite_file]
    arguments += ["--import", "fake_scheduling", "--workers", "2", "--author", "A. Tester"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "fakes--greedy: rejected" in done.output
    assert "exists already" in done.output
    assert sorted(e.folder for e in load_entries(tmp_path)) == ["fakes--biased", "fakes--random"]
    assert load_submission(tmp_path / "fakes--biased").authors == ("A. Tester",)

    for option in (["--kind", "learned"], ["--training-steps", "5"], ["--name", "x"]):
        done = CliRunner().invoke(app, [*arguments, *option])
        assert done.exit_code != 0
        assert "for one --agent only" in " ".join(f"{done.output} {done.exception}".split())


def test_the_first_error_ends_what_has_not_begun() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            raise SimulationError("one")
        return item

    assert in_turn(work, [0, 2, 3], 2) == [0, 2, 3]
    with pytest.raises(SimulationError, match="one"):
        in_turn(work, [1, *range(2, 100)], 1)


def test_what_is_infeasible_is_no_solution_of_an_instance(
    submission: Callable[[str], Path],
) -> None:
    submission("greedy")
    (entry,) = load_entries(submission("biased").parent)[:1]
    assert len(best_known([entry])) == 7
    task = entry.verification.tasks[0]
    worse = task.results[0].model_copy(update={"feasible": False})
    changed = task.model_copy(update={"results": (worse, *task.results[1:])})
    verification = entry.verification.model_copy(
        update={"tasks": (changed, *entry.verification.tasks[1:])}
    )
    found = best_known([type(entry)(entry.folder, entry.path, entry.submission, verification)])
    assert len(found) == 6
    assert worse.instance_id not in {s.instance_id for s in found if s.task == task.label}
