"""The learned schedulers are trained by name, saved, and evaluated as what was saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.experiments.suite import CurveSpec, TaskSpec
from chipgym.experiments.training import (
    algorithm_names,
    check_algorithm,
    load_trained,
    train_in,
)
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError


def test_a_scheduler_is_trained_by_name(tmp_path: Path) -> None:
    task = TaskSpec.parse(
        {
            "env": "chipgym/SocTaskOrdering-v0",
            "scenario": "canonical",
            "instances": 1,
            "kwargs": {"num_jobs": 2},
        }
    )
    done: list[int] = []
    policy = train_in(
        tmp_path,
        task=task,
        algorithm="deepsocs",
        steps=80,
        seed=0,
        hyperparameters={"num_envs": 2},
        curve=CurveSpec.parse({"points": 2, "instances": 1}),
        on_progress=lambda steps, total: done.append(steps),
    )
    assert isinstance(policy, SchedulingPolicy)
    assert policy.agent.settings_document()["num_envs"] == 2
    assert done == [40, 80]
    assert len((tmp_path / "curve.jsonl").read_text().splitlines()) >= 1
    assert load_trained(tmp_path).name == "deepsocs"


def test_mistakes_are_found_before_training() -> None:
    assert {"deepsocs", "socrates", "scarl"} <= set(algorithm_names())
    check_algorithm("socrates", {"entry": "published", "max_jobs": 3})
    with pytest.raises(UnknownNameError, match="entropy_start"):
        check_algorithm("deepsocs", {"entropy_stat": 1.0})
    with pytest.raises(InvalidValueError, match="width"):
        check_algorithm("scarl", {"width": 0})
