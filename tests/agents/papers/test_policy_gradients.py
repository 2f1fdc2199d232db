"""DRiLLS and abcRL: features, learning, saving, resuming, acting as policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe_toy import ACTIONS, GRAPHS, HORIZON, ToyGraph, ToySimulation, chain_graph

from chipgym.agents.core.planner import Planner
from chipgym.agents.core.policy import Policy
from chipgym.agents.core.settings import default_settings, make_settings, plain_settings
from chipgym.agents.papers.abcrl_graph.agent import (
    AbcrlGraphAgent,
    AbcrlGraphSettings,
    load_abcrl_graph,
)
from chipgym.agents.papers.abcrl_graph.network import recipe_vector
from chipgym.agents.papers.abcrl_graph.training import AbcrlGraphPlanner, train_abcrl_graph
from chipgym.agents.papers.drills.agent import DrillsAgent, DrillsSettings, load_drills
from chipgym.agents.papers.drills.features import FEATURES, RunningNormaliser, circuit_features
from chipgym.agents.papers.drills.training import DrillsPlanner, train_drills
from chipgym.agents.papers.episodes import Trajectory
from chipgym.agents.papers.recipe_policy import RecipePolicy
from chipgym.agents.papers.single_circuit import FromHere
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError


@dataclasses.dataclass(frozen=True)
class Method:
    """One agent with everything that is made from it."""

    train: Callable[..., Any]
    planner: Callable[..., Planner]
    load: Callable[[Path], Any]
    settings: Any


METHODS = {
    "drills": Method(train_drills, DrillsPlanner, load_drills, DrillsSettings(learning_rate=0.02)),
    "abcrl-graph": Method(
        train_abcrl_graph,
        AbcrlGraphPlanner,
        load_abcrl_graph,
        AbcrlGraphSettings(policy_rate=0.02, baseline_rate=0.05),
    ),
}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


def dense() -> ToySimulation:
    return ToySimulation(dense=True)


def start(instance: str) -> ToySimulation:
    simulation = ToySimulation()
    simulation.reset(instance)
    return simulation


def test_training_raises_the_scores(method: Method) -> None:
    training = method.train(ToySimulation, ["a"], 150, 0, method.settings).training
    scores = [record["score"] for record in training.records]
    assert np.mean(scores[-30:]) > np.mean(scores[:30]) + 0.15
    assert training.evaluations == 150
    assert training.best["a"].score == 0.0
    assert training.best["a"].actions == (0,) * HORIZON
    assert training.best["a"].evaluations == 150


def test_the_trained_agent_is_a_policy(method: Method) -> None:
    agent = method.train(dense, ["a"], 800, 0, method.settings).agent
    policy = RecipePolicy(agent)
    assert isinstance(policy, Policy)
    policy.reset(2, 0)
    pair = [start("a"), start("a")]
    for _ in range(HORIZON):
        actions = policy.act(np.zeros((2, 1)), None, [s.problem for s in pair])  # type: ignore[misc]
        assert actions.dtype == np.int64
        for simulation, action in zip(pair, actions, strict=True):
            simulation.step(int(action))
    assert pair[0].problem.recipe == pair[1].problem.recipe == (0,) * HORIZON


def test_drawn_actions_do_not_depend_on_the_number_of_environments(method: Method) -> None:
    agent = method.train(ToySimulation, ["a"], 5, 0, method.settings).agent
    policy = RecipePolicy(agent, deterministic=False)
    view: Any = start("a").problem
    draws = []
    for count in (1, 3):
        policy.reset(count, 7)
        rows = [policy.act(np.zeros((count, 1)), None, [view] * count) for _ in range(12)]
        draws.append([int(row[0]) for row in rows])
    assert draws[0] == draws[1]
    assert len(set(draws[0])) > 1


def test_a_saved_agent_gives_the_same_bits(method: Method, tmp_path: Path) -> None:
    agent = method.train(ToySimulation, ["a", "b"], 20, 0, method.settings).agent
    path = tmp_path / "agent.npz"
    agent.save(path)
    loaded = method.load(path)
    for name in GRAPHS:
        simulation = start(name)
        for each in (agent, loaded):
            each.begin(simulation.problem)
        for action in (0, 1, 2):
            states = [a.observe(simulation.problem) for a in (agent, loaded)]
            first, second = agent.probabilities(states[0]), loaded.probabilities(states[1])
            np.testing.assert_array_equal(first, second)
            simulation.step(action)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileFormatError):
        method.load(path)


def test_agents_of_another_kind_are_refused(tmp_path: Path) -> None:
    DrillsAgent(3, DrillsSettings(), 0).save(tmp_path / "drills.npz")
    with pytest.raises(FileFormatError, match="abcrl-graph"):
        load_abcrl_graph(tmp_path / "drills.npz")


def test_interrupted_training_ends_as_if_it_had_not_been(method: Method, tmp_path: Path) -> None:
    arguments = (ToySimulation, ["a", "c"], 30, 3, method.settings)
    whole = method.train(*arguments)
    path = tmp_path / "training.npz"
    method.train(*arguments, lambda record: record["episode"] < 11, checkpoint=path)
    resumed = method.train(*arguments, checkpoint=path)
    assert resumed.training == whole.training
    state = whole.agent.observe(start("c").problem)
    np.testing.assert_array_equal(
        resumed.agent.probabilities(state), whole.agent.probabilities(state)
    )
    with pytest.raises(FileFormatError, match="other arguments"):
        method.train(ToySimulation, ["a"], 30, 3, method.settings, checkpoint=path)


def test_the_planner_learns_on_its_circuit(method: Method) -> None:
    planner = method.planner(method.settings)
    assert isinstance(planner, Planner)
    simulation = start("b")
    simulation.step(1)
    result = planner.plan(simulation, 40, 0)
    assert result.actions[0] == 1
    assert result.evaluations <= 40
    assert result.score > -0.3
    again = start("b")
    again.step(1)
    assert planner.plan(again, 40, 0) == result


def test_gradients_reach_every_parameter() -> None:
    agent = AbcrlGraphAgent(ACTIONS, AbcrlGraphSettings(), 0)
    logits = agent.policy([agent.observe(start(name).problem) for name in ("a", "b", "c")])
    logits.pow(2).sum().backward()
    for name, parameter in agent.policy.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().sum()) > 0.0, name


def test_the_graph_network_does_not_depend_on_what_is_in_the_batch() -> None:
    agent = AbcrlGraphAgent(ACTIONS, AbcrlGraphSettings(), 0)
    states = [agent.observe(start(name).problem) for name in GRAPHS]
    together = agent.policy(states)
    for row, state in enumerate(states):
        torch.testing.assert_close(agent.policy([state])[0], together[row], rtol=1e-5, atol=1e-6)


def test_the_features_of_a_known_circuit() -> None:
    # Two inputs; AND(a, b), NOR(a, b), and the AND of both, whose inversion is the output.
    graph = ToyGraph(
        2,
        np.array([4, 5, 8]),
        np.array([2, 3, 6]),
        np.array([11]),
        np.array([0, 0, 0, 1, 1, 2]),
    )
    features = dict(zip(FEATURES, circuit_features(graph).tolist(), strict=True))
    assert features == {
        "inputs": 2,
        "outputs": 1,
        "nodes": 3,
        "edges": 7,
        "levels": 2,
        "latches": 0,
        "share_and": 2 / 6,
        "share_or": 1 / 6,
        "share_not": 3 / 6,
    }


def test_the_normaliser_gives_running_scores() -> None:
    normaliser = RunningNormaliser(1)
    seen = []
    for value in (3.0, 5.0, 10.0):
        seen.append(value)
        expected = (value - np.mean(seen)) / np.sqrt(max(np.var(seen), 1e-2))
        assert normaliser(np.array([value]))[0] == pytest.approx(expected)
    normaliser.reset()
    assert normaliser(np.array([7.0]))[0] == 0.0


def test_the_vector_tells_sizes_history_and_progress() -> None:
    simulation = start("b")
    for action in (1, 2, 2):
        simulation.step(action)
    vector, sizes = recipe_vector(simulation.problem, (20, 20))
    assert sizes == (40, 40)
    np.testing.assert_allclose(vector, [1, 1, 0.5, 0.5, 0, 1 / 3, 2 / 3, 0.75])


def test_returns_are_discounted() -> None:
    trajectory = Trajectory(rewards=[1.0, 0.0, 4.0])
    np.testing.assert_allclose(trajectory.returns(0.5), [2.0, 2.0, 4.0])


def test_normalised_returns_of_equal_rewards_are_finite() -> None:
    agent = DrillsAgent(2, DrillsSettings(normalise_returns=True, discount=0.0), 0)
    state = np.zeros(9, dtype=np.float32)
    agent.learn(Trajectory([state, state], [0, 1], [1.0, 1.0]))
    assert np.isfinite(agent.probabilities(state)).all()


def test_one_circuit_has_one_instance() -> None:
    simulation = start("c")
    simulation.step(2)
    here = FromHere(simulation)
    here.step(0)
    here.reset(FromHere.NAME)
    assert here.problem.recipe == (2,)
    with pytest.raises(UnknownNameError):
        here.reset("c")


def test_bad_arguments_are_refused(method: Method) -> None:
    with pytest.raises(InvalidValueError, match="instances"):
        method.train(ToySimulation, [], 10, 0, method.settings)
    with pytest.raises(InvalidValueError, match="budget"):
        method.train(ToySimulation, ["a"], 0, 0, method.settings)
    agent = method.train(ToySimulation, ["a"], 1, 0, method.settings).agent
    policy = RecipePolicy(agent)
    with pytest.raises(InvalidValueError, match="problems"):
        policy.act(np.zeros((1, 1)), None, None)
    view: Any = start("a").problem
    with pytest.raises(InvalidValueError, match="problems"):
        policy.act(np.zeros((2, 1)), None, [view, view])
    other: Any = dataclasses.replace(view, commands=("balance",))
    with pytest.raises(InvalidValueError, match="commands"):
        policy.act(np.zeros((1, 1)), None, [other])


@pytest.mark.parametrize(
    "values",
    [{"learning_rate": 0.0}, {"discount": 1.5}, {"actor_hidden": [0]}, {"entropy": -1.0}],
)
def test_bad_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        make_settings(DrillsSettings, values)
    with pytest.raises(InvalidValueError):
        AbcrlGraphSettings(hidden=4, graph_out=4)


@pytest.mark.parametrize("entry", [None, "published"])
@pytest.mark.parametrize(
    ("kind", "algorithm"), [(DrillsSettings, "drills"), (AbcrlGraphSettings, "abcrl_graph")]
)
def test_the_stored_entries_are_settings(kind: type, algorithm: str, entry: str | None) -> None:
    settings = default_settings(kind, algorithm, entry)
    assert make_settings(kind, plain_settings(settings)) == settings


def test_a_longer_chain_is_another_state() -> None:
    agent = AbcrlGraphAgent(ACTIONS, AbcrlGraphSettings(), 0)
    short, long = (agent.policy.arrays(chain_graph(n)) for n in (5, 50))
    vector = np.zeros(5 + ACTIONS, dtype=np.float32)
    state = agent.observe(start("a").problem)
    chances = [
        agent.probabilities(dataclasses.replace(state, vector=vector, graph=g))
        for g in (short, long)
    ]
    assert not np.array_equal(*chances)
