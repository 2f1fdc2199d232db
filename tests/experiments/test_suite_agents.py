"""Agents of a suite: for which tasks they are, searchers among them, and the published schema."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml

from chipgym.agents.search import registry
from chipgym.experiments.executors import make_executor
from chipgym.experiments.grouping import by_environment
from chipgym.experiments.runner import load_run, plan_suite, run_suite
from chipgym.experiments.search_record import read_search
from chipgym.experiments.suite import SUITES, Suite, load_suite, suite_names, suite_schema
from chipgym.experiments.summary import summarise
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

QUEUE, DESIGN = "fake_scheduling:fakes/Queue-v0", "fake_design:fakes/SafeDesign-v0"


@pytest.fixture
def mixed() -> dict[str, Any]:
    """Two environments; a heuristic for one, searchers for the other, random for both."""
    return {
        "name": "mixed",
        "tasks": [
            {"env": QUEUE, "scenario": "light", "instances": 3},
            {"env": DESIGN, "name": "design", "instances": 2},
        ],
        "agents": [
            {"name": "random", "policy": "random", "seeds": 2},
            {"name": "greedy", "policy": "fake_scheduling:Greedy", "tasks": ["light"]},
            {"name": "ga", "searcher": "genetic", "budget": 30, "tasks": ["fakes/*Design-v0"]},
            {"name": "walk", "searcher": "random-walk", "budget": {"design": 20}, "tasks": ["de*"]},
        ],
        "seeds": [0, 1],
        "curve": {"points": 3, "instances": 2},
    }


def run(document: dict[str, Any], folder: Path, executor: str = "serial") -> Any:
    return run_suite(plan_suite(Suite.parse(document), folder), make_executor(executor, 2))


def test_agents_run_on_their_tasks_and_are_ranked_by_environment(
    tmp_path: Path, mixed: dict[str, Any]
) -> None:
    done = run(mixed, tmp_path)
    pairs = {(result.task, result.agent) for result in done.results}
    assert pairs == {
        *(("light", name) for name in ("random", "greedy")),
        *(("design", name) for name in ("random", "ga", "walk")),
    }
    overall = summarise(done)
    assert overall.agents[0].name == "random", "the only one that is for all tasks"
    parts = {env: summarise(part) for env, part in by_environment(done).items()}
    assert {agent.name for agent in parts[QUEUE].agents} == {"random", "greedy"}
    design = {agent.name: agent for agent in parts[DESIGN].agents}
    assert set(design) == {"random", "ga", "walk"}
    assert design["ga"].iqm.value > design["random"].iqm.value
    assert (design["ga"].seeds, design["random"].seeds) == (2, 2)
    assert design["ga"].evaluations == 31, "the search, and the episode with what it found"
    assert load_run(tmp_path).results == done.results


def test_a_searchers_record_is_its_best_design(tmp_path: Path, mixed: dict[str, Any]) -> None:
    done = run(mixed, tmp_path)
    result = next(r for r in done.results if r.agent == "ga")
    (folder,) = tmp_path.glob(f"jobs/design--ga--seed{result.seed}--*")
    for record in result.records:
        search = read_search(folder / "searches" / f"instance-{record.instance}.jsonl")
        values = [step.metrics["energy_pj"] for step in search.steps]
        assert record.metrics["energy_pj"] == min(value for value in values if value is not None)
    assert [point.evaluations for point in result.curve] == [10, 20, 30]
    bests = [point.metrics for point in result.curve]
    for early, late in itertools.pairwise(bests):
        assert all(b <= a for a, b in zip(early, late, strict=True))
    assert result.training_evaluations == 30


def test_an_interrupted_search_goes_on_with_the_same_bits(
    tmp_path: Path, mixed: dict[str, Any]
) -> None:
    whole = run(mixed, tmp_path / "whole")
    run(mixed, tmp_path / "cut")
    (folder,) = (tmp_path / "cut").glob("jobs/design--ga--seed0--*")
    (record,) = folder.glob("searches/instance-1.jsonl")
    content = record.read_bytes()
    record.with_name(record.name + ".partial").write_bytes(content[: len(content) // 2])
    lines = (folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "records.partial.jsonl").write_bytes(lines[0])
    for name in ("records.jsonl", "curve.jsonl", "training.json", "done.json"):
        (folder / name).unlink()
    record.unlink()
    resumed = run(mixed, tmp_path / "cut", "processes")
    assert resumed.results == whole.results
    assert record.read_bytes() == content


@pytest.mark.parametrize(
    ("agent", "error", "words"),
    [
        ({"searcher": "genetics", "budget": 5}, UnknownNameError, "did you mean 'genetic'"),
        (
            {"searcher": "genetic", "budget": 5, "hyperparameters": {"elits": 1}},
            UnknownNameError,
            "elites",
        ),
        ({"searcher": "genetic", "budget": 5}, InvalidValueError, "one action is a whole design"),
        (
            {"searcher": "genetic", "budget": {"light": 5}, "tasks": ["light", "design"]},
            InvalidValueError,
            "one action is a whole design",
        ),
        (
            {"searcher": "genetic", "budget": {"light": 5}, "tasks": ["design"]},
            InvalidValueError,
            "budget of agent 'a'",
        ),
        ({"searcher": "genetic"}, InvalidValueError, "needs a budget"),
        ({"policy": "random", "budget": 5}, InvalidValueError, "belongs to searchers"),
        ({"policy": "random", "tasks": ["ligth"]}, InvalidValueError, r"agents\.0\.tasks.*'ligth'"),
        (
            {"policy": "random", "limits": {"time_s": 0}},
            InvalidValueError,
            r"agents\.0\.limits\.time_s",
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    tmp_path: Path,
    mixed: dict[str, Any],
    agent: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    if "did you" in words or "elites" in words:
        agent["tasks"] = ["design"]
    with pytest.raises(error, match=words):
        run({**mixed, "agents": [{"name": "a", **agent}]}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_limits_are_no_part_of_a_run(tmp_path: Path, mixed: dict[str, Any]) -> None:
    run(mixed, tmp_path)
    mixed["agents"][2]["limits"] = {"cpus": 2, "time_s": 600, "memory_mib": 512}
    plan = plan_suite(Suite.parse(mixed), tmp_path)
    assert plan.unfinished == []
    assert {job.limits.cpus for job in plan.jobs} == {1, 2}
    assert run(mixed, tmp_path).suite.agents[2].limits.cpus == 1


def test_the_published_schema_is_that_of_the_code_and_takes_all_suites() -> None:
    published = json.loads((SUITES / "suite.schema.json").read_text(encoding="utf-8"))
    assert published == suite_schema(), "write it again: chipgym benchmark --schema"
    for name in suite_names():
        document = yaml.safe_load((SUITES / f"{name}.yaml").read_text(encoding="utf-8"))
        jsonschema.validate(document, published)
    with pytest.raises(jsonschema.ValidationError, match="'tsks' was unexpected"):
        jsonschema.validate({"name": "x", "tsks": [], "tasks": [], "agents": []}, published)


@pytest.mark.parametrize("seeds", [[], [3, 3], 0])
def test_seeds_of_an_agent_are_distinct_and_not_none(mixed: dict[str, Any], seeds: Any) -> None:
    mixed["agents"][0]["seeds"] = seeds
    with pytest.raises(InvalidValueError, match="seeds"):
        Suite.parse(mixed)


def test_jobs_made_with_other_stored_hyperparameters_are_not_reused(
    mixed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed["agents"] = [mixed["agents"][2]]
    mixed["tasks"] = mixed["tasks"][1:]
    plan = plan_suite(Suite.parse(mixed), tmp_path)
    run_suite(plan, make_executor("serial", 1))
    run_suite(plan, make_executor("serial", 1))
    stored = registry.searcher_hyperparameters

    def changed(*arguments: Any) -> Any:
        found = stored(*arguments)
        return SimpleNamespace(values={**found.values, "population": 99})

    monkeypatch.setattr(registry, "searcher_hyperparameters", changed)
    with pytest.raises(FileFormatError, match="stored now: population differ"):
        run_suite(plan, make_executor("serial", 1))
    assert load_run(tmp_path).results  # what is there can still be read


@pytest.mark.parametrize("name", suite_names())
def test_searchers_are_compared_with_random_search_of_the_same_budget(name: str) -> None:
    suite = load_suite(name)
    for task in suite.tasks:
        agents = [agent for agent in suite.agents if agent.applies_to(task)]
        assert any(agent.policy == "random" for agent in agents)
        budgets = {a.budget_for(task) for a in agents if a.searcher is not None}
        assert budgets == {a.budget_for(task) for a in agents if a.searcher == "random-search"}
