"""DRAM control at run time and per command against the conformance suite.

Every id, action form and scenario, and the multi-agent form; checks that start processes or play
long run once an id.
"""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import pytest
from cases import DRAM_RUN_CASES, GOLDEN, UPDATE
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check

from chipgym.envs import dram_runtime_v0
from chipgym.envs.core import testing
from chipgym.envs.dram_tuning import command_reward, runtime_presets
from chipgym.envs.dram_tuning.runtime_reward import OBJECTIVES
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

RUNTIME, COMMAND = "chipgym/DramRuntime-v0", "chipgym/DramCommand-v0"
# Short episodes, so that the checks see several of them.
SHORT: dict[str, dict[str, Any]] = {
    RUNTIME: {"num_requests": 300},
    COMMAND: {"num_requests": 40},
}
FORMS = {
    "runtime": (RUNTIME, {"scenario": "everything", **SHORT[RUNTIME]}),
    "presets": (RUNTIME, {"scenario": "idle-burst", "action_form": "presets", **SHORT[RUNTIME]}),
    "command": (COMMAND, {"scenario": "phases", **SHORT[COMMAND]}),
}
CASES = [(env_id, str(kwargs["scenario"])) for env_id, kwargs in DRAM_RUN_CASES]
ELSEWHERE = ("reset_options",)


@pytest.mark.parametrize("check", [name for name in testing.CHECKS if name not in ELSEWHERE])
@pytest.mark.parametrize("form", FORMS)
def test_whole_suite(form: str, check: str) -> None:
    env_id, kwargs = FORMS[form]
    if check == "masks" and form == "runtime":
        pytest.skip("nothing is masked, and the check wants a Discrete space")
    more = {"steps": 1500} if check == "bounds" else {}
    testing.CHECKS[check](env_id, kwargs, **more)


@pytest.mark.parametrize(("env_id", "scenario"), CASES)
def test_every_scenario(env_id: str, scenario: str) -> None:
    kwargs = {"scenario": scenario, **SHORT[env_id]}
    testing.check_spec_round_trip(env_id, kwargs, steps=15)
    testing.check_determinism(env_id, kwargs, seeds=(0,), steps=30)
    testing.check_no_aliasing(env_id, kwargs, steps=20)
    testing.check_state(env_id, kwargs, stops=(7,), steps=20)
    testing.check_copies(env_id, kwargs, stops=(7,), steps=20)
    testing.check_vector(env_id, kwargs, num_envs=2, steps=30, modes=[AutoresetMode.NEXT_STEP])
    testing.check_bounds(env_id, kwargs, steps=200)
    testing.check_rewards(env_id, kwargs, episodes=3)
    testing.check_reset_options(env_id, {**kwargs, "split": "test"})
    if env_id == COMMAND:
        testing.check_masks(env_id, kwargs, steps=15, actions_per_step=3)


@pytest.mark.parametrize(("env_id", "kwargs"), DRAM_RUN_CASES)
def test_golden_trajectory(env_id: str, kwargs: dict[str, Any]) -> None:
    testing.check_golden(GOLDEN, env_id, kwargs, version=SIMULATOR_VERSION, update=UPDATE)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
@pytest.mark.parametrize("scenario", ["everything", "idle-burst"])
def test_every_runtime_objective_telescopes(scenario: str, objective: str) -> None:
    kwargs = {"scenario": scenario, "objective": objective, **SHORT[RUNTIME]}
    testing.check_rewards(RUNTIME, kwargs)


@pytest.mark.parametrize("objective", sorted(command_reward.OBJECTIVES))
@pytest.mark.parametrize("scenario", ["phases", "ddr4-phases"])
def test_every_command_objective_telescopes(scenario: str, objective: str) -> None:
    kwargs = {"scenario": scenario, "objective": objective, **SHORT[COMMAND]}
    testing.check_rewards(COMMAND, kwargs)


# Gymnasium's checker draws an action before its reset, where other commands are legal.
@pytest.mark.parametrize("form", ["runtime", "presets"])
def test_official_checkers_without_any_help(form: str) -> None:
    env_id, kwargs = FORMS[form]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(gym.make(env_id, render_mode="ansi", **kwargs).unwrapped)
        sb3_check(gym.make(env_id, **kwargs).unwrapped)


def test_multi_agent() -> None:
    kwargs = {"scenario": "everything", **SHORT[RUNTIME]}
    testing.check_multi_agent(RUNTIME, RUNTIME, kwargs)


@pytest.mark.parametrize("scenario", runtime_presets.SCENARIOS)
def test_multi_agent_every_scenario(scenario: str) -> None:
    kwargs = {"scenario": scenario, **SHORT[RUNTIME]}
    testing.check_parallel(dram_runtime_v0.parallel_env, kwargs, cycles=12)
