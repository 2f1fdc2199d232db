"""The learned scheduler: acting, training, files."""

from __future__ import annotations

from functools import partial

import gymnasium as gym
import numpy as np
import pytest

from chipgym.agents.core.registry import make_policy
from chipgym.agents.core.torch_tools import save_weights
from chipgym.agents.schedulers.candidates import RULES, candidates
from chipgym.agents.schedulers.learned import (
    LearnedScheduler,
    load_learned_scheduler,
    new_network,
)
from chipgym.agents.schedulers.settings import LearnedSchedulerSettings, check_hyperparameters
from chipgym.agents.schedulers.training import train_learned_scheduler
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)

TINY = {"hidden": 8, "clone_epochs": 2, "streams": 1, "group": 3, "epochs": 1, "batch_size": 64}


def make_envs(num_envs: int, scenario: str = "canonical"):
    return gym.make_vec(
        "chipgym/SocScheduling-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        scenario=scenario,
        num_jobs=4,
    )


FACTORIES = [make_envs, partial(make_envs, scenario="six-app-high")]


def weights_of(result):
    return save_weights(result.policy.network, "network")


def same(one, other) -> bool:
    return one.keys() == other.keys() and all((one[key] == other[key]).all() for key in one)


def decisions_of(scenario: str, rows: int):
    envs = make_envs(rows, scenario)
    observations, _ = envs.reset(seed=7)
    for _ in range(25):
        masks = envs.unwrapped.action_masks()
        observations, *_ = envs.step(
            np.array([np.flatnonzero(mask)[0] for mask in masks], dtype=np.int64)
        )
    shape = envs.unwrapped.observation_layout["pairs"].shape[:2]
    found = observations, envs.unwrapped.action_masks(), envs.unwrapped.problems, shape
    envs.close()
    return found


@pytest.mark.parametrize("scenario", ["canonical", "six-app-high"])
def test_acts_legally_and_the_same_alone_and_in_a_batch(scenario):
    observations, masks, problems, shape = decisions_of(scenario, 6)
    scheduler = LearnedScheduler(network=new_network(8, 1.0, 0))
    together = scheduler.act(observations, masks, problems)
    assert masks[np.arange(6), together].all()
    alone = [
        int(scheduler.act(observations[i : i + 1], masks[i : i + 1], problems[i : i + 1])[0])
        for i in range(6)
    ]
    assert together.tolist() == alone
    assert (
        LearnedScheduler(network=scheduler.network, num_slots=shape[0], num_pes=shape[1]).act(
            observations, masks, None
        )
        == together
    ).all()


def test_scores_do_not_depend_on_the_order_of_the_decisions():
    observations, masks, _, shape = decisions_of("six-app-high", 5)
    network = new_network(8, 1.0, 0)
    found = candidates(observations, masks, *shape)
    order = np.array([3, 0, 4, 2, 1])
    scores = network(found, *shape).detach().numpy()
    shuffled = network(found.take(order), *shape).detach().numpy()
    assert shuffled == pytest.approx(scores[order], abs=1e-4)


def test_training_repeats_and_learns_from_every_environment():
    first = train_learned_scheduler(FACTORIES, 400, 3, TINY)
    again = train_learned_scheduler(FACTORIES, 400, 3, TINY)
    other = train_learned_scheduler(FACTORIES, 400, 4, TINY)
    assert same(weights_of(first), weights_of(again))
    assert not same(weights_of(first), weights_of(other))
    assert first.steps >= 400
    assert len(first.rules) == 2
    assert set(first.rules) <= set(RULES)
    assert first.curve[-1]["steps"] == first.steps


def test_imitation_takes_over_the_best_rule():
    values = {**TINY, "clone_epochs": 60, "streams": 4, "learning_rate": 1e-9, "prior": 0.0}
    result = train_learned_scheduler(partial(make_envs, scenario="six-app-high"), 1, 0, values)
    assert result.rules == ["shortest-job"]
    envs = make_envs(12, "six-app-high")
    observations, _ = envs.reset(seed=99)
    alive, returns = np.ones(12, dtype=bool), np.zeros(12)
    while alive.any():
        actions = result.policy.act(
            observations, envs.unwrapped.action_masks(), envs.unwrapped.problems
        )
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns[alive] += rewards[alive]
        alive &= ~(terminated | truncated)
    envs.close()
    assert returns.mean() > -1.02


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    whole = train_learned_scheduler(FACTORIES, 1500, 3, TINY)
    path = tmp_path / "training.safetensors"

    def stop(record) -> bool:
        return False

    cut = train_learned_scheduler(FACTORIES, 1500, 3, TINY, stop, record_every=1, checkpoint=path)
    assert cut.steps < whole.steps
    resumed = train_learned_scheduler(FACTORIES, 1500, 3, TINY, checkpoint=path)
    assert resumed.steps == whole.steps
    assert same(weights_of(resumed), weights_of(whole))


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "training.safetensors"
    train_learned_scheduler(FACTORIES, 1, 3, TINY, checkpoint=path)
    with pytest.raises(FileFormatError, match="this training"):
        train_learned_scheduler(FACTORIES, 1, 4, TINY, checkpoint=path)


def test_saved_and_loaded(tmp_path):
    scheduler = LearnedScheduler(network=new_network(8, 1.0, 5))
    observations, masks, problems, _ = decisions_of("canonical", 4)
    expected = scheduler.act(observations, masks, problems)
    for place in (tmp_path / "one.safetensors", tmp_path / "folder"):
        scheduler.save(place)
        loaded = load_learned_scheduler(place)
        assert (loaded.act(observations, masks, problems) == expected).all()
    (tmp_path / "one.safetensors").write_bytes(b"nonsense")
    with pytest.raises(FileFormatError, match=r"one\.safetensors"):
        load_learned_scheduler(tmp_path / "one.safetensors")


def test_mistakes_are_named():
    observations, masks, *_ = decisions_of("canonical", 1)
    with pytest.raises(InvalidValueError, match="path"):
        LearnedScheduler("weights.safetensors", new_network(8, 1.0, 0))
    with pytest.raises(InvalidValueError, match="problems"):
        LearnedScheduler(network=new_network(8, 1.0, 0)).act(observations, masks, None)
    with pytest.raises(InvalidValueError, match="group"):
        LearnedSchedulerSettings(group=1)
    with pytest.raises(UnknownNameError, match="width"):
        check_hyperparameters("learned_scheduler", {"width": 3})


def test_the_shipped_weights_beat_etf_where_jobs_compete():
    policy = make_policy("learned-scheduler")
    envs = make_envs(12, "six-app-high")
    observations, _ = envs.reset(seed=4)
    alive, returns = np.ones(12, dtype=bool), np.zeros(12)
    while alive.any():
        masks, problems = envs.unwrapped.action_masks(), envs.unwrapped.problems
        observations, rewards, terminated, truncated, _ = envs.step(
            policy.act(observations, masks, problems)
        )
        returns[alive] += rewards[alive]
        alive &= ~(terminated | truncated)
    envs.close()
    # Rewards add up to minus the latency in units of ETF's.
    assert returns.mean() > -1.0
