"""The PettingZoo form: clusters claim tasks, conflicts are settled, everything else is shared."""

from __future__ import annotations

import numpy as np
import pettingzoo
import pytest

from chipgym.envs import soc_scheduling_v0
from chipgym.simulators.core.errors import InvalidValueError


def claims_and_passes(env, infos):
    """For each agent its legal claims, and its pass."""
    passing = dict.fromkeys(env.agents, env._slots * env._width)
    return {
        agent: np.flatnonzero(infos[agent]["action_mask"][: passing[agent]]) for agent in env.agents
    }, passing


def test_a_contested_task_goes_where_it_finishes_first():
    env = soc_scheduling_v0.parallel_env(scenario="toy")
    env.reset(seed=0)
    # Both clusters claim task a: A.0 needs 2 µs, B.0 needs 3.
    _, rewards, *_ = env.step({"cluster_0": 0, "cluster_1": 0})
    assert set(rewards.values()) == {0.0}
    env.step({"cluster_0": 2, "cluster_1": 0})  # A passes, B takes b
    schedule = env.schedule()
    assert dict(zip(schedule["task"], schedule["pe"], strict=True)) == {0: 0, 1: 1}


def test_claims_for_different_tasks_are_all_carried_out():
    env = soc_scheduling_v0.parallel_env(scenario="toy")
    env.reset(seed=0)
    _, rewards, terminations, _, infos = env.step({"cluster_0": 1, "cluster_1": 0})
    assert all(terminations.values())
    assert env.agents == []
    assert infos["cluster_0"]["metrics"]["makespan_us"] == 3
    assert rewards["cluster_0"] == rewards["cluster_1"] == pytest.approx(-0.75)


def test_passing_is_masked_where_something_must_be_assigned():
    env = soc_scheduling_v0.parallel_env(scenario="toy")
    observations, infos = env.reset(seed=0)
    for agent in env.agents:
        assert infos[agent]["action_mask"].tolist() == [1, 1, 0]
        assert observations[agent]["action_mask"].tolist() == [1, 1, 0]
    with pytest.raises(InvalidValueError, match="cluster_1"):
        env.step({"cluster_0": 0, "cluster_1": 2})
    with pytest.raises(InvalidValueError, match="one for each"):
        env.step({"cluster_0": 0})


def test_if_all_pass_everybody_waits():
    env = soc_scheduling_v0.parallel_env(scenario="six-app-mid")
    _, infos = env.reset(seed=3)
    claims, passing = claims_and_passes(env, infos)
    assert any(len(c) for c in claims.values())
    before = env._env.problem
    env.step(passing)
    after = env._env.problem
    assert after.time_us > before.time_us
    assert after.num_ready >= before.num_ready


def test_agents_see_their_own_cluster():
    env = soc_scheduling_v0.parallel_env(scenario="six-app-mid")
    observations, _ = env.reset(seed=0)
    full = env._env.observation_layout.split(env._env._batch.obs[0])
    for agent, own in env._own.items():
        parts = env.layout.split(observations[agent]["observation"])
        assert parts["pairs"][:, : len(own)].tolist() == full["pairs"][:, own].tolist()
        assert (parts["pairs"][:, len(own) :, -1] == 0).all()
        assert parts["globals"].tolist() == full["globals"].tolist()


def test_registered_with_pettingzoo():
    env = pettingzoo.make("aec", "chipgym/SocScheduling-v0", scenario="toy")
    env.reset(seed=0)
    for agent in env.agent_iter(50):
        observation, _, terminated, truncated, _ = env.last()
        done = terminated or truncated
        mask = None if done else observation["action_mask"]
        env.step(None if done else int(env.action_space(agent).sample(mask)))
    assert not env.agents
