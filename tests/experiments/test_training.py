"""Training in a job: saved whole, never done twice, and evaluated as what was saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.curves import learning_curves
from chipgym.experiments.jobs import execute_job
from chipgym.experiments.runner import RunError, load_run, plan_suite
from chipgym.experiments.summary import summarise
from chipgym.experiments.training import check_algorithm, load_trained
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

RunFakes = Callable[..., Any]


@pytest.fixture
def learner(tmp_path: Path) -> dict[str, Any]:
    """An agent that is trained by the fake trainer, which logs each training."""
    return {
        "name": "learner",
        "algorithm": "fake_scheduling:train_biased",
        "steps": 100,
        "hyperparameters": {"log": str(tmp_path / "log")},
    }


def trainings(tmp_path: Path) -> list[str]:
    log = tmp_path / "log"
    return log.read_text().split() if log.exists() else []


def test_agents_are_trained_once_per_task_and_seed(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any], learner: dict[str, Any]
) -> None:
    agents = [*suite_document["agents"], learner]
    run = run_fakes(tmp_path / "run", agents=agents)
    assert sorted(trainings(tmp_path)) == ["0", "0", "1", "1"]
    run_fakes(tmp_path / "run", agents=agents)
    assert len(trainings(tmp_path)) == 4
    line = next(agent for agent in summarise(run).agents if agent.name == "learner")
    assert (line.training_steps, line.seeds) == (100, 2)
    assert line.evaluations == 101  # the trainer reports an episode a step; and the test episode


def test_evaluations_of_a_training_are_those_of_the_simulator(
    tmp_path: Path, run_fakes: RunFakes, learner: dict[str, Any]
) -> None:
    learner["algorithm"] = "fake_scheduling:train_counting"
    run = run_fakes(tmp_path / "run", agents=[learner], seeds=[0])
    for result in run.results:
        assert result.training_evaluations == 507  # 100 episodes, and the choice of the policy
        assert {point.evaluations for point in result.curve} <= set(range(5, 501, 5))
        assert result.curve[-1].evaluations > 400


def test_an_interruption_after_training_does_not_repeat_it(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any], learner: dict[str, Any]
) -> None:
    agents = [*suite_document["agents"], learner]
    run = run_fakes(tmp_path / "run", agents=agents)
    job = next(j for j in plan_suite(run.suite, run.folder).jobs if j.agent.name == "learner")
    folder = Path(job.folder)
    before = (folder / "records.jsonl").read_bytes()
    for name in ("done.json", "records.jsonl"):
        (folder / name).unlink()
    assert execute_job(job).status == "finished"
    assert len(trainings(tmp_path)) == 4
    assert (folder / "records.jsonl").read_bytes() == before
    (folder / "done.json").unlink()
    (folder / "records.jsonl").unlink()
    (folder / "training.json").unlink()  # as if killed while saving
    assert execute_job(job).status == "finished"
    assert len(trainings(tmp_path)) == 5
    assert (folder / "records.jsonl").read_bytes() == before


def test_learning_curves_are_scored_over_seeds(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any], learner: dict[str, Any]
) -> None:
    changes = {
        "agents": [*suite_document["agents"], learner],
        "curve": {"points": 5, "instances": 2},
    }
    run = run_fakes(tmp_path / "run", **changes)
    curves = learning_curves(run)
    assert set(curves) == {"heavy", "light"}
    points = curves["heavy"]["learner"]
    assert [point.steps for point in points] == [1, 20, 40, 60, 80, 100]
    assert all(point.score.low <= point.score.value <= point.score.high for point in points)
    # The last point is the trained agent itself, on the curve's instances.
    references = run.references["heavy"]
    results = [r for r in run.results if (r.task, r.agent) == ("heavy", "learner")]
    scores = [
        references.score(record.instance, record.metrics["mean_latency_us"])
        for result in results
        for record in result.records[:2]
    ]
    assert min(scores) <= points[-1].score.value <= max(scores)


def test_curves_can_be_switched_off(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any], learner: dict[str, Any]
) -> None:
    agents = [*suite_document["agents"], learner]
    run = run_fakes(tmp_path / "run", agents=agents, curve={"points": 0})
    assert learning_curves(run) == {}
    assert load_run(run.folder).results == run.results


def test_unknown_algorithms_and_exceeded_budgets(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any], learner: dict[str, Any]
) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'maskable_ppo'"):
        check_algorithm("maskabel_ppo")
    with pytest.raises(InvalidValueError, match="nowhere"):
        check_algorithm("nowhere:train")
    task = {**suite_document["tasks"][0], "max_steps": 99}
    with pytest.raises(InvalidValueError, match="at most 99, the budget of task 'heavy'"):
        run_fakes(tmp_path / "run", tasks=[task], agents=[learner])
    task = {**suite_document["tasks"][0], "max_evaluations": 99}
    with pytest.raises(RunError, match="evaluations spent in training = 100 is not allowed"):
        run_fakes(tmp_path / "run", tasks=[task], agents=[learner])
    with pytest.raises(FileFormatError, match=r"training\.json"):
        load_trained(tmp_path)


@pytest.mark.slow
def test_maskable_ppo_trains_saves_and_replays_exactly(tmp_path: Path) -> None:
    from chipgym.experiments.environments import make_env
    from chipgym.experiments.evaluation import run_episode
    from chipgym.experiments.jobs import make_job
    from chipgym.experiments.results import read_result
    from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec

    task = TaskSpec(
        env="chipgym/SocScheduling-v0",
        scenario="canonical",
        instances=2,
        kwargs={"num_jobs": 3},
    )
    agent = AgentSpec(
        name="learner",
        algorithm="maskable_ppo",
        steps=256,
        hyperparameters={"n_steps": 32, "num_envs": 4, "batch_size": 64},
    )
    curve = CurveSpec(points=2, instances=1)
    jobs = [make_job(tmp_path / name, task, agent, 3, curve, "x") for name in "ab"]
    for job in jobs:
        outcome = execute_job(job)
        assert outcome.status == "finished", outcome.error
    first, second = (read_result(job) for job in jobs)
    assert first == second
    assert first.training_steps >= 256
    assert len(first.curve) >= 2
    policy = load_trained(Path(jobs[0].folder))
    env = make_env(task)
    for record in first.records:
        again = run_episode(
            env, policy, task=record.task, agent="learner", seed=3, instance=record.instance
        )
        assert again == record
    env.close()
    training = json.loads((Path(jobs[0].folder) / "training.json").read_text())
    assert training["hyperparameters"]["n_steps"] == 32
