"""Offline learners on data whose best policy is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from chipgym.agents.core.policy import Policy
from chipgym.agents.offline.data import Transitions, option_counts
from chipgym.agents.offline.losses import conservative_loss
from chipgym.agents.offline.names import check_hyperparameters
from chipgym.agents.offline.network import new_network
from chipgym.agents.offline.policy import load_offline_policy
from chipgym.agents.offline.train import train_offline
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)

BOX = spaces.Box(-1.0, 1.0, (4,), np.float32)
SMALL = {"hidden": [32], "batch_size": 64, "learning_rate": 5e-3}


def recorded(space: Any, actions: np.ndarray, observations: np.ndarray, **changes: Any) -> Any:
    """Steps of episodes of five steps each."""
    count = len(actions)
    values = {
        "observation_space": BOX,
        "action_space": space,
        "observations": observations,
        "next_observations": np.roll(observations, -1, axis=0),
        "actions": actions,
        "masks": None,
        "next_masks": None,
        "rewards": np.zeros(count, dtype=np.float32),
        "terminated": np.arange(count) % 5 == 4,
        "episodes": np.arange(count) // 5,
    }
    return Transitions(**{**values, **changes})


def features(count: int = 500, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 4)).astype(np.float32)


def test_cloning_of_one_masked_choice(tmp_path: Path) -> None:
    seen = features()
    masks = np.random.default_rng(1).random((500, 4)) < 0.7
    masks[~masks.any(axis=1)] = True
    # The expert takes the allowed option with the largest feature.
    expert = np.where(masks, seen, -np.inf).argmax(axis=1)
    data = recorded(spaces.Discrete(4), expert, seen, masks=masks, next_masks=masks)
    result = train_offline("behaviour_cloning", data, 600, 0, SMALL, record_every=100)
    assert result.steps == 600
    assert result.losses[-1] < 0.5 * result.losses[0]
    policy = result.policy
    assert isinstance(policy, Policy)
    policy.reset(500, 0)
    chosen = policy.act(seen, masks, None)
    assert (chosen == expert).mean() > 0.95
    assert masks[np.arange(500), chosen].all()
    policy.save(tmp_path)
    again = load_offline_policy(tmp_path)
    assert (again.act(seen, masks, None) == chosen).all()
    assert again.name == "behaviour_cloning"
    # Where only one option is left, it is taken.
    only = np.eye(4, dtype=bool)[np.arange(500) % 4]
    assert (policy.act(seen, only, None) == np.arange(500) % 4).all()


def test_cloning_of_several_choices(tmp_path: Path) -> None:
    seen = features()
    expert = np.stack([(seen[:, 0] > 0).astype(int), seen[:, 1:].argmax(axis=1)], axis=1)
    data = recorded(spaces.MultiDiscrete([2, 3]), expert.astype(np.int64), seen)
    policy = train_offline("behaviour_cloning", data, 600, 0, SMALL).policy
    chosen = policy.act(seen, None, None)
    assert chosen.shape == (500, 2)
    assert (chosen == expert).mean() > 0.95
    policy.save(tmp_path)
    assert (load_offline_policy(tmp_path).act(seen, None, None) == chosen).all()


def test_cloning_of_real_numbers(tmp_path: Path) -> None:
    seen = features()
    low, high = np.array([[0.0, -2.0], [10.0, 2.0]], dtype=np.float32)
    space = spaces.Box(low, high, dtype=np.float32)
    expert = np.stack([5 + 4 * seen[:, 0], seen[:, 1] - seen[:, 2] / 2], axis=1)
    data = recorded(space, expert.astype(np.float32), seen)
    policy = train_offline("behaviour_cloning", data, 1500, 0, SMALL).policy
    chosen = policy.act(seen, None, None)
    assert chosen.dtype == np.float32
    assert all(space.contains(action) for action in chosen)
    assert np.abs(chosen - expert).mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.3)
    policy.save(tmp_path)
    assert (load_offline_policy(tmp_path).act(seen, None, None) == chosen).all()


def test_only_the_best_episodes_are_imitated() -> None:
    seen = features()
    actions = np.arange(500) // 5 % 2
    # Episodes of action 1 have the higher return.
    data = recorded(spaces.Discrete(2), actions, seen, rewards=actions.astype(np.float32))
    assert set(data.episodes[data.best_episodes(0.5)] % 2) == {1}
    policy = train_offline(
        "behaviour_cloning", data, 200, 0, {**SMALL, "best_fraction": 0.5}
    ).policy
    assert (policy.act(seen, None, None) == 1).all()


def test_conservative_learning_finds_the_better_of_what_was_tried() -> None:
    # One step an episode; option 0 pays the first feature, option 1 its negative; 2 was never
    # tried and 3 was never allowed.
    seen = features(1000)
    actions = np.random.default_rng(1).integers(2, size=1000)
    rewards = np.where(actions == 0, seen[:, 0], -seen[:, 0]).astype(np.float32)
    masks = np.tile([True, True, True, False], (1000, 1))
    data = recorded(
        spaces.Discrete(4),
        actions,
        seen,
        rewards=rewards,
        masks=masks,
        next_masks=np.zeros_like(masks),
        terminated=np.ones(1000, dtype=bool),
        episodes=np.arange(1000),
    )
    settings = {**SMALL, "learning_rate": 3e-3, "alpha": 0.1}
    policy = train_offline("discrete_cql", data, 1500, 0, settings).policy
    chosen = policy.act(seen, masks, None)
    clear = np.abs(seen[:, 0]) > 0.2
    assert (chosen[clear] == (seen[clear, 0] < 0)).mean() > 0.95


def test_the_conservative_loss_by_hand() -> None:
    network = new_network(BOX, spaces.Discrete(2), (), 0)
    with torch.no_grad():
        linear: Any = network.layers[0]
        linear.weight.zero_()
        linear.bias.copy_(torch.tensor([1.0, 3.0]))
    batch = {
        "observations": torch.zeros(2, 4),
        "next_observations": torch.zeros(2, 4),
        "actions": torch.tensor([[0], [1]]),
        "rewards": torch.tensor([0.5, 0.0]),
        "terminated": torch.tensor([False, True]),
        "masks": None,
        "next_masks": torch.tensor([[True, False], [True, True]]),
    }
    # Values 1 and 3; goals 0.5 + 0.9 * 1 (the better option is not allowed) and 0.
    td = (0.5 * 0.4**2 + (3.0 - 0.5)) / 2
    spread = np.log(np.exp(1) + np.exp(3)) - (1 + 3) / 2
    found = conservative_loss(network, network, batch, gamma=0.9, alpha=2.0)
    assert float(found.detach()) == pytest.approx(td + 2 * spread, rel=1e-5)


def test_the_same_seed_trains_the_same_weights() -> None:
    data = recorded(spaces.Discrete(4), features().argmax(axis=1), features())
    first, second, other = (
        train_offline("behaviour_cloning", data, 50, seed, SMALL).policy.act(features(), None, None)
        for seed in (3, 3, 4)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_progress_is_recorded() -> None:
    data = recorded(spaces.Discrete(4), features().argmax(axis=1), features())
    records: list[Any] = []
    train_offline(
        "behaviour_cloning",
        data,
        25,
        0,
        SMALL,
        callback=records.append,
        evaluate=lambda policy: {"instance-0": 1.5},
        record_every=10,
    )
    assert [record["steps"] for record in records] == [10, 20, 25]
    assert {record["evaluation/instance-0"] for record in records} == {1.5}
    assert {record["episodes"] for record in records} == {0.0}


def test_mistakes_are_named(tmp_path: Path) -> None:
    data = recorded(spaces.MultiDiscrete([2, 2]), np.zeros((10, 2), dtype=np.int64), features(10))
    with pytest.raises(InvalidValueError, match="behaviour_cloning takes any"):
        train_offline("discrete_cql", data, 1, 0)
    with pytest.raises(UnknownNameError, match="did you mean 'discrete_cql'"):
        train_offline("discret_cql", data, 1, 0)
    with pytest.raises(UnknownNameError, match="hyperparameter"):
        check_hyperparameters("behaviour_cloning", {"depth": 3})
    with pytest.raises(InvalidValueError, match="best_fraction"):
        check_hyperparameters("behaviour_cloning", {"best_fraction": 0.0})
    with pytest.raises(InvalidValueError, match="folder"):
        check_hyperparameters("discrete_cql", {"dataset": 3})
    with pytest.raises(InvalidValueError, match="Discrete, MultiDiscrete or Box"):
        option_counts(spaces.MultiBinary(3))
    (tmp_path / "policy.json").write_text("{}")
    with pytest.raises(FileFormatError, match="policy of format"):
        load_offline_policy(tmp_path)
