"""Each heuristic through the environments = the simulator's own scheduler, task for task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from chipgym.agents.core.registry import make_policy
from chipgym.envs.soc_scheduling.presets import SCENARIOS
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.static import heft

NAMES = ["MET", "EFT", "ETF", "ETF_LB", "STF", "HEFT_RT", "CEDR_HEFT_RT", "table"]
SCENARIO_NAMES = [
    "toy",
    "canonical",
    "canonical-ten",
    "wifi-mix",
    "six-app-high",
    "bursty",
    "noise-30",
    "pe-failure",
    "shared-memory",
    "dvfs-power-cap",
    "scaled-8fft",
    "random-dags",
]


def by_the_simulator(name: str, instance: Any) -> dict[str, list[Any]]:
    """The schedule that the simulator's own scheduler makes of an instance."""
    table = None
    if name == "table":
        table = [heft(instance.platform, application).pe for application in instance.applications]
    trace = simulate(
        instance.platform,
        instance.applications,
        instance.workload,
        name,
        instance.options,
        table=table,
        record_trace=True,
    ).trace
    assert trace is not None
    columns = ("job", "task", "pe", "ready_us", "start_us", "finish_us")
    return {column: getattr(trace, column).tolist() for column in columns}


def episodes(name: str, envs: Any, count: int) -> list[tuple[Any, dict[str, list[Any]]]]:
    """Instance and schedule of the first `count` episodes that one policy object plays."""
    policy = make_policy(name)
    policy.reset(envs.num_envs, 0)
    observations, _ = envs.reset(seed=3)
    played = []
    while len(played) < count:
        problems = envs.problems
        masks = envs.action_masks()
        masks[~masks.any(axis=1)] = True  # ended rows: any action
        actions = policy.act(observations, masks, problems)
        observations, _, terminations, truncations, _ = envs.step(actions)
        ended = np.flatnonzero(terminations | truncations)
        played.extend((problems[row].instance, envs.schedule(int(row))) for row in ended)
    return played


@pytest.mark.parametrize("scenario", SCENARIO_NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_schedules_as_the_simulator(name: str, scenario: str) -> None:
    # All ready tasks visible: with a window the simulator's scheduler would see more than a policy.
    shown = replace(
        SCENARIOS[scenario], num_slots=64, num_jobs=min(SCENARIOS[scenario].num_jobs, 8)
    )
    envs: Any = gym.make_vec(
        "chipgym/SocScheduling-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        scenario=shown,
    )
    for instance, schedule in episodes(name, envs.unwrapped, 5):
        expected = by_the_simulator(name, instance)
        assert {column: schedule[column] for column in expected} == expected


@pytest.mark.parametrize("name", ["MET", "EFT", "STF", "table"])
def test_task_mapping_gives_the_same_schedules(name: str) -> None:
    """Heuristics in FIFO order lose nothing when they see one task at a time."""
    envs: Any = gym.make_vec(
        "chipgym/SocTaskMapping-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        scenario="six-app-high",
        num_jobs=8,
    )
    for instance, schedule in episodes(name, envs.unwrapped, 4):
        expected = by_the_simulator(name, instance)
        assert {column: schedule[column] for column in expected} == expected


@pytest.mark.parametrize("name", ["EFT", "ETF", "HEFT_RT", "CEDR_HEFT_RT"])
def test_task_ordering_gives_the_same_schedules(name: str) -> None:
    """Heuristics that place by earliest finish lose nothing when the environment does it."""
    shown = replace(SCENARIOS["six-app-high"], num_slots=64, num_jobs=8)
    envs: Any = gym.make_vec(
        "chipgym/SocTaskOrdering-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        scenario=shown,
    )
    for instance, schedule in episodes(name, envs.unwrapped, 4):
        expected = by_the_simulator(name, instance)
        assert {column: schedule[column] for column in expected} == expected
