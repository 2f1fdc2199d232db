"""Many agents in the harness: trained, evaluated, recorded, replayed and verified like one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from chipgym.experiments.environments import make_env
from chipgym.experiments.evaluation import run_episode
from chipgym.experiments.executors import make_executor
from chipgym.experiments.jobs import execute_job, make_job
from chipgym.experiments.parallel import JointEnv, make_env_for, make_parallel_env
from chipgym.experiments.results import read_result
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.submission import submit
from chipgym.experiments.suite import AgentSpec, CurveSpec, Suite, TaskSpec
from chipgym.experiments.training import check_algorithm, check_form, load_trained
from chipgym.leaderboards.schema import load_submission
from chipgym.leaderboards.verify import verify_submission
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

SOC = TaskSpec(
    env="chipgym/SocScheduling-v0", scenario="canonical", instances=2, kwargs={"num_jobs": 2}
)
FEW = {"n_steps": 32, "num_envs": 2, "batch_size": 32, "n_epochs": 1, "net_arch": [16]}


@pytest.mark.parametrize("algorithm", ["ippo", "shared_ppo", "mappo"])
def test_clusters_are_trained_recorded_and_replayed(tmp_path: Path, algorithm: str) -> None:
    agent = AgentSpec(name="team", algorithm=algorithm, steps=128, hyperparameters=FEW)
    curve = CurveSpec(points=2, instances=1)
    jobs = [make_job(tmp_path / name, SOC, agent, 3, curve, "x") for name in "ab"]
    for job in jobs:
        outcome = execute_job(job)
        assert outcome.status == "finished", outcome.error
    first, second = (read_result(job) for job in jobs)
    assert first == second
    assert (first.training_steps, len(first.curve) >= 2) == (128, True)
    policy = load_trained(Path(jobs[0].folder))
    assert policy.multi_agent
    env = make_env_for(SOC, policy)
    for record in first.records:
        again = run_episode(
            env, policy, task=record.task, agent="team", seed=3, instance=record.instance
        )
        assert again == record
        assert record.metrics["completed_jobs"] == 2
        assert record.schedule is not None
        assert all(len(action) == env.action_space.shape[0] for action in record.actions)  # type: ignore


def test_the_joint_environment_is_the_parallel_one() -> None:
    joint, parallel = JointEnv(make_parallel_env(SOC)), make_parallel_env(SOC)
    scalar = make_env(SOC)
    observation, info = joint.reset(seed=0, options={"instance": 1})
    seen, _ = parallel.reset(seed=0, options={"instance": 1})
    scalar.reset(seed=0, options={"instance": 1})
    assert joint.instance_id == scalar.unwrapped.instance_id  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    done, total, expected = False, 0.0, 0.0
    while not done:
        assert joint.observation_space.contains(observation)
        sizes = [agent.mask_size for agent in joint.joint.agents]
        parts = np.split(info["action_mask"], np.cumsum(sizes)[:-1])
        for name, part in zip(parallel.agents, parts, strict=True):
            np.testing.assert_array_equal(part, seen[name]["action_mask"])
            np.testing.assert_array_equal(observation[name], seen[name]["observation"])
        action = np.array([rng.choice(np.flatnonzero(part)) for part in parts])
        actions = dict(zip(parallel.agents, action.tolist(), strict=True))
        observation, reward, terminated, truncated, info = joint.step(action)
        seen, rewards, _, _, infos = parallel.step(actions)
        total += reward
        expected += float(np.mean(list(rewards.values())))
        done = terminated or truncated
    assert total == pytest.approx(expected)
    assert not parallel.agents
    assert all(info["metrics"] == part["metrics"] for part in infos.values())
    assert joint.schedule() == parallel.schedule()
    with pytest.raises(InvalidValueError, match="shape"):
        joint.step(np.zeros(1, dtype=np.int64))


def test_knobs_of_a_memory_controller(tmp_path: Path) -> None:
    """Further arguments of the PettingZoo form reach it alone."""
    task = TaskSpec(
        env="chipgym/DramTuning-v0",
        instances=1,
        kwargs={"num_requests": 200, "budget": 4},
        parallel_kwargs={"agents": "group", "reward": "design"},
    )
    agent = AgentSpec(name="team", algorithm="mappo", steps=32, hyperparameters=FEW)
    job = make_job(tmp_path, task, agent, 0, CurveSpec(points=0), "x")
    outcome = execute_job(job)
    assert outcome.status == "finished", outcome.error
    (record,) = read_result(job).records
    assert (record.steps, len(record.actions)) == (4, 4)
    policy = load_trained(Path(job.folder))
    assert policy.joint.names == tuple(make_parallel_env(task).possible_agents)
    assert {agent.kind for agent in policy.joint.agents} == {"multi_discrete"}
    assert policy.networks.shape.state_size == len(make_parallel_env(task).state())


def test_runs_of_many_agents_are_submitted_and_verified(tmp_path: Path) -> None:
    document = {
        "name": "teams",
        "tasks": [SOC.document()],
        "agents": [
            {"name": "random", "policy": "random"},
            {"name": "team", "algorithm": "ippo", "steps": 64, "hyperparameters": FEW},
        ],
        "seeds": [0],
        "curve": {"points": 0},
    }
    path = tmp_path / "teams.yaml"
    path.write_text(yaml.safe_dump(document))
    run = run_suite(plan_suite(Suite.parse(document), tmp_path / "run"), make_executor("serial", 1))
    outcome = submit(run, "team", tmp_path / "submission", suite=str(path))
    assert outcome.passed, outcome.reasons
    assert load_submission(tmp_path / "submission").multi_agent
    assert outcome.tasks[0].feasibility == "checked"
    records = tmp_path / "submission" / "records.jsonl"
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    lines[0]["actions"] = lines[0]["actions"][:-1]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert not verify_submission(tmp_path / "submission", suite=str(path)).passed


def test_tasks_without_the_form_are_named() -> None:
    ordering = TaskSpec(env="chipgym/SocTaskOrdering-v0")
    check_form("ppo", ordering)
    with pytest.raises(InvalidValueError, match=r"PettingZoo form: chipgym/SocScheduling-v0"):
        check_form("mappo", ordering)
    with pytest.raises(InvalidValueError, match="wrapper"):
        check_form("mappo", SOC.model_copy(update={"wrapper": "continuous"}))
    with pytest.raises(InvalidValueError, match="kwargs"):
        check_form("ippo", SOC.model_copy(update={"parallel_kwargs": {"colour": 1}}))
    document: dict[str, Any] = {"env": SOC.env, "parallel_kwargs": {"split": "train"}}
    with pytest.raises(InvalidValueError, match="must not repeat split"):
        TaskSpec.parse(document)


def test_hyperparameters_are_checked_and_entries_named() -> None:
    check_algorithm("ippo", {"entry": "marl-paper", "n_steps": 4})
    with pytest.raises(UnknownNameError, match="did you mean 'marl-paper'"):
        check_algorithm("ippo", {"entry": "marl-papr"})
    with pytest.raises(UnknownNameError, match="'n_stepz' is not a hyperparameter of mappo"):
        check_algorithm("mappo", {"n_stepz": 4})


def test_a_named_entry_is_what_is_trained_with(tmp_path: Path) -> None:
    agent = AgentSpec(
        name="paper",
        algorithm="ippo",
        steps=1,
        hyperparameters={"entry": "marl-paper", "n_steps": 16, "n_epochs": 1},
    )
    job = make_job(tmp_path, SOC, agent, 0, CurveSpec(points=0), "x")
    assert execute_job(job).status == "finished"
    training = json.loads((Path(job.folder) / "training.json").read_text())
    values = training["hyperparameters"]
    assert (values["ent_coef"], values["learning_rate"], values["n_steps"]) == (0.1, 1e-5, 16)
