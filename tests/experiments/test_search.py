"""Searches on a design environment: budgets, repetitions, records, resumption, references."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from chipgym.agents.search.registry import make_searcher
from chipgym.experiments.environments import make_env, probe
from chipgym.experiments.evaluation import evaluate
from chipgym.experiments.executors import make_executor
from chipgym.experiments.policies import build_policy
from chipgym.experiments.references import measure_references
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.search import run_search
from chipgym.experiments.search_record import SearchRun, read_search
from chipgym.experiments.suite import Suite, TaskSpec
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

DESIGN = "fake_design:fakes/Design-v0"
SAFE = "fake_design:fakes/SafeDesign-v0"


class Asked:
    """Proposes given designs, then raises as a crash would."""

    name = "asked"
    best = None

    def __init__(self, designs: list[Any]) -> None:
        self.designs = [np.array(design) for design in designs]
        self.told: list[float] = []

    def ask(self) -> Any:
        if not self.designs:
            raise KeyboardInterrupt
        return self.designs.pop(0)

    def tell(self, design: Any, score: float) -> None:
        self.told.append(score)


def search(name: str = "genetic", budget: int = 60, seed: int = 0, **kwargs: Any) -> SearchRun:
    env = gymnasium.make(DESIGN)
    searcher = make_searcher(name, env.action_space, seed)
    return run_search(env, searcher, budget, instance=3, seed=seed, **kwargs)


def test_the_budget_counts_distinct_simulations() -> None:
    env = gymnasium.make(DESIGN)
    base: Any = env.unwrapped
    searcher = make_searcher("genetic", env.action_space, 0, mutation_rate=0.02)
    seen = []
    run = run_search(env, searcher, 60, instance=3, seed=0, on_evaluation=seen.append)
    assert run.ended == "budget"
    assert run.evaluations == 60 == len(seen)
    assert run.asks == len(run.steps) > 60
    assert base.simulations < run.asks
    refused = {step.key for step in run.steps if "not both knobs" in step.error}
    assert len({step.key for step in run.steps} - refused) == 60
    assert [step.evaluations for step in run.steps] == sorted(s.evaluations for s in run.steps)
    base.reset(seed=3)
    assert run.head.instance_id == base.instance_id
    assert run.head.hyperparameters["mutation_rate"] == 0.02


def test_the_best_so_far_curve_is_that_of_the_steps() -> None:
    run = search()
    curve = run.best_so_far()
    assert curve.shape == (60,)
    for count in (1, 10, 60):
        scored = [s.score for s in run.steps if s.evaluations <= count and s.score is not None]
        assert curve[count - 1] == max(scored)
    assert run.best is not None
    assert run.best.score == curve[-1]
    assert run.best.metrics == {"energy_pj": pytest.approx(-10 * curve[-1]), "area": None}
    assert run.best.score > curve[9]


def test_what_the_searcher_is_told() -> None:
    designs = [
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 2],
        [1, 1, 1, 1, 1, 0],
        [0, 4, 1, 1, 1, 0],
        [1, 1, 1, 3, 1, 0],
        [2, 1, 1, 1, 1, 0],
    ]
    searcher = Asked(designs)
    run = run_search(gymnasium.make(DESIGN), searcher, 3, instance=0, seed=0, score="metric")
    assert [step.evaluations for step in run.steps] == [1, 1, 1, 1, 2, 3]
    assert [step.repeated for step in run.steps] == [False, False, True, False, False, False]
    first, second, again, refused, stuck, last = searcher.told
    assert first == second == again == -float(run.steps[0].metrics["energy_pj"] or 0)
    assert math.isnan(refused)
    assert math.isnan(stuck)
    assert last < 0
    assert run.steps[4].error == "stuck"


def test_searches_that_cannot_spend_their_budget_end() -> None:
    env = gymnasium.make(DESIGN)
    same = run_search(env, Asked([[1] * 6] * 100), 4, instance=0, seed=0)
    assert (same.ended, same.asks, same.evaluations) == ("asks", 80, 1)
    few = run_search(env, Asked([[1] * 6] * 100), 4, instance=0, seed=0, max_asks=7)
    assert (few.ended, few.asks) == ("asks", 7)
    designs = spaces.MultiDiscrete([2, 2, 1, 1, 1, 1])
    every = run_search(env, make_searcher("enumeration", designs, 0), 9, instance=0, seed=0)
    assert (every.ended, every.asks, every.evaluations) == ("exhausted", 4, 4)
    never = make_searcher("genetic", env.action_space, 0, constraint=lambda design: False)
    assert run_search(env, never, 9, instance=0, seed=0).ended == "no allowed design"
    assert run_search(env, never, 9, instance=0, seed=0).best_so_far().shape == (0,)


@pytest.mark.parametrize("name", ["genetic", "simulated-annealing", "tpe", "cma-es"])
def test_an_interrupted_search_resumes_to_the_same_record(name: str, tmp_path: Path) -> None:
    whole = search(name, 30, record=tmp_path / "whole.jsonl")

    def stop(step: Any) -> None:
        if step.evaluations == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(name, 30, record=tmp_path / "cut.jsonl", on_evaluation=stop)
    assert not (tmp_path / "cut.jsonl").exists()
    partial = tmp_path / "cut.jsonl.partial"
    partial.write_bytes(partial.read_bytes()[:-20])
    resumed = search(name, 30, record=tmp_path / "cut.jsonl")
    assert resumed == whole
    assert (tmp_path / "cut.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not partial.exists()
    assert read_search(tmp_path / "whole.jsonl") == whole
    (tmp_path / "whole.jsonl").rename(partial)  # killed before the move
    (tmp_path / "cut.jsonl").unlink()
    assert search(name, 30, record=tmp_path / "cut.jsonl") == whole


def test_replaying_does_not_simulate_and_a_finished_search_is_not_run_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run_search(gymnasium.make(DESIGN), Asked([[1] * 6]), 3, instance=0, seed=0, record=path)
    env = gymnasium.make(DESIGN)
    base: Any = env.unwrapped
    designs = [[1] * 6, [2] * 6, [1, 2, 1, 1, 1, 1]]
    run = run_search(env, Asked(designs), 3, instance=0, seed=0, record=path)
    assert (run.evaluations, base.simulations) == (3, 2)
    assert run_search(env, Asked([]), 3, instance=0, seed=0, record=path) == run
    assert base.simulations == 2


def test_records_of_another_search_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    search(budget=20, record=path)
    with pytest.raises(FileFormatError, match="another search: seed differ"):
        search(budget=20, seed=1, record=path)
    other = gymnasium.make(DESIGN, vectors=False)
    with pytest.raises(FileFormatError, match="another search: arguments, searcher"):
        run_search(other, Asked([]), 20, instance=3, seed=0, record=path)
    lines = path.read_text().splitlines()
    partial = tmp_path / "other.jsonl.partial"
    step = json.loads(lines[1])
    step["design"][0] += 1
    partial.write_text("\n".join([lines[0], json.dumps(step)]) + "\n")
    with pytest.raises(FileFormatError, match="ask 1: the record has"):
        search(budget=20, record=tmp_path / "other.jsonl")
    for damaged, message in (
        (lines[:-1], "line"),
        (lines[:1], "missing"),
        ([*lines[:3], *lines[4:]], "line 4: ask"),
        ([lines[0], "{", *lines[2:]], "line 2: not JSON"),
        ([*lines[:-2], lines[-1]], "its end states"),
    ):
        path.write_text("\n".join(damaged) + "\n")
        with pytest.raises(FileFormatError, match=message):
            read_search(path)
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_search(tmp_path / "absent.jsonl")


def test_vectors_for_searchers_of_several_objectives(tmp_path: Path) -> None:
    env = gymnasium.make(DESIGN)
    path = tmp_path / "run.jsonl"
    searcher: Any = make_searcher("nsga2", env.action_space, 0)
    run = run_search(env, searcher, 60, instance=0, seed=0, score="vector", record=path)
    assert read_search(path) == run
    told = {step.vector for step in run.steps if step.vector is not None}
    assert {scores for _, scores in searcher.front} <= told
    assert len(searcher.front) > 1
    assert run.best is not None
    assert run.best.vector == max(told)
    bare = gymnasium.make(DESIGN, vectors=False)
    with pytest.raises(InvalidValueError, match="reward_vector"):
        run_search(bare, Asked([[1] * 6]), 3, instance=0, seed=0, score="vector")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"budget": 0}, "budget"), ({"max_asks": 0}, "max_asks"), ({"score": "cost"}, "score")],
)
def test_bad_arguments(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        search(**wrong)


def test_environments_of_several_steps_are_refused() -> None:
    env = gymnasium.make(DESIGN, steps=2)
    with pytest.raises(InvalidValueError, match="after one step"):
        run_search(env, Asked([[1] * 6]), 3, instance=0, seed=0)


def test_the_reference_is_the_best_of_random_designs() -> None:
    env = make_env(TaskSpec(env=SAFE))
    base: Any = env.unwrapped

    def cost(policy: str, seed: int) -> list[float]:
        records = evaluate(
            env, build_policy(policy), task="t", agent="a", seed=seed, instances=range(4)
        )
        return [float(record.metrics["energy_pj"] or 0) for record in records]

    before = base.simulations
    one = np.array([cost("random-search-1", seed) for seed in range(30)])
    assert base.simulations - before == 2 * 4 * 30  # the best design is played again
    hundred = np.array([cost("random-search-100", seed) for seed in range(3)])
    assert (hundred.mean(axis=0) < one.mean(axis=0) - 8).all()
    assert cost("random-search-100", 1) == hundred[1].tolist()
    assert (hundred >= 1).all()
    with pytest.raises(UnknownNameError):
        build_policy("random-search-0")


def test_the_reference_of_an_environment_of_several_steps() -> None:
    env = make_env(TaskSpec(env=SAFE, kwargs={"steps": 5}))
    base: Any = env.unwrapped
    policy = build_policy("random-search-20")
    (record,) = evaluate(env, policy, task="t", agent="a", seed=0, instances=[2])
    assert len(record.actions) == 5
    assert record.evaluations == 5
    assert base.simulations == 25
    assert policy.evaluations == 20


def test_references_of_a_design_task_are_averaged_over_seeds() -> None:
    task = TaskSpec(env=SAFE, instances=2)
    references = measure_references(task, probe(task), "a test")
    assert references.reference_policy == "random-search-100"
    assert (references.random_seeds, references.reference_seeds) == (50, 10)
    assert references.excluded == ()
    for entry in references.instances:
        assert entry.reference < entry.random - 5 * entry.random_standard_error
    assert measure_references(task, probe(task), "a test") == references
    assert references.score(0, references.instances[0].reference) == pytest.approx(1)


def test_a_suite_makes_the_references_of_a_design_task(tmp_path: Path) -> None:
    document = {
        "name": "designs",
        "tasks": [{"env": SAFE, "instances": 2}],
        "agents": [
            {"name": "random", "policy": "random-search-1", "seeds": 3},
            {"name": "search", "policy": "random-search-30", "seeds": 3},
        ],
        "seeds": [0, 1, 2],
    }
    plan = plan_suite(Suite.parse(document), tmp_path)
    run = run_suite(plan, make_executor("serial", 1))
    (references,) = run.references.values()
    made = measure_references(plan.suite.tasks[0], probe(plan.suite.tasks[0]), references.command)
    assert references == made
    means = {
        name: np.mean([made.score(r.instance, r.metrics["energy_pj"] or 0) for r in records])
        for name in ("random", "search")
        for records in [
            [r for result in run.results if result.agent == name for r in result.records]
        ]
    }
    assert abs(means["random"]) < 0.5
    assert 0.5 < means["search"] < 1.1
