"""Late binding and the planner: legal, repeatable, better than ETF, blind to jobs to come."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chipgym.agents.core.registry import make_policy
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError
from chipgym.simulators.soc.workload import Workload

ID = "chipgym/SocScheduling-v0"


def play(name: str, scenario: str, instance: int, **kwargs) -> tuple[list[int], float]:
    """Return the actions of a test instance, and the latency as a multiple of ETF's."""
    env = gym.make(ID, scenario=scenario, split="test", **kwargs).unwrapped
    observation, info = env.reset(options={"instance": instance})
    policy = make_policy(name)
    policy.reset(1, 0)
    total, done = 0.0, False
    while not done:
        mask = info["action_mask"]
        action = policy.act(observation[None], mask[None], [env.problem])[0]
        assert mask[action]
        observation, reward, terminated, truncated, info = env.step(action)
        total -= reward
        done = terminated or truncated
    return env.actions, total


@pytest.mark.parametrize("name", ["late-binding", "rollout-planner"])
@pytest.mark.parametrize("scenario", ["toy", "canonical", "shared-memory", "noise-30"])
def test_every_kind_of_scenario_is_played_to_its_end(name: str, scenario: str):
    kwargs = {} if scenario == "toy" else {"num_jobs": 3}
    actions, _ = play(name, scenario, 1, **kwargs)
    assert actions == play(name, scenario, 1, **kwargs)[0]


def test_failing_pes_are_survived():
    play("late-binding", "pe-failure", 0)


def test_the_planner_finds_the_toys_optimum():
    _, ratio = play("rollout-planner", "toy", 0)
    assert ratio == pytest.approx(3 / 4)


@pytest.mark.parametrize("name", ["late-binding", "rollout-planner"])
def test_less_latency_than_etf_where_jobs_compete(name: str):
    ratios = [play(name, "six-app-high", instance)[1] for instance in range(3)]
    assert np.mean(ratios) < 1


def test_decisions_do_not_depend_on_jobs_to_come():
    taken = []
    for apps, gaps in (
        ([0, 1, 2, 0], [5, 5, 1000, 0]),
        ([0, 1, 2, 5], [5, 5, 400, 0]),
    ):
        env = gym.make(ID, num_jobs=4).unwrapped
        env.reset(options={"workload": Workload(np.array(apps), np.array(gaps, float))})
        policy = make_policy("rollout-planner")
        taken.append([])
        while len(taken[-1]) < 40:
            assert env.problem.time_us < 400
            action = int(policy.act(np.zeros((1, 1)), None, [env.problem])[0])
            taken[-1].append(action)
            env.step(action)
    assert taken[0] == taken[1]


def test_one_planner_serves_several_environments_as_if_each_were_alone():
    env = gym.make_vec(ID, num_envs=3, vectorization_mode="vector_entry_point", num_jobs=4)
    together = make_policy("rollout-planner")
    alone = [make_policy("rollout-planner") for _ in range(3)]
    env.reset(seed=5)
    together.reset(3, 0)
    for _ in range(20):
        views = env.unwrapped.problems
        actions = together.act(np.zeros((3, 1)), None, views)
        one_by_one = [alone[i].act(np.zeros((1, 1)), None, [views[i]])[0] for i in range(3)]
        assert actions.tolist() == one_by_one
        env.step(actions)


def test_a_form_that_answers_no_questions_is_refused():
    with pytest.raises(InvalidValueError, match="lookahead"):
        make_policy("rollout-planner").act(np.zeros((1, 1)), None, None)
    with pytest.raises(ChipGymError):
        make_policy("rollout-planner", deviations=-1)
