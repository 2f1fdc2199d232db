"""Learned schedulers: interrupted trainings, several steps an update, ablations, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scheduler_toys import FORMS, MAPPING, ORDERING, SMALL, build, factory, scores, views

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.torch_tools import save_weights
from chipgym.agents.papers.scheduling.names import ALGORITHMS, check_hyperparameters
from chipgym.agents.papers.scheduling.policy import load_scheduler
from chipgym.agents.papers.scheduling.steps import Adam, stream_seeds
from chipgym.agents.papers.scheduling.training import train_scheduler
from chipgym.agents.papers.socrates.settings import MatchingSettings
from chipgym.simulators.core.errors import FileFormatError

ENTRIES = {
    "deepsocs": ("no-graph", "no-real-time"),
    "socrates": ("no-mask", "no-real-time", "no-estimates", "from-scratch"),
    "scarl": ("no-mask", "no-real-time", "from-scratch"),
}


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def train(algorithm: str, seed: int = 5, **changes: Any) -> Any:
    values = dict(SMALL[algorithm])
    steps = {"minibatch": 32, "learning_rate_end": 1e-4, "gap_start": 3.0}
    if "learning" in values:
        values["learning"] = {**values["learning"], **steps}
    else:
        values |= steps
    make = factory(FORMS[algorithm], num_jobs=2)
    return train_scheduler(algorithm, make, 320, seed, values, record_every=80, **changes)


def weights_of(result: Any) -> dict[str, Any]:
    return save_weights(result.policy.agent.network, "")


def test_interrupted_training_ends_with_the_same_weights(algorithm: str, tmp_path: Path) -> None:
    whole = train(algorithm)
    path = tmp_path / "training.safetensors"
    stops = iter([True, False])
    part = train(algorithm, checkpoint=path, callback=lambda record: next(stops))
    assert part.steps < whole.steps
    resumed = train(algorithm, checkpoint=path)
    assert resumed.curve == whole.curve
    assert (resumed.steps, resumed.evaluations) == (whole.steps, whole.evaluations)
    expected = weights_of(whole)
    assert any(not np.array_equal(expected[k], a) for k, a in weights_of(part).items())
    for key, array in weights_of(resumed).items():
        np.testing.assert_array_equal(array, expected[key])


def test_a_killed_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    seen = []

    def die(record: dict[str, float]) -> None:
        seen.append(record["steps"])
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("scarl", checkpoint=path, checkpoint_every=1, callback=die)
    resumed = train("scarl", checkpoint=path, callback=lambda record: seen.append(record["steps"]))
    assert seen == [80.0, 160.0, 240.0, 240.0, 320.0]
    for key, array in weights_of(train("scarl")).items():
        np.testing.assert_array_equal(array, weights_of(resumed)[key])


def test_checkpoints_of_other_trainings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    train("scarl", checkpoint=path)
    with pytest.raises(FileFormatError, match="other arguments"):
        train("scarl", seed=6, checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileFormatError, match="cannot be read"):
        train("scarl", checkpoint=path)


def test_a_policy_is_one_file_or_a_folder(algorithm: str, tmp_path: Path) -> None:
    policy = train(algorithm).policy
    policy.save(tmp_path / "agent.safetensors")
    policy.save(tmp_path / "agent")
    assert sorted(p.name for p in (tmp_path / "agent").iterdir()) == [
        "policy.json",
        "weights.safetensors",
    ]
    problems = views(FORMS[algorithm], 20)
    for place in ("agent.safetensors", "agent"):
        loaded = load_scheduler(tmp_path / place)
        assert loaded.name == policy.name
        assert torch.equal(scores(loaded.agent, problems), scores(policy.agent, problems))


def test_each_decision_is_learnt_from_once() -> None:
    network = torch.nn.Linear(1, 1)
    settings = MatchingSettings(minibatch=4, learning_rate=1.0, learning_rate_end=0.0)
    steps = Adam(network, settings)
    seen: list[list[int]] = []

    def loss_of(rows: Any) -> torch.Tensor:
        seen.append(rows.tolist())
        return network(torch.ones(len(rows), 1)).sum()

    steps.take(loss_of, 10, 3, 0.0)
    assert sorted(map(len, seen)) == [3, 3, 4]
    assert sorted(row for rows in seen for row in rows) == list(range(10))
    before = network.weight.detach().clone()
    steps.take(loss_of, 10, 3, 1.0)
    assert seen[:3] == seen[3:]
    assert torch.equal(network.weight, before)  # the step size has come down to 0


def test_neighbours_share_streams() -> None:
    seeds = stream_seeds(0, 1, 6, 2)
    assert seeds[0] == seeds[1] != seeds[2] == seeds[3] != seeds[4] == seeds[5]
    assert len(set(stream_seeds(0, 1, 6, 1))) == 6


def test_ablations_are_settings(algorithm: str) -> None:
    default = load_hyperparameters(algorithm).values
    for entry in ENTRIES[algorithm]:
        values = load_hyperparameters(algorithm, entry=entry).values
        check_hyperparameters(algorithm, values)
        assert values != default
        assert set(values) <= set(default)


@pytest.mark.parametrize(("name", "form"), [("socrates", MAPPING), ("scarl", MAPPING)])
def test_features_of_the_moment_can_be_left_out(name: str, form: str) -> None:
    problem = views(form, 30)[-1]
    agents = [build(name, problem, estimates=True, real_time=value) for value in (True, False)]
    seen, blind = (agent.observe(problem) for agent in agents)
    for field in ("state",) if name == "socrates" else ("tasks", "pes"):
        full, less = getattr(seen, field), getattr(blind, field)
        assert full.shape == less.shape
        assert ((less == full) | (less == 0.0)).all()
        assert (less != full).any()


@pytest.mark.parametrize("name", ["socrates", "scarl"])
def test_a_prior_draws_to_early_finishes(name: str) -> None:
    problems = views(MAPPING, 40, "six-app-mid")
    agent = build(name, problems[0], estimates=True, finish_prior=50.0)
    best = [problem.estimated_finish_us[0].argmin() for problem in problems]
    chosen = scores(agent, problems).argmax(dim=1).numpy()
    finish = [problem.estimated_finish_us[0] for problem in problems]
    assert all(f[c] <= f[b] * 1.05 + 1 for f, c, b in zip(finish, chosen, best, strict=True))


def test_deepsocs_without_graph_sees_its_tasks_alone() -> None:
    values = load_hyperparameters("deepsocs", entry="no-graph").values
    agent = build("deepsocs", None, **{k: values[k] for k in ("depth", "summaries")})
    problem = views(ORDERING, 30)[-1]
    decision = agent.observe(problem)
    before = agent.evaluate([decision])[0]
    others = np.setdiff1d(np.arange(len(decision.graph.features)), decision.graph.candidates)
    decision.graph.features[others] = 9.0
    torch.testing.assert_close(agent.evaluate([decision])[0], before)
