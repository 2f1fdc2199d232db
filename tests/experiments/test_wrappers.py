"""Tasks in another form of actions: applied, recorded, scored as the plain task, and verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fake_wrappers  # noqa: F401
import numpy as np
import pytest
import yaml

from chipgym.experiments.environments import make_env, probe
from chipgym.experiments.jobs import execute_job, make_job
from chipgym.experiments.references import measure_references
from chipgym.experiments.results import read_result
from chipgym.experiments.submission import submit
from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
from chipgym.experiments.training import load_trained, make_vector_env
from chipgym.leaderboards.schema import load_submission
from chipgym.simulators.core.errors import InvalidValueError

ENV = "fake_scheduling:fakes/Queue-v0"


def test_names_are_checked_and_part_of_the_label() -> None:
    task = TaskSpec(env=ENV, scenario="heavy", wrapper="mirrored")
    assert task.label == "heavy (mirrored)"
    assert task.document()["wrapper"] == "mirrored"
    plain = task.without_wrapper()
    assert (plain.wrapper, plain.label) == (None, task.label)
    assert TaskSpec(env=ENV).without_wrapper() == TaskSpec(env=ENV)
    with pytest.raises(InvalidValueError, match=r"'mirored' is none of continuous, multiplexed"):
        TaskSpec.parse({"env": ENV, "wrapper": "mirored"})


def test_they_stand_around_single_and_vector_environments() -> None:
    task = TaskSpec(env=ENV, scenario="heavy")
    mirrored = task.model_copy(update={"wrapper": "mirrored"})
    envs = make_env(task), make_env(mirrored)
    infos = [env.reset(seed=0, options={"instance": 3})[1] for env in envs]
    np.testing.assert_array_equal(infos[0]["action_mask"], infos[1]["action_mask"][::-1])
    vectors = make_vector_env(task, 2), make_vector_env(mirrored, 2)
    for vector in vectors:
        vector.reset(seed=1)
    masks = [np.stack(vector.call("action_masks")) for vector in vectors]
    np.testing.assert_array_equal(masks[0], masks[1][:, ::-1])


def test_runs_record_them_and_score_by_the_plain_references(
    tmp_path: Path, run_fakes: Any, suite_document: dict[str, Any]
) -> None:
    plain = suite_document["tasks"][1]
    wrapped = {**plain, "wrapper": "mirrored"}
    agents = [{"name": "first", "policy": "fake_wrappers:First"}]
    run = run_fakes(tmp_path / "run", tasks=[plain, wrapped], agents=agents)
    one, other = run.references["light"], run.references["light (mirrored)"]
    assert one.instances == other.instances
    task = TaskSpec.parse(wrapped)
    assert measure_references(task, probe(task), "x").instances == one.instances
    straight, mirrored = (r for r in run.results if r.agent == "first")
    assert straight.records[0].metrics != mirrored.records[0].metrics
    configs = [json.loads(path.read_text()) for path in run.folder.glob("jobs/*/config.json")]
    assert sorted(c["task"].get("wrapper", "") for c in configs if c["agent"]["name"] == "first")
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(run.suite.document()))
    imports = ["fake_scheduling", "fake_wrappers"]
    outcome = submit(run, "first", tmp_path / "submission", suite=str(path), imports=imports)
    assert outcome.passed, outcome.reasons
    tasks = load_submission(tmp_path / "submission").tasks
    assert [task.wrapper for task in tasks] == [None, "mirrored"]


class TestDramDesign:
    """The shipped wrappers, around the one-shot design of a memory controller."""

    TASK = TaskSpec(env="chipgym/DramDesign-v0", instances=2, kwargs={"num_requests": 200})

    @pytest.mark.parametrize(
        ("algorithm", "wrapper", "env"),
        [
            ("ppo", None, "Design"),
            ("ppo", "continuous", "Design"),
            ("sac", "continuous", "Design"),
            ("a2c", None, "Design"),
            ("a2c", "multiplexed", "Design"),
            ("dqn", "multiplexed", "Design"),
            ("maskable_ppo", "multiplexed", "Design"),
            ("maskable_ppo", None, "Tuning"),
            ("dqn", None, "Tuning"),
        ],
    )
    def test_algorithms_train_in_it(
        self, tmp_path: Path, algorithm: str, wrapper: str | None, env: str
    ) -> None:
        update = {"wrapper": wrapper, "env": f"chipgym/Dram{env}-v0"}
        kwargs = self.TASK.kwargs | ({"budget": 6} if env == "Tuning" else {})
        task = self.TASK.model_copy(update=update | {"kwargs": kwargs})
        agent = AgentSpec(name="learner", algorithm=algorithm, steps=120)
        job = make_job(tmp_path, task, agent, 0, CurveSpec(points=1, instances=1), "x")
        outcome = execute_job(job)
        assert outcome.status == "finished", outcome.error
        result = read_result(job)
        assert [record.instance for record in result.records] == [0, 1]
        assert result.training_steps >= 120
        metric = probe(task).metric
        assert all(record.metrics[metric] is not None for record in result.records)
        # What was saved acts as it did.
        policy = load_trained(Path(job.folder))
        again = make_env(task)
        observation, info = again.reset(seed=0, options={"instance": 0})
        mask = info.get("action_mask")
        masks = None if mask is None else np.asarray(mask)[None]
        first = policy.act(observation[None], masks, None)[0]
        np.testing.assert_array_equal(first, result.records[0].actions[0])
