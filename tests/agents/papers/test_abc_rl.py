"""ABC-RL: network, retrieval, training from visits, ablations, saving."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_toy import ACTIONS, GRAPHS, HORIZON, ToySimulation, chain_graph

from chipgym.agents.core.planner import Planner
from chipgym.agents.core.settings import default_settings, make_settings, plain_settings
from chipgym.agents.core.simulation import RecipeLog
from chipgym.agents.papers.abc_rl.agent import AbcRlAgent, load_abc_rl
from chipgym.agents.papers.abc_rl.guide import NetworkGuide, embedding_of
from chipgym.agents.papers.abc_rl.learner import Learner, Sample
from chipgym.agents.papers.abc_rl.network import AbcRlNetwork
from chipgym.agents.papers.abc_rl.retrieval import Neighbours, cosine_distances, flatten, trust
from chipgym.agents.papers.abc_rl.settings import (
    AbcRlSettings,
    LearningSettings,
    NetworkSettings,
    RetrievalSettings,
)
from chipgym.agents.papers.abc_rl.training import AbcRlTraining, train_abc_rl
from chipgym.agents.search.tree_search import TreeSearch
from chipgym.agents.search.tree_settings import TreeSettings
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, SimulationError

SMALL = AbcRlSettings(
    network=NetworkSettings(graph_width=8, recipe_width=8, head_width=16, recipe_layers=1),
    learning=LearningSettings(
        learning_rate=1e-2, minibatches=12, batch_size=32, replay=96, episodes=3, simulations=12
    ),
    self_play=TreeSettings(exploration=0.5, noise_share=0.25, shares=(1.0,) * HORIZON),
    search=TreeSettings(exploration=0.5),
)
INSTANCES = ("a", "b", "c")


def train(
    budget: int = 360, seed: int = 0, settings: AbcRlSettings = SMALL, **kwargs: object
) -> AbcRlTraining:
    return train_abc_rl(ToySimulation, INSTANCES, budget, seed, settings, **kwargs)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> AbcRlTraining:
    return train()


def start(instance: str) -> ToySimulation:
    simulation = ToySimulation()
    simulation.reset(instance)
    return simulation


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = AbcRlNetwork(ACTIONS, HORIZON, SMALL.network)
    circuits = network.embed([network.graphs.arrays(GRAPHS[name]) for name in INSTANCES])
    logits, values = network(circuits, [(), (0, 1), (2, 1, 0, 1)])
    (logits.pow(2).sum() + values.pow(2).sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().sum()) > 0.0, name


def test_a_batch_gives_what_its_members_give() -> None:
    torch.manual_seed(0)
    network = AbcRlNetwork(ACTIONS, HORIZON, SMALL.network)
    graphs = [network.graphs.arrays(graph) for graph in GRAPHS.values()]
    prefixes = [(), (1,), (2, 0, 1), (1, 1)]
    logits, values = network(network.embed(graphs), prefixes)
    for row, graph in enumerate(graphs):
        alone, value = network(network.embed([graph]), [prefixes[row]])
        torch.testing.assert_close(alone[0], logits[row], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(value[0], values[row], rtol=1e-5, atol=1e-5)


def test_the_order_of_the_recipe_and_the_circuit_matter() -> None:
    torch.manual_seed(0)
    network = AbcRlNetwork(ACTIONS, HORIZON, SMALL.network)
    circuits = network.embed([network.graphs.arrays(GRAPHS[name]) for name in ("a", "b")])
    logits, _ = network(circuits[[0, 0, 1]], [(0, 1), (1, 0), (0, 1)])
    assert not torch.allclose(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2])


def test_the_learner_comes_to_the_visits_it_is_shown() -> None:
    torch.manual_seed(0)
    learner = Learner(AbcRlNetwork(ACTIONS, HORIZON, SMALL.network), SMALL)
    shares = np.array([0.7, 0.2, 0.1], dtype=np.float32)
    learner.remember([Sample("a", (), shares, 0.5)], GRAPHS["a"])
    learner.remember([Sample("b", (), shares[::-1].copy(), -0.5)], GRAPHS["b"])
    generator = np.random.default_rng(0)
    losses = [learner.learn(generator) for _ in range(30)]
    assert losses[-1].policy < losses[0].policy
    assert losses[-1].value < 0.05
    guide = NetworkGuide(learner.network)
    for name, expected in (("a", shares), ("b", shares[::-1])):
        guide.start(start(name).problem)
        prior, value = guide.evaluate(start(name).problem)
        np.testing.assert_allclose(prior, expected, atol=0.15)
        assert value == pytest.approx(0.5 if name == "a" else -0.5, abs=0.3)


def test_training_makes_the_policy_better_than_chance(trained: AbcRlTraining) -> None:
    def first_recipe(agent: AbcRlAgent, name: str) -> float:
        return np.mean([agent.plan(start(name), 1, seed).score for seed in range(20)])

    known = trained.agent.with_alpha(1.0)
    unknown = trained.agent.with_alpha(0.0)
    better = [first_recipe(known, name) - first_recipe(unknown, name) for name in INSTANCES]
    assert np.mean(better) > 0.15
    assert trained.records[-1]["policy_loss"] < trained.records[0]["policy_loss"]
    assert trained.evaluations == trained.records[-1]["evaluations"] <= 360


def test_the_nearest_circuit_is_the_one_most_alike(trained: AbcRlTraining) -> None:
    agent = trained.agent
    assert isinstance(agent, Planner)
    for name in INSTANCES:
        neighbour = agent.nearest(GRAPHS[name])
        assert neighbour.name == name
        assert neighbour.distance == pytest.approx(0.0, abs=1e-6)
    similar = agent.nearest(GRAPHS["large-a"])
    assert similar.name == "a"
    strange = chain_graph(400, num_inputs=200, inverted=2)
    assert agent.nearest(strange).distance > similar.distance
    assert agent.trust_in(GRAPHS["a"]) > agent.trust_in(GRAPHS["large-a"])
    assert agent.trust_in(GRAPHS["large-a"]) > agent.trust_in(strange)


def test_published_distances_give_published_exponents() -> None:
    published = RetrievalSettings(calibrate=False)
    # Distances in the released scripts: div and sqrt, bar and others, mem_ctrl, router.
    for distance, alpha in ((0.001, 0.646), (0.002, 0.622), (0.008, 0.475), (0.125, 7.5e-6)):
        assert trust(distance, published) == pytest.approx(alpha, rel=2e-2)
    assert trust(0.0, published) < 1.0
    assert trust(2.0, RetrievalSettings(temperature=1e6)) == 0.0


def test_calibration_keeps_the_product_of_temperature_and_threshold() -> None:
    embeddings = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    settings = Neighbours(["a", "b", "c"], embeddings).calibrated(RetrievalSettings())
    nearest = sorted(1 - np.cos(np.arctan2(0.1, 1.0) * np.array([1, 1])))
    assert settings.threshold == pytest.approx(nearest[0])
    assert settings.threshold * settings.temperature == pytest.approx(0.7)
    one = Neighbours(["a"], embeddings[:1])
    assert one.calibrated(RetrievalSettings()) == RetrievalSettings()


@settings(deadline=None)
@given(
    logits=st.lists(st.floats(-50, 50), min_size=2, max_size=8),
    alpha=st.floats(0.0, 1.0),
)
def test_flattening_keeps_the_order_and_ends_in_the_policy_or_the_uniform_one(
    logits: list[float], alpha: float
) -> None:
    values = np.array(logits)
    prior = flatten(values, alpha)
    assert prior.sum() == pytest.approx(1.0)
    assert (np.diff(prior[np.argsort(values, kind="stable")]) >= -1e-12).all()
    np.testing.assert_allclose(flatten(values, 0.0), 1.0 / len(values))
    softmax = np.exp(values - values.max())
    np.testing.assert_allclose(flatten(values, 1.0), softmax / softmax.sum(), atol=1e-12)
    raw = flatten(values, 0.0, renormalise=False)
    np.testing.assert_allclose(raw, 1.0)


def test_alpha_0_is_the_search_without_an_agent(trained: AbcRlTraining) -> None:
    agent = trained.agent.with_alpha(0.0)
    planner = TreeSearch(SMALL.search)
    for seed in range(3):
        log = agent.plan(start("c"), 15, seed)
        # The same stream of random numbers as the agent's search.
        plain = planner.plan(start("c"), 15, [seed, 0])  # type: ignore[arg-type]
        assert log == plain


def test_alpha_1_trusts_the_network_as_it_is(trained: AbcRlTraining) -> None:
    agent = trained.agent.with_alpha(1.0)
    guide = NetworkGuide(agent.network)
    for seed in range(3):
        generator_seed: object = [seed, 0]
        expected = TreeSearch(SMALL.search, guide).plan(start("b"), 15, generator_seed)  # type: ignore[arg-type]
        assert agent.plan(start("b"), 15, seed) == expected


def test_the_state_blind_agent_treats_all_circuits_alike() -> None:
    blind = dataclasses.replace(SMALL.network, sees_circuit=False)
    agent = train(72, settings=dataclasses.replace(SMALL, network=blind)).agent
    guide = NetworkGuide(agent.network)
    priors = []
    for name in INSTANCES:
        guide.start(start(name).problem)
        priors.append(guide.evaluate(start(name).problem)[0])
    np.testing.assert_array_equal(priors[0], priors[1])
    np.testing.assert_array_equal(priors[0], priors[2])


def test_fine_tuning_stays_within_the_budget_and_leaves_the_agent_alone(
    trained: AbcRlTraining,
) -> None:
    before = embedding_of(trained.agent.network, GRAPHS["c"])
    agent = trained.agent.with_fine_tuning(0.5)
    first, again = (agent.plan(start("c"), 30, 4) for _ in range(2))
    assert first == again
    assert first.evaluations <= 30
    np.testing.assert_array_equal(embedding_of(trained.agent.network, GRAPHS["c"]), before)


def test_a_saved_agent_plans_the_same(trained: AbcRlTraining, tmp_path: Path) -> None:
    path = tmp_path / "agent.npz"
    trained.agent.save(path)
    loaded = load_abc_rl(path)
    assert loaded.settings == trained.agent.settings
    for name in INSTANCES:
        assert loaded.trust_in(GRAPHS[name]) == trained.agent.trust_in(GRAPHS[name])
        assert loaded.plan(start(name), 10, 1) == trained.agent.plan(start(name), 10, 1)
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_damaged_agents_are_refused(trained: AbcRlTraining, tmp_path: Path) -> None:
    path = tmp_path / "agent.npz"
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_abc_rl(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_abc_rl(path)
    trained.agent.save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(FileFormatError):
        load_abc_rl(path)


def test_interrupted_training_gives_the_same_agent(tmp_path: Path) -> None:
    whole = train(144)
    checkpoint = tmp_path / "training.npz"
    part = train(144, checkpoint=checkpoint, callback=lambda record: record["iteration"] < 2)
    assert part.evaluations < whole.evaluations
    resumed = train(144, checkpoint=checkpoint)
    assert resumed.records == whole.records
    for name in INSTANCES:
        np.testing.assert_array_equal(
            embedding_of(resumed.agent.network, GRAPHS[name]),
            embedding_of(whole.agent.network, GRAPHS[name]),
        )
    finished = train(144, checkpoint=checkpoint)
    assert finished.evaluations == whole.evaluations
    with pytest.raises(FileFormatError, match="other arguments"):
        train(144, seed=1, checkpoint=checkpoint)


def test_seeds_differ_and_repeat() -> None:
    first, again, other = train(72, 0), train(72, 0), train(72, 1)
    assert first.records == again.records
    assert first.records != other.records


def test_bad_arguments_are_refused(trained: AbcRlTraining) -> None:
    with pytest.raises(InvalidValueError, match="instances"):
        train_abc_rl(ToySimulation, [], 10, 0, SMALL)
    with pytest.raises(InvalidValueError, match="budget"):
        train(0)
    with pytest.raises(InvalidValueError, match="alpha"):
        trained.agent.with_alpha(1.5)
    with pytest.raises(InvalidValueError, match="recipe_heads"):
        NetworkSettings(recipe_width=8, recipe_heads=3)
    longer = start("a")
    problem = dataclasses.replace(longer.problem, num_steps=HORIZON + 1)
    with pytest.raises(InvalidValueError, match="num_steps"):
        NetworkGuide(trained.agent.network).start(problem)
    problem = dataclasses.replace(longer.problem, commands=("balance",))
    with pytest.raises(InvalidValueError, match="commands"):
        NetworkGuide(trained.agent.network).start(problem)


def test_divergence_is_reported() -> None:
    wild = dataclasses.replace(SMALL.learning, learning_rate=1e30, weight_decay=1.0)
    with pytest.raises(SimulationError, match="diverged"):
        train(360, settings=dataclasses.replace(SMALL, learning=wild))


def test_zero_embeddings_resemble_nothing() -> None:
    assert cosine_distances(np.zeros(2), np.eye(2)).tolist() == [1.0, 1.0]
    assert math.isclose(cosine_distances(np.array([1.0, 0.0]), np.array([[-1.0, 0.0]]))[0], 2.0)


@pytest.mark.parametrize("entry", [None, "published"])
def test_the_stored_entries_are_settings(entry: str | None) -> None:
    settings = default_settings(AbcRlSettings, "abc_rl", entry)
    assert make_settings(AbcRlSettings, plain_settings(settings)) == settings
    assert settings.retrieval.calibrate == (entry is None)


def test_a_log_of_nothing_has_no_recipe() -> None:
    log = RecipeLog(start("a"))
    assert log.actions == ()
    assert log.score == -math.inf
