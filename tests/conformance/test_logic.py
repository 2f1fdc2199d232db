"""The logic-synthesis environments against the conformance suite, on small circuits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from cases import UPDATE
from gymnasium.utils.env_checker import check_env as gymnasium_check
from logic_cases import LOGIC_GOLDEN, LOGIC_GOLDEN_CASES, LOGIC_VERSION, abc_package
from stable_baselines3.common.env_checker import check_env as sb3_check

from chipgym.envs import logic_synthesis_v0
from chipgym.envs.core import testing
from chipgym.envs.core.wrappers import DictObservation
from chipgym.envs.logic_synthesis.graph import AigGraphObservation
from chipgym.envs.logic_synthesis.reward import OBJECTIVES
from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import PINNED_PACKAGE, find_abc
from chipgym.simulators.logic.shared import SharedSessions

TURNS, WHOLE = "chipgym/LogicSynthesis-v0", "chipgym/LogicRecipe-v0"
# Short recipes of the one-shot form: each step is a whole one.
KWARGS: dict[str, dict[str, Any]] = {TURNS: {}, WHOLE: {"steps": 3}}
SMALL = {"circuit": ("arbiter-16", "crc16-16", "priority-encoder-32")}


@pytest.fixture(scope="module", autouse=True)
def abc() -> Iterator[None]:
    try:
        find_abc()
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")
    # A user that stays: processes need not start anew for each environment.
    with_sessions = SharedSessions()
    assert with_sessions.executable
    yield
    with_sessions.close()


def test_every_id_is_covered() -> None:
    names = sorted(name for name in gym.registry if name.startswith("chipgym/Logic"))
    assert names == [WHOLE, TURNS]


@pytest.mark.parametrize("check", [n for n in testing.CHECKS if n != "bounds"])
@pytest.mark.parametrize("env_id", [TURNS, WHOLE])
def test_whole_suite(env_id: str, check: str) -> None:
    if env_id == WHOLE and check == "masks":
        pytest.skip("every recipe is legal, and the space is not Discrete")
    split = {"split": "test"} if check == "reset_options" else {}
    testing.CHECKS[check](env_id, {**KWARGS[env_id], **SMALL, **split})


@pytest.mark.parametrize("env_id", [TURNS, WHOLE])
def test_observations_stay_in_bounds(env_id: str) -> None:
    testing.check_bounds(env_id, KWARGS[env_id], steps=600)
    if env_id == TURNS:
        testing.check_bounds(env_id, {**SMALL, "objective": "log-adp"}, steps=600)


def test_masks_with_a_stop_action() -> None:
    kwargs = {**SMALL, "stop_action": True}
    testing.check_masks(TURNS, kwargs)
    testing.check_vector(TURNS, kwargs, steps=60)
    testing.check_state(TURNS, kwargs, stops=(0, 7), steps=40)
    testing.check_bounds(WHOLE, {**kwargs, "steps": 3}, steps=100)


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("env_id", [TURNS, WHOLE])
@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_every_objective_telescopes(objective: str, env_id: str, stop: bool) -> None:
    kwargs = {**KWARGS[env_id], **SMALL, "objective": objective, "stop_action": stop}
    testing.check_rewards(env_id, kwargs)


@pytest.mark.parametrize(("env_id", "kwargs"), LOGIC_GOLDEN_CASES)
def test_golden_trajectory(env_id: str, kwargs: dict[str, Any]) -> None:
    if abc_package() != PINNED_PACKAGE:
        found = abc_package() or find_abc().path
        pytest.skip(f"the golden trajectories are those of {PINNED_PACKAGE}'s ABC, not of {found}")
    testing.check_golden(LOGIC_GOLDEN, env_id, kwargs, version=LOGIC_VERSION, update=UPDATE)


@pytest.mark.parametrize("wrapper", [DictObservation, AigGraphObservation])
def test_wrapped_observations_stay_in_their_space(wrapper: Any) -> None:
    env = wrapper(gym.make(TURNS, **SMALL))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    for _ in range(25):
        assert env.observation_space.contains(observation)
        action = testing.sample_action(env.action_space, info["action_mask"], rng)
        observation, _, terminated, _, info = env.step(action)
        if terminated:
            observation, info = env.reset()


@pytest.mark.parametrize("env_id", [TURNS, WHOLE])
def test_official_checkers_without_any_help(env_id: str) -> None:
    kwargs = {**KWARGS[env_id], **SMALL, "stop_action": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(gym.make(env_id, **kwargs, render_mode="ansi").unwrapped)
        sb3_check(gym.make(env_id, **kwargs).unwrapped)


@pytest.mark.parametrize("kwargs", [{}, {"shared_weight": 0.5, "steps": 4}])
def test_multi_agent(kwargs: dict[str, Any]) -> None:
    """Once by the registered ids, once by PettingZoo's two functions."""
    by_id = (TURNS, TURNS)
    parallel, aec = (logic_synthesis_v0.parallel_env, logic_synthesis_v0.env) if kwargs else by_id
    testing.check_parallel(parallel, {**SMALL, **kwargs}, cycles=60)
    testing.check_aec(aec, {**SMALL, **kwargs}, cycles=20)
