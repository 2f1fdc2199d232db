"""The DRAM design and tuning environments against the conformance suite.

Everything runs on short traces: the model is the same for long ones. One scenario goes through the
whole suite under each id, all others through every kind of check, shortened.
"""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import pytest
from cases import DRAM_CASES, DRAM_IDS, DRAM_VERSION, GOLDEN, UPDATE
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check

from chipgym.envs import dram_tuning_v0
from chipgym.envs.core import testing
from chipgym.envs.dram_tuning.presets import DEFAULT_SCENARIO, SCENARIOS
from chipgym.envs.dram_tuning.reward import OBJECTIVES

DESIGN, TUNING = DRAM_IDS
# Longer than needed on episodes of one step, or run on every scenario below.
SHORTER: dict[str, dict[str, Any]] = {
    "bounds": {"steps": 500},
    "determinism": {"steps": 100},
    "interleaving": {"steps": 60},
    "vector": {"steps": 60},
    "state": {"steps": 60},
    "copies": {"steps": 40},
}


@pytest.mark.parametrize("check", testing.CHECKS)
@pytest.mark.parametrize("env_id", DRAM_IDS)
def test_whole_suite(env_id: str, check: str) -> None:
    if (env_id, check) == (DESIGN, "masks"):
        pytest.skip("infeasible designs cannot be masked value by value")
    kwargs = {"scenario": DEFAULT_SCENARIO, **DRAM_IDS[env_id]}
    if check == "reset_options":
        kwargs["split"] = "test"
    testing.CHECKS[check](env_id, kwargs, **SHORTER.get(check, {}))


def test_the_suite_leaves_out_masks_where_there_are_none() -> None:
    skip = set(testing.CHECKS) - {"masks", "rewards"}
    testing.check_environment(DESIGN, skip=skip, scenario="toy")


@pytest.mark.parametrize(("env_id", "kwargs"), DRAM_CASES)
def test_every_scenario(env_id: str, kwargs: dict[str, Any]) -> None:
    testing.check_determinism(env_id, kwargs, seeds=(0,), steps=20)
    testing.check_no_aliasing(env_id, kwargs, steps=20)
    testing.check_state(env_id, kwargs, stops=(7,), steps=15)
    testing.check_copies(env_id, kwargs, stops=(7,), steps=15)
    testing.check_bounds(env_id, kwargs, steps=40)
    testing.check_rewards(env_id, kwargs)
    testing.check_reset_options(env_id, {**kwargs, "split": "test"})
    testing.check_vector(env_id, kwargs, num_envs=2, steps=15, modes=[AutoresetMode.NEXT_STEP])
    if env_id == TUNING:
        testing.check_masks(env_id, kwargs, steps=8, actions_per_step=3)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("env_id", DRAM_IDS)
def test_every_objective_telescopes(env_id: str, objective: str) -> None:
    for scenario in ("ddr4-bursty", "archgym-cloud-1"):
        kwargs = {"scenario": scenario, "objective": objective, **DRAM_IDS[env_id]}
        testing.check_rewards(env_id, kwargs)
        testing.check_bounds(env_id, kwargs, steps=20)


@pytest.mark.parametrize(("env_id", "kwargs"), DRAM_CASES)
def test_golden_trajectory(env_id: str, kwargs: dict[str, Any]) -> None:
    testing.check_golden(GOLDEN, env_id, kwargs, version=DRAM_VERSION, update=UPDATE)


@pytest.mark.parametrize(("env_id", "kwargs"), DRAM_CASES)
def test_official_checkers_without_any_help(env_id: str, kwargs: dict[str, Any]) -> None:
    """The checkers sample without masks; the action space draws what is legal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check(gym.make(env_id, **kwargs).unwrapped)
        # Gymnasium's takes an edit that it drew in another state, where it need not be legal.
        if env_id == DESIGN:
            gymnasium_check(gym.make(env_id, **kwargs, render_mode="ansi").unwrapped)
        else:
            testing.check_gymnasium(env_id, kwargs)


SHORT = {"num_requests": 200, "budget": 8}
FACTORIES = (dram_tuning_v0.parallel_env, dram_tuning_v0.env)


@pytest.mark.parametrize(("targets", "agents"), [((TUNING, TUNING), "knob"), (FACTORIES, "group")])
def test_multi_agent(targets: tuple[Any, Any], agents: str) -> None:
    """The whole suite: once by the registered ids, once by PettingZoo's two functions."""
    kwargs = {"scenario": DEFAULT_SCENARIO, "agents": agents, **SHORT}
    testing.check_parallel(targets[0], kwargs, cycles=40)
    testing.check_aec(targets[1], kwargs, cycles=40)


@pytest.mark.parametrize("scenario", sorted(set(SCENARIOS) - {DEFAULT_SCENARIO}))
@pytest.mark.parametrize("agents", ["knob", "group"])
def test_multi_agent_every_scenario(scenario: str, agents: str) -> None:
    kwargs = {"scenario": scenario, "agents": agents, **SHORT}
    testing.check_parallel(dram_tuning_v0.parallel_env, kwargs, cycles=10)
