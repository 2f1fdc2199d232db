"""Agents a knob against single agents: every design recorded, the study repeatable."""

from pathlib import Path

import numpy as np
import pytest

from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.experiments.papers.marl_dram import study
from chipgym.experiments.papers.marl_dram.learners import LEARNERS, learn
from chipgym.experiments.papers.marl_dram.recorder import Recorder
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION


@pytest.mark.parametrize("learner", LEARNERS)
def test_each_learner_tries_as_many_designs_as_it_may(learner: str) -> None:
    designs = learn(learner, "cloud-1", "low-latency", 1, 80, SIMULATOR_VERSION)
    assert len(designs) == 80
    assert all(0 <= number < 442_368 for number in designs)
    assert len(set(designs)) > 10


@pytest.mark.parametrize("learner", ["mappo", "sac, continuous", "ppo, knob by knob"])
def test_the_same_seed_tries_the_same_designs(learner: str) -> None:
    first = learn(learner, "random", "low-latency", 4, 60, SIMULATOR_VERSION)
    assert first == learn(learner, "random", "low-latency", 4, 60, SIMULATOR_VERSION)
    assert first != learn(learner, "random", "low-latency", 5, 60, SIMULATOR_VERSION)


def test_the_recorder_sees_the_design_that_agents_set_together() -> None:
    problem = tabulated_problem("random", "edp")
    recorder = Recorder(problem)
    env = recorder.parallel_env()
    rng = np.random.default_rng(0)
    for _ in range(5):
        env.reset(seed=0)
        design = rng.integers(0, problem.space.shape)
        actions = dict(zip(env.agents, design.tolist(), strict=True))
        _, rewards, *_ = env.step(actions)
        assert recorder.designs[-1] == problem.space.number(design)
        assert next(iter(rewards.values())) == problem.outcome(design).score


def test_quick_study(tmp_path: Path) -> None:
    summary = study.run(tmp_path, quick=True, workers=1, report=lambda *_: None)
    assert set(summary["learners"]) == set(study.QUICK.learners)
    for facts in summary["learners"].values():
        last = facts["normalised_iqm"][str(study.QUICK.budget)]
        assert last["low"] <= last["value"] <= last["high"] <= 1
        assert facts["mean_regret_percent"] >= 0
    assert summary["comparisons"]
    with np.load(tmp_path / "records" / "mappo.npz") as content:
        assert content["designs"].shape == (1, 1, 2, study.QUICK.budget)
