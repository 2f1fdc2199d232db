"""The budget of trainings: each network is paid for once, and then nothing is trained any more."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from chipgym.envs.codesign.accuracy import (
    BudgetedProvider,
    Task,
    TrainingError,
    make_provider,
)
from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import InvalidValueError

TASK = Task("digits1", "digits", "resnet9-tiny")
SMALL = Architecture.of_key("resnet9:4-4-0-8-0")
LARGE = Architecture.of_key("resnet9:8-16-1-32-1")
LOOSE = dict.fromkeys(("latency_cycles", "energy_nj", "area_um2"), 1e12) | dict.fromkeys(
    ("latency_bound_cycles", "energy_bound_nj", "area_bound_um2"), 1e13
)


def test_a_network_is_paid_for_once() -> None:
    provider = BudgetedProvider(make_provider("measured-table"), 1)
    assert provider.known(TASK, SMALL) is None
    first = provider.accuracy(TASK, SMALL)
    again = provider.accuracy(Task("digits2", "digits", "resnet9-tiny"), SMALL)
    assert again == first == provider.known(TASK, SMALL)
    assert provider.trainings == 1
    with pytest.raises(TrainingError, match="budget of 1 trainings is spent"):
        provider.accuracy(TASK, LARGE)
    assert provider.trainings == 1
    assert provider.known(TASK, LARGE) is None
    assert provider.name == "measured-table"


def test_a_failed_training_is_paid_for_and_kept() -> None:
    class Failing:
        name = "failing"
        calls = 0

        def check(self, task: Task) -> None:
            """Take any task."""

        def accuracy(self, task: Task, architecture: Architecture) -> Any:
            self.calls += 1
            raise TrainingError(architecture.key, "diverged")

    inner = Failing()
    provider = BudgetedProvider(inner, 3)
    for _ in range(2):
        with pytest.raises(TrainingError, match="diverged"):
            provider.accuracy(TASK, SMALL)
    assert (inner.calls, provider.trainings) == (1, 1)


@pytest.mark.parametrize("budget", [-1, 1.5, True])
def test_budgets_are_checked(budget: Any) -> None:
    with pytest.raises(InvalidValueError, match="budget"):
        make_provider("measured-table", {"budget": budget})


def test_environments_take_a_budget_and_name_what_it_does_not_allow() -> None:
    env = gym.make("chipgym/CoDesignOneShot-v0", spec=LOOSE, accuracy_options={"budget": 2})
    env.reset(seed=0)
    designs: Any = env.unwrapped
    small = np.array(designs.problem.default_design)
    *_, info = env.step(small)
    assert info["metrics"]["weighted_accuracy"] > 0
    wide = small.copy()
    wide[[0, 1]] = 1, 2
    env.reset(seed=0)
    *_, info = env.step(wide)
    assert "weighted_accuracy" in info["metrics"]
    wide[[5, 6]] = 1, 1
    env.reset(seed=0)
    _, reward, *_, info = env.step(wide)
    assert "budget of 2 trainings is spent" in info["training_failure"]
    assert "weighted_accuracy" not in info["metrics"]
    assert info["metrics"]["feasible"] == 1
    assert reward == 0


def test_spaces_say_what_is_allowed_knob_by_knob() -> None:
    env: Any = gym.make("chipgym/CoDesignOneShot-v0", scenario="digits-tiny").unwrapped
    env.reset(seed=0)
    space = env.problem.space
    assert space.segments == (("network", 5), ("network", 5), ("hardware", 3), ("hardware", 3))
    rng = np.random.default_rng(0)
    for _ in range(50):
        prefix: list[int] = []
        while len(prefix) < len(space.nvec):
            legal = np.flatnonzero(space.options(prefix))
            prefix.append(int(rng.choice(legal)))
        assert not env.problem.reason(np.array(prefix))
