"""The adapter, the methods and the whole study in miniature, on the real ABC."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chipgym.agents.core.policy import Policy
from chipgym.agents.core.registry import make_policy
from chipgym.agents.core.simulation import RecipeLog
from chipgym.agents.papers.abcrl_graph.agent import AbcrlGraphAgent, AbcrlGraphSettings
from chipgym.agents.papers.drills.agent import DrillsAgent, DrillsSettings
from chipgym.agents.papers.recipe_policy import RecipePolicy
from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv
from chipgym.experiments.papers.abc_rl import study
from chipgym.experiments.papers.abc_rl.methods import METHODS, TRAINED
from chipgym.experiments.papers.abc_rl.pretraining import train
from chipgym.experiments.papers.abc_rl.simulation import LogicSimulation
from chipgym.experiments.papers.abc_rl.solve import solve
from chipgym.experiments.papers.abc_rl.study import Plan
from chipgym.simulators.core.errors import ChipGymError, UnknownNameError
from chipgym.simulators.logic.locate import find_abc

CIRCUIT = "router-3"
RESYN2 = (6, 2, 0, 6, 2, 3, 6, 1, 3, 6)


@pytest.fixture(scope="module", autouse=True)
def _abc() -> None:
    try:
        find_abc()
    except ChipGymError as error:
        pytest.skip(str(error))


@pytest.fixture
def simulation() -> Iterator[LogicSimulation]:
    made = LogicSimulation("own-small")
    made.reset(CIRCUIT)
    yield made
    made.close()


def test_resyn2_scores_nothing(simulation: LogicSimulation) -> None:
    log = RecipeLog(simulation)
    for action in RESYN2:
        reward, done = simulation.step(action)
    assert done
    assert log.measure() == reward == 0.0
    assert log.actions == RESYN2
    assert simulation.evaluations == log.evaluations == 1


def test_measuring_counts_once_a_state(simulation: LogicSimulation) -> None:
    initial = simulation.score()
    assert simulation.score() == initial
    assert simulation.evaluations == 1
    state, digest = simulation.get_state(), simulation.digest
    simulation.step(6)
    assert simulation.digest != digest
    after = simulation.score()
    simulation.set_state(state)
    assert simulation.digest == digest
    assert simulation.score() == initial
    assert simulation.evaluations == 3
    simulation.step(6)
    assert simulation.score() == after
    assert len(simulation.seconds) == simulation.evaluations == 4
    assert simulation.seconds == sorted(simulation.seconds)


def test_the_score_of_a_prefix_is_that_of_the_circuit(simulation: LogicSimulation) -> None:
    simulation.step(2)
    score = simulation.score()
    env = simulation.env
    mapping = env.instance.baselines.resyn2.mapping
    assert mapping is not None
    assert -1.0 <= score < 1.0
    assert simulation.problem.recipe == (2,)
    assert simulation.problem.aig.num_ands == simulation.problem.nodes


PARTS = [name for name in METHODS if not METHODS[name].trained]


@pytest.mark.parametrize("name", PARTS)
def test_every_method_finds_a_recipe_that_replays(name: str) -> None:
    budget = 4
    arguments = {"scenario": "own-small", "circuit": CIRCUIT, "seed": 1, "budget": budget}
    found, again = (solve(name, trained="", version="0", **arguments) for _ in range(2))  # type: ignore[arg-type]
    assert found["recipe"] == again["recipe"]
    assert found["score"] == again["score"]
    assert 1 <= found["evaluations"] <= budget
    assert found["curve"][-1][1] == found["score"]
    made = LogicSimulation("own-small")
    made.reset(CIRCUIT)
    commands = made.problem.commands
    for command in found["recipe"]:
        made.step(commands.index(command))
    assert made.score() == found["score"]
    made.close()


def test_the_study_resumes_and_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan("own-small", 2, 1, 6, 6, 3, 1)
    methods = ("random", "best-fixed-recipe", "abc-rl", "abc-rl-blind", "abc-rl-fine-tuned")
    monkeypatch.setattr(study, "QUICK", plan)
    monkeypatch.setattr(study, "METHODS", {name: METHODS[name] for name in methods})
    reports = []

    def report(what: str, done: int, count: int) -> None:
        reports.append((what, done, count))

    summary = study.run(tmp_path / "a", quick=True, workers=1, report=report)
    assert reports[-1] == ("searching", len(methods), len(methods))
    assert set(summary["methods"]) == set(methods)
    assert json.loads((tmp_path / "a" / "summary.json").read_text()) == summary
    lines = (tmp_path / "a" / "records.jsonl").read_text().splitlines()
    assert len(lines) == len(methods)
    assert {path.stem for path in (tmp_path / "a" / "agents").iterdir()} == {
        f"train-{what}-0" for what in TRAINED
    }
    reports.clear()
    again = study.run(tmp_path / "a", quick=True, workers=1, report=report)
    assert reports == [("training", 3, 3), ("searching", len(methods), len(methods))]
    assert again == summary
    other = study.run(tmp_path / "b", quick=True, workers=1, report=report)
    for name in methods:
        first, second = summary["methods"][name], other["methods"][name]
        assert first["reduction_percent"] == second["reduction_percent"]
    for what in TRAINED:
        one, two = (next((tmp_path / x / "agents").glob(f"train-{what}-0.*")) for x in "ab")
        assert one.read_bytes() == two.read_bytes()


def test_unknown_agents_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="abc-rl"):
        train("abc-lr", "own-small", ["alu-8"], 4, 0, "0")


@pytest.mark.parametrize("agent", ["resyn2", "drills", "abcrl-graph"])
def test_agents_act_on_the_problem_view_of_the_environment(agent: str) -> None:
    policies: dict[str, Callable[[], Policy]] = {
        "resyn2": lambda: make_policy("resyn2"),
        "drills": lambda: RecipePolicy(DrillsAgent(7, DrillsSettings(), 0)),
        "abcrl-graph": lambda: RecipePolicy(AbcrlGraphAgent(7, AbcrlGraphSettings(), 0)),
    }
    policy = policies[agent]()
    env = LogicSynthesisEnv("own-small", objective="abc-rl")
    returns = []
    for _ in range(2):
        policy.reset(1, 0)
        observation, info = env.reset(options={"circuit": CIRCUIT})
        total, ended = 0.0, False
        while not ended:
            views: Any = [env.problem]
            action = policy.act(observation[None], info["action_mask"][None], views)[0]
            observation, reward, ended, _, info = env.step(action)
            total += reward
        returns.append(total)
    env.close()
    assert returns[0] == returns[1]
    if agent == "resyn2":
        assert returns == [0.0, 0.0]
