"""Every SoC environment against the conformance suite.

The official checkers, the bounds and the golden trajectories cover every id and scenario; our own
checks cover every scenario under one id and every kind of model under the others; those that play
long or start processes run on a few contended scenarios.
"""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from cases import GOLDEN, SOC_CASES, SOC_IDS, UPDATE
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check

from chipgym.envs.core import testing
from chipgym.envs.core.wrappers import DictObservation, GraphObservation, RepairMaskedActions
from chipgym.envs.soc_scheduling.reward import OBJECTIVES
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION

SCHEDULING = "chipgym/SocScheduling-v0"
WHOLE = [(env_id, "six-app-mid") for env_id in SOC_IDS] + [
    (SCHEDULING, scenario)
    for scenario in ("noise-30", "pe-failure", "shared-memory", "dvfs-power-cap", "deadlines")
]
# The forms differ in their actions, not in the model under them: one scenario of each kind does.
KINDS = (
    "canonical",
    "deadlines",
    "dvfs-power-cap",
    "noise-30",
    "pe-failure",
    "random-dags",
    "shared-memory",
    "toy",
)
OWN_CASES = [case for case in SOC_CASES if case[0] == SCHEDULING or case[1] in KINDS]
# These take seconds or start processes: under each id once.
COSTLY = ("processes", "async", "rendering", "copies")
# These run with the same arguments on more cases below.
ELSEWHERE = ("bounds", "rewards", "reset_options")


def test_every_id_is_covered() -> None:
    assert SOC_IDS == [
        "chipgym/SocScheduling-v0",
        "chipgym/SocTaskMapping-v0",
        "chipgym/SocTaskOrdering-v0",
    ]


@pytest.mark.parametrize(
    "check", [name for name in testing.CHECKS if name not in COSTLY + ELSEWHERE]
)
@pytest.mark.parametrize(("env_id", "scenario"), WHOLE)
def test_whole_suite(env_id: str, scenario: str, check: str) -> None:
    testing.CHECKS[check](env_id, {"scenario": scenario})


@pytest.mark.parametrize("check", COSTLY)
@pytest.mark.parametrize("env_id", SOC_IDS)
def test_costly_checks(env_id: str, check: str) -> None:
    testing.CHECKS[check](env_id, {"scenario": "six-app-mid"})


@pytest.mark.parametrize(("env_id", "scenario"), OWN_CASES)
def test_every_scenario(env_id: str, scenario: str) -> None:
    kwargs = {"scenario": scenario}
    testing.check_spec_round_trip(env_id, kwargs, steps=30)
    testing.check_determinism(env_id, kwargs, seeds=(0,), steps=80)
    testing.check_interleaving(env_id, kwargs, steps=60)
    testing.check_no_global_random(env_id, kwargs, steps=60)
    testing.check_no_aliasing(env_id, kwargs, steps=60)
    testing.check_masks(env_id, kwargs, steps=25, actions_per_step=4)
    testing.check_state(env_id, kwargs, stops=(17,), steps=60)
    testing.check_copies(env_id, kwargs, stops=(17,), steps=60)
    testing.check_vector(env_id, kwargs, num_envs=2, steps=60, modes=[AutoresetMode.NEXT_STEP])
    testing.check_rewards(env_id, kwargs)
    testing.check_reset_options(env_id, {**kwargs, "split": "test"})


@pytest.mark.parametrize(("env_id", "scenario"), SOC_CASES)
def test_observations_stay_in_bounds(env_id: str, scenario: str) -> None:
    # Toy episodes end after two decisions, so that most of the time would go into resets.
    steps = 1_000 if scenario == "toy" else 10_000 if env_id == SCHEDULING else 3_000
    testing.check_bounds(env_id, {"scenario": scenario}, steps=steps)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
@pytest.mark.parametrize("scenario", ["six-app-mid", "deadlines", "dvfs-power-cap"])
def test_every_objective_telescopes(scenario: str, objective: str) -> None:
    testing.check_rewards(SCHEDULING, {"scenario": scenario, "objective": objective})


@pytest.mark.parametrize(("env_id", "scenario"), SOC_CASES)
def test_golden_trajectory(env_id: str, scenario: str) -> None:
    testing.check_golden(
        GOLDEN, env_id, {"scenario": scenario}, version=SIMULATOR_VERSION, update=UPDATE
    )


@pytest.mark.parametrize("wrapper", [DictObservation, GraphObservation, RepairMaskedActions])
@pytest.mark.parametrize("scenario", ["six-app-mid", "canonical", "random-dags"])
def test_wrapped_observations_stay_in_their_space(wrapper: Any, scenario: str) -> None:
    env = wrapper(gym.make(SCHEDULING, scenario=scenario))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    for _ in range(60):
        assert env.observation_space.contains(observation)
        action = testing.sample_action(env.action_space, info["action_mask"], rng)
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            observation, info = env.reset()


def test_graph_edges_stand_for_the_allowed_actions() -> None:
    env = GraphObservation(gym.make(SCHEDULING, scenario="six-app-mid"))
    slots, pes, _ = env.unwrapped.observation_layout["pairs"].shape
    num_pairs = slots * pes
    graph, info = env.reset(seed=0)
    pairs = np.flatnonzero(info["action_mask"][:num_pairs])
    np.testing.assert_array_equal(np.sort(env.edge_actions()), pairs)
    assert len(graph.edges) == len(pairs)


@pytest.mark.parametrize(("env_id", "scenario"), SOC_CASES)
def test_official_checkers_without_any_help(env_id: str, scenario: str) -> None:
    """The checkers sample without masks; the action space draws what is legal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, scenario=scenario, render_mode="ansi").unwrapped
        gymnasium_check(env)
        sb3_check(gym.make(env_id, scenario=scenario).unwrapped)


def test_vector_action_space_samples_legal_actions() -> None:
    envs = gym.make_vec(SCHEDULING, num_envs=8, scenario="six-app-mid")
    envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(300):
        envs.step(envs.action_space.sample())
