"""The co-design environments against the conformance suite, over a measured table."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import pytest
from cases import UPDATE
from codesign_cases import (
    CODESIGN_GOLDEN,
    CODESIGN_GOLDEN_CASES,
    CODESIGN_VERSION,
    DESIGN,
    REFINE,
    WHOLE,
)
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from chipgym.envs import codesign_v0
from chipgym.envs.core import testing

IDS = [DESIGN, WHOLE, REFINE]
SCENARIOS = ["digits-tiny", "digits-tiny-drawn", "digits-tiny-single", "w1-images", "images-three"]
SHORTER: dict[str, dict[str, Any]] = {
    "bounds": {"steps": 400},
    "determinism": {"steps": 80},
    "interleaving": {"steps": 60},
    "global_random": {"steps": 60},
    "aliasing": {"steps": 60},
    "masks": {"steps": 40, "actions_per_step": 3},
    "vector": {"steps": 60},
    "async": {"steps": 40},
    "state": {"steps": 40},
    "copies": {"steps": 40},
    "processes": {"steps": 60},
}


def test_every_id_is_covered() -> None:
    names = sorted(name for name in gym.registry if name.startswith("chipgym/CoDesign"))
    assert names == sorted(IDS)


@pytest.mark.parametrize("check", testing.CHECKS)
@pytest.mark.parametrize("env_id", IDS)
def test_whole_suite(env_id: str, check: str) -> None:
    if env_id == WHOLE and check == "masks":
        pytest.skip("designs over a budget cannot be masked token by token")
    split = {"split": "test"} if check == "reset_options" else {}
    testing.CHECKS[check](env_id, split, **SHORTER.get(check, {}))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("env_id", IDS)
def test_every_scenario_that_needs_no_data(env_id: str, scenario: str) -> None:
    kwargs = {"scenario": scenario}
    testing.check_determinism(env_id, kwargs, seeds=(0,), steps=25)
    testing.check_state(env_id, kwargs, stops=(7,), steps=20)
    testing.check_bounds(env_id, kwargs, steps=60)
    testing.check_rewards(env_id, kwargs, episodes=2)
    testing.check_reset_options(env_id, {**kwargs, "split": "test"})


@pytest.mark.parametrize(
    "kwargs",
    [
        {"hardware_steps": 3},
        {"shaping": True},
        {"hardware_steps": 2, "shaping": True, "scenario": "digits-tiny-drawn"},
        {"prune": False},
    ],
)
def test_forms_of_the_episode(kwargs: dict[str, Any]) -> None:
    testing.check_rewards(DESIGN, kwargs)
    testing.check_masks(DESIGN, kwargs, steps=45, actions_per_step=2)
    testing.check_vector(DESIGN, kwargs, steps=45)
    testing.check_bounds(DESIGN, kwargs, steps=100)


@pytest.mark.parametrize("kwargs", [{"steps": 6}, {"trainings": 2}, {"prune": False}])
def test_budgets_of_refinement(kwargs: dict[str, Any]) -> None:
    testing.check_rewards(REFINE, kwargs)
    testing.check_vector(REFINE, kwargs, steps=30)
    testing.check_bounds(REFINE, kwargs, steps=100)


@pytest.mark.parametrize(("env_id", "kwargs"), CODESIGN_GOLDEN_CASES)
def test_golden_trajectory(env_id: str, kwargs: dict[str, Any]) -> None:
    testing.check_golden(CODESIGN_GOLDEN, env_id, kwargs, version=CODESIGN_VERSION, update=UPDATE)


@pytest.mark.parametrize("env_id", IDS)
def test_official_checkers_without_any_help(env_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check(gym.make(env_id).unwrapped)
        # Gymnasium's takes an action that it drew in another state, where it need not be legal.
        if env_id == WHOLE:
            gymnasium_check(gym.make(env_id, render_mode="ansi").unwrapped)
        else:
            testing.check_gymnasium(env_id)


@pytest.mark.parametrize(
    "kwargs", [{}, {"scenario": "digits-tiny-drawn"}, {"hardware_steps": 2, "shaping": True}]
)
def test_multi_agent(kwargs: dict[str, Any]) -> None:
    """Once by the registered ids, else by PettingZoo's two functions."""
    parallel, aec = (codesign_v0.parallel_env, codesign_v0.env) if kwargs else (DESIGN, DESIGN)
    testing.check_parallel(parallel, kwargs, cycles=40)
    testing.check_aec(aec, kwargs, cycles=6)
