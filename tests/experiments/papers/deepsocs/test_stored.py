"""The study's agents play on the tasks of the benchmark with the weights of each seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chipgym.agents.papers.scheduling.policy import load_scheduler
from chipgym.experiments.executors import make_executor
from chipgym.experiments.papers.deepsocs import stored
from chipgym.experiments.papers.deepsocs.entrants import MissingWeightsError, find_weights
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.submission import Packer
from chipgym.experiments.suite import Suite, load_suite
from chipgym.simulators.core.errors import InvalidValueError

SUITE = Path(stored.__file__).with_name("core-v0.yaml")


def test_its_tasks_are_those_of_the_benchmark() -> None:
    mine, core = load_suite(SUITE), load_suite("core-v0")
    assert mine.name == core.name
    assert set(mine.tasks) <= set(core.tasks)
    assert not {agent.name for agent in mine.agents} & {agent.name for agent in core.agents}
    assert {agent.hyperparameters["agent"] for agent in mine.agents} == set(stored.STORED)


def test_each_seed_plays_the_weights_of_its_training(tmp_path: Path) -> None:
    document = load_suite(SUITE).document()
    agent = next(a for a in document["agents"] if a["name"].startswith("DeepSoCS"))
    small = {
        **document,
        "tasks": [{**document["tasks"][1], "instances": 1, "kwargs": {"num_jobs": 2}}],
        "agents": [{**agent, "seeds": 2}],
    }
    plan = plan_suite(Suite.parse(small), tmp_path)
    run = run_suite(plan, make_executor("serial", 1))
    for job in plan.jobs:
        kept = load_scheduler(Path(job.folder) / "policy").agent.network.state_dict()
        given = load_scheduler(find_weights("deepsocs", job.seed)).agent.network.state_dict()
        for name, value in given.items():
            np.testing.assert_array_equal(kept[name].numpy(), value.numpy())
    head = Packer(run).head(agent["name"], authors=["A. Tester"])
    assert (head.kind, head.training_steps, head.seeds) == ("learned", 120_000, (0, 1))
    assert {label: budget.steps for label, budget in head.budgets.items()} == {
        "ordering six-app-mid": 120_000
    }


def test_what_was_not_trained_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="120000, as scarl was trained"):
        stored.train(None, 1000, 0, hyperparams={"agent": "scarl"})
    with pytest.raises(InvalidValueError, match="one of deepsocs"):
        stored.train(None, 120_000, 0, hyperparams={"agent": "maskable-ppo"})
    with pytest.raises(MissingWeightsError):
        stored.train(None, 120_000, 99, hyperparams={"agent": "scarl"})
