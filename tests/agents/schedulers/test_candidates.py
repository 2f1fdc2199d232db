"""Candidates of a decision: legal, few, and those of the rules they are named after."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chipgym.agents.schedulers.candidates import (
    FIRST,
    NUM_FEATURES,
    NUM_SYSTEM,
    RULES,
    START,
    candidates,
    concatenate,
    rule_choices,
)
from chipgym.agents.schedulers.late_binding import LateBinding
from chipgym.agents.schedulers.learned import actions_of
from chipgym.simulators.core.errors import InvalidValueError


def envs_of(scenario: str, rows: int = 4):
    envs = gym.make_vec(
        "chipgym/SocScheduling-v0",
        num_envs=rows,
        vectorization_mode="vector_entry_point",
        scenario=scenario,
        num_jobs=6,
    )
    return envs, envs.unwrapped.observation_layout["pairs"].shape[:2]


def play_rule(scenario: str, rule: int, rows: int = 8) -> np.ndarray:
    """Returns of a rule's episodes."""
    envs, shape = envs_of(scenario, rows)
    observations, _ = envs.reset(seed=5)
    alive, returns = np.ones(rows, dtype=bool), np.zeros(rows)
    while alive.any():
        masks = envs.unwrapped.action_masks()
        decisions = candidates(observations, masks, *shape)
        actions = actions_of(decisions, rule_choices(decisions, rule), masks, *shape)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns[alive] += rewards[alive]
        alive &= ~(terminated | truncated)
    envs.close()
    return returns


@pytest.mark.parametrize("scenario", ["six-app-high", "canonical", "pe-failure", "noise-50"])
def test_candidates_are_legal_and_described_by_the_observation(scenario):
    envs, shape = envs_of(scenario)
    slots, pes = shape
    layout = envs.unwrapped.observation_layout
    observations, _ = envs.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(60):
        masks = envs.unwrapped.action_masks()
        found = candidates(observations, masks, slots, pes)
        assert found.system.shape == (len(masks), NUM_SYSTEM)
        assert found.features.shape == (found.counts.sum(), NUM_FEATURES)
        assert (found.choices >= 1).all()
        assert (found.may_wait == masks[:, slots * pes]).all()
        rows = np.repeat(np.arange(len(masks)), found.counts)
        assert masks[rows, found.slots * pes + found.pes].all()
        pairs = observations[:, layout["pairs"].slice].reshape(-1, slots, pes, 6)
        assert (found.features[:, :6] == pairs[rows, found.slots, found.pes]).all()
        assert (found.features[:, START:FIRST].sum(axis=1) + found.features[:, FIRST] > 0).all()
        chosen = rng.integers(found.choices)
        observations, *_ = envs.step(actions_of(found, chosen, masks, slots, pes))
    envs.close()


def test_the_rule_of_the_shortest_job_is_late_binding():
    envs, shape = envs_of("six-app-mid", 2)
    observations, _ = envs.reset(seed=3)
    policy = LateBinding()
    same = []
    for _ in range(200):
        masks = envs.unwrapped.action_masks()
        expected = policy.act(observations, masks, envs.unwrapped.problems)
        found = candidates(observations, masks, *shape)
        actual = actions_of(found, rule_choices(found, 0), masks, *shape)
        same += (expected == actual).tolist()
        observations, *_ = envs.step(expected)
    envs.close()
    # Not all: the observation rounds times, and late binding sees how far a PE's queue reaches.
    assert np.mean(same) > 0.9


def test_the_rule_of_earliest_finish_is_etf():
    # Rewards are in units of what ETF needs.
    returns = play_rule("canonical", RULES.index("earliest-finish"))
    assert returns == pytest.approx(-1.0, abs=0.02)


def test_the_shortest_job_first_beats_etf_where_jobs_compete():
    assert play_rule("six-app-high", 0).mean() > -0.95


def test_parts_of_decisions_join_to_the_whole():
    envs, shape = envs_of("wifi-mix")
    observations, _ = envs.reset(seed=2)
    found = candidates(observations, envs.unwrapped.action_masks(), *shape)
    order = np.arange(len(found.counts))
    joined = concatenate([found.take(order[:1]), found.take(order[1:])])
    for one, other in zip(found, joined, strict=True):
        assert (one == other).all()
    backwards = found.take(order[::-1]).take(order[::-1])
    assert (backwards.features == found.features).all()
    envs.close()


def test_observations_of_another_shape_are_refused():
    with pytest.raises(InvalidValueError, match="observations"):
        candidates(np.zeros((1, 10), np.float32), np.ones((1, 7), bool), 2, 3)
