"""DeepSoCS, SoCRATES and SCARL: what they see, how they are credited, training and saving."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scheduler_toys import (
    FORMS,
    MAPPING,
    ORDERING,
    build,
    factory,
    scalar,
    scores,
    views,
)

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.settings import make_settings
from chipgym.agents.papers.decima.graphs import TaskGraph, join_graphs
from chipgym.agents.papers.decima.network import TaskScorer
from chipgym.agents.papers.scheduling.names import (
    ALGORITHMS,
    find_trainer,
)
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.agents.papers.socrates.agent import SocratesAgent, SocratesSizes
from chipgym.agents.papers.socrates.mapping import next_valid
from chipgym.agents.papers.socrates.settings import SocratesSettings
from chipgym.simulators.core.errors import InvalidValueError


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# What the networks see


def graph(seed: int, nodes: int = 7) -> TaskGraph:
    rng = np.random.default_rng(seed)
    ends = [(u, v) for u in range(nodes) for v in range(u + 1, nodes) if rng.random() < 0.4]
    source, target = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    return TaskGraph(
        features=rng.random((nodes, 5), dtype=np.float32),
        source=source,
        target=target,
        job=np.sort(rng.integers(0, 2, nodes)),
        num_jobs=2,
        candidates=np.arange(0, nodes, 2),
    )


def permuted(given: TaskGraph, order: np.ndarray) -> TaskGraph:
    """The same graph with node ``order[i]`` at place i; candidates keep their order."""
    place = np.argsort(order)
    return dataclasses.replace(
        given,
        features=given.features[order],
        source=place[given.source],
        target=place[given.target],
        job=given.job[order],
        candidates=place[given.candidates],
    )


def test_scores_do_not_depend_on_the_order_of_the_tasks() -> None:
    torch.manual_seed(0)
    network = TaskScorer(5, 8, (16, 8), 3, (16,))
    given = graph(0)
    order = np.random.default_rng(1).permutation(7)
    expected = network(join_graphs([given]))
    torch.testing.assert_close(network(join_graphs([permuted(given, order)])), expected)


def test_graphs_of_a_batch_do_not_mix() -> None:
    torch.manual_seed(0)
    network = TaskScorer(5, 8, (16, 8), 2, (16,))
    graphs = [graph(0), graph(1, 4), graph(2, 9)]
    together = network(join_graphs(graphs))
    for row, given in enumerate(graphs):
        count = len(given.candidates)
        torch.testing.assert_close(together[row, :count], network(join_graphs([given]))[0])
        assert torch.isinf(together[row, count:]).all()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_messages_come_from_as_far_as_the_depth(depth: int) -> None:
    torch.manual_seed(0)
    network = TaskScorer(1, 4, (8,), depth, (8,), summaries=False)
    chain = TaskGraph(
        features=np.zeros((4, 1), dtype=np.float32),
        source=np.arange(3),
        target=np.arange(1, 4),
        job=np.zeros(4, dtype=np.int64),
        num_jobs=1,
        candidates=np.array([0]),
    )
    plain = network(join_graphs([chain]))
    for node in range(1, 4):
        features = chain.features.copy()
        features[node] = 3.0
        changed = network(join_graphs([dataclasses.replace(chain, features=features)]))
        assert bool((changed != plain).any()) == (node <= depth)


def test_scarl_does_not_depend_on_the_numbers_of_the_pes() -> None:
    problem = views(MAPPING, 8)[-1]
    agent = build("scarl", problem)
    decision = agent.observe(problem)
    order = np.array([2, 0, 1])
    turned = dataclasses.replace(decision, pes=decision.pes[order], allowed=decision.allowed[order])
    logs, values = agent.evaluate([decision, turned])
    torch.testing.assert_close(logs[0][order], logs[1])
    torch.testing.assert_close(values[0], values[1])


def test_agents_see_each_decision_alone_and_in_a_batch_alike(algorithm: str) -> None:
    problems = views(FORMS[algorithm], 30)
    agent = build(algorithm, problems[0])
    together = scores(agent, problems)
    for row, problem in enumerate(problems):
        alone = scores(agent, [problem])[0]
        torch.testing.assert_close(together[row, : len(alone)], alone, rtol=1e-4, atol=1e-5)
        assert float(alone.exp().sum()) == pytest.approx(1.0, abs=1e-5)


def test_the_state_of_socrates_has_its_published_size() -> None:
    problems = views(MAPPING, 60)
    settings = make_settings(
        SocratesSettings, load_hyperparameters("socrates", entry="published").values
    )
    agent = SocratesAgent(SocratesSizes.of(problems[0], settings), settings, 0)
    states = [agent.observe(problem).state for problem in problems]
    assert {len(state) for state in states} == {247}
    assert sum(weight.numel() for weight in agent.network.parameters()) == (
        247 * 512 + 512 + 512 * 256 + 256 + 256 * 91 + 91
    )
    rows = np.stack(states)[:, 7:].reshape(len(states), 30, 8)
    assert (rows[:, :, 5:].sum(axis=2) <= 1).all()
    for problem, state in zip(problems, rows, strict=True):
        jobs = problem.jobs
        assert state[:, :3].sum() == (jobs.pe >= 0).sum()
        assert state[:, 6].sum() == problem.pe_busy.sum()
        assert state[:, 7].sum() == (jobs.state == 0).sum()


def test_the_job_of_the_task_to_be_placed_is_always_shown() -> None:
    problems = views(MAPPING, 120, "six-app-high")
    agent = build("socrates", problems[0], max_jobs=2)
    late = [p for p in problems if p.jobs.task_job[p.jobs.ready_node[0]] >= 2]
    assert late
    for problem in late:
        decision = agent.observe(problem)
        size = problem.jobs.max_tasks
        assert decision.row == size + problem.ready_task[0]
        width = problem.num_pes + 5
        rows = decision.state[5 : 5 + 2 * size * width].reshape(2 * size, width)
        assert rows[decision.row, problem.num_pes + 2] == 1.0  # it is ready


@pytest.mark.parametrize("published", [False, True])
def test_deepsocs_sees_as_many_features_as_it_says(published: bool) -> None:
    features = "published" if published else "full"
    for problem in views(ORDERING, 60, "six-app-mid"):
        agent = build("deepsocs", problem, features=features)
        decision = agent.observe(problem)
        assert decision.graph.features.shape[1] == (6 if published else 17)
        assert np.isfinite(decision.graph.features).all()
        assert len(decision.graph.features) == (problem.jobs.state != 4).sum()
        assert decision.actions.tolist() == list(range(problem.num_ready))


def test_features_of_the_moment_can_be_left_out() -> None:
    problem = views(ORDERING, 30)[-1]
    seen = build("deepsocs", problem).observe(problem).graph.features
    blind = build("deepsocs", problem, real_time=False).observe(problem).graph.features
    assert np.array_equal(seen[:, :12], blind[:, :12])
    assert (blind[:, 12:] == 0).all()
    assert (seen[:, 12:] != 0).any()


# Masks


def test_pes_that_cannot_execute_a_task_are_never_drawn() -> None:
    problems = views(MAPPING, 80, "six-app-mid")
    for name in ("socrates", "scarl"):
        logs = scores(build(name, problems[0], masked=True), problems)
        valid = np.stack([np.isfinite(problem.exec_us[0]) for problem in problems])
        assert not valid.all()
        assert np.array_equal(torch.isfinite(logs).numpy(), valid)
        agent = build(name, problems[0], masked=False)
        assert torch.isfinite(scores(agent, problems)).all()
        for problem, usable in zip(problems, valid, strict=True):
            actions = agent.observe(problem).actions
            assert usable[actions].all()
            assert np.array_equal(actions[usable], np.flatnonzero(usable))


def test_an_invalid_choice_stands_for_the_next_valid_one() -> None:
    valid = np.array([False, True, False, False, True, False])
    assert next_valid(valid).tolist() == [1, 1, 4, 4, 4, 1]


@pytest.mark.parametrize(("name", "env_id"), [("deepsocs", MAPPING), ("scarl", ORDERING)])
def test_forms_that_do_not_fit_are_refused(name: str, env_id: str) -> None:
    with pytest.raises(InvalidValueError, match="form in which"):
        find_trainer(name)(factory(env_id), 10, 0)


def test_socrates_refuses_sizes_it_was_not_trained_for() -> None:
    agent = build("socrates", views(MAPPING, 1)[0])
    other = views(MAPPING, 1, "six-app-mid")
    policy = SchedulingPolicy(agent)
    with pytest.raises(InvalidValueError, match="num_pes"):
        policy.act(np.zeros((1, 1)), None, other)


@pytest.mark.parametrize("name", ["deepsocs", "scarl"])
def test_an_agent_acts_on_platforms_it_was_not_trained_for(name: str) -> None:
    policy = SchedulingPolicy(build(name, None), deterministic=False)
    for scenario in ("six-app-mid", "random-dags", "pe-failure"):
        env = scalar("chipgym/SocScheduling-v0", scenario, num_jobs=4)
        env.reset(seed=0)
        policy.reset(1, 0)
        done = False
        while not done:
            action = policy.act(np.zeros((1, 1)), None, [env.problem])[0]
            _, _, terminated, truncated, _ = env.step(action)
            done = terminated or truncated


# Gradients


def test_gradients_reach_every_part(algorithm: str) -> None:
    problems = views(FORMS[algorithm], 30)
    agent = build(algorithm, problems[0])
    logs, values = agent.evaluate([agent.observe(problem) for problem in problems])
    loss = logs.masked_fill(torch.isinf(logs), 0.0).pow(2).sum()
    if values is not None:
        loss = loss + values.pow(2).sum()
    loss.backward()
    for name, weights in agent.network.named_parameters():
        assert weights.grad is not None, name
        assert bool(torch.isfinite(weights.grad).all()), name
        assert float(weights.grad.abs().sum()) > 0.0, name
