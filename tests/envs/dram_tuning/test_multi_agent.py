"""The PettingZoo form: agents put a design together."""

from __future__ import annotations

import math

import numpy as np
import pettingzoo
import pytest

from chipgym.envs import dram_tuning_v0
from chipgym.envs.dram_tuning.reward import INFEASIBLE
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

BEST = math.log((24 + 7 * 34) / 8 / 24)


def play(env, designs):
    """Rewards of the first agent, and the last infos."""
    env.reset(seed=0)
    rewards = []
    for design in designs:
        actions = dict(zip(env.agents, design, strict=True))
        _, reward, terminations, _, infos = env.step(actions)
        assert len(set(reward.values())) == 1
        rewards.append(next(iter(reward.values())))
    return rewards, terminations, infos


def test_one_agent_a_knob_shares_the_improvement() -> None:
    env = dram_tuning_v0.parallel_env(scenario="toy", budget=4)
    assert env.possible_agents == ["page_policy", "scheduler", "command_mux"]
    rewards, terminations, infos = play(env, [(0, 0, 0), (1, 0, 1), (1, 0, 0), (1, 1, 1)])
    assert rewards == pytest.approx([0, 0, BEST, 0])
    assert all(terminations.values())
    assert not env.agents
    info = infos["scheduler"]
    assert info["evaluations"] == 2
    assert info["metrics"]["score"] == pytest.approx(BEST)
    assert info["best_design"] == {
        "page_policy": "Closed",
        "scheduler": "FrFcfs",
        "command_mux": "Oldest",
    }


def test_each_design_can_be_rewarded_by_itself() -> None:
    env = dram_tuning_v0.parallel_env(scenario="toy", budget=3, reward="design")
    rewards, _, _ = play(env, [(1, 0, 0), (1, 0, 1), (0, 0, 0)])
    assert rewards == pytest.approx([BEST / 3, INFEASIBLE / 3, 0])


def test_groups_cover_all_knobs_once() -> None:
    env = dram_tuning_v0.parallel_env(scenario="ddr4-bursty", agents="group", num_requests=100)
    assert env.possible_agents == ["arbiter_buffer", "scheduler_page", "refresh_power"]
    env.reset(seed=0)
    knobs = {knob.name: len(knob.values) for knob in env.problem.knobs}
    owned = [name for agent in env.possible_agents for name in env.knobs_of(agent)]
    assert sorted(owned) == sorted(knobs)
    for agent in env.possible_agents:
        lengths = [knobs[name] for name in env.knobs_of(agent)]
        assert env.action_space(agent).nvec.tolist() == lengths


def test_groups_and_knobs_make_the_same_design() -> None:
    kwargs = {"scenario": "ddr4-bursty", "num_requests": 100, "budget": 2}
    knobs = dram_tuning_v0.parallel_env(**kwargs)
    groups = dram_tuning_v0.parallel_env(agents="group", **kwargs)
    for env in (knobs, groups):
        env.reset(seed=0)
    values = {"arbiter": 1, "request_buffer_size": 5, "page_policy": 2, "power_down_policy": 1}
    own = {agent: values.get(agent, 0) for agent in knobs.agents}
    shared = {
        agent: np.array([values.get(knob, 0) for knob in groups.knobs_of(agent)])
        for agent in groups.agents
    }
    first, second = knobs.step(own)[4], groups.step(shared)[4]
    assert first["arbiter"]["design"] == second["refresh_power"]["design"]
    assert first["arbiter"]["design_key"] == second["refresh_power"]["design_key"]


def test_the_state_is_what_all_see() -> None:
    env = dram_tuning_v0.parallel_env(scenario="toy", budget=2)
    observations, _ = env.reset(seed=0)
    for observation in observations.values():
        assert observation.tolist() == env.state().tolist()
    assert env.state_space.contains(env.state())
    observations, *_ = env.step({"page_policy": 1, "scheduler": 0, "command_mux": 1})
    seen = env.observation_layout.split(observations["scheduler"])
    assert seen["scores"].tolist() == [INFEASIBLE, 0, 0]
    assert seen["results"].tolist() == [1] * len(seen["results"])
    assert seen["budget"].tolist() == [1, 0.5]


def test_wrong_actions_change_nothing() -> None:
    env = dram_tuning_v0.parallel_env(scenario="toy", budget=2)
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="one for each"):
        env.step({"page_policy": 1})
    with pytest.raises(InvalidValueError, match=r"actions\[scheduler\] = 2"):
        env.step({"page_policy": 1, "scheduler": 2, "command_mux": 0})
    assert env.problem.budget_left == 2
    assert env.agents == env.possible_agents


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'group'"):
        dram_tuning_v0.parallel_env(agents="groups")
    with pytest.raises(UnknownNameError, match="did you mean 'improvement'"):
        dram_tuning_v0.parallel_env(reward="improvements")


def test_registered_with_pettingzoo() -> None:
    env = pettingzoo.make("aec", "chipgym/DramTuning-v0", scenario="toy", budget=2)
    env.reset(seed=0)
    turns = 0
    for agent in env.agent_iter(50):
        *_, terminated, truncated, _ = env.last()
        env.step(None if terminated or truncated else int(env.action_space(agent).sample()))
        turns += 1
    assert turns == 2 * 3 + 3
    assert not env.agents
