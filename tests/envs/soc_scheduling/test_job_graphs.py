"""The graphs of the jobs in flight agree with the schedule and with the applications."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.layout import static_views

ID = "chipgym/SocScheduling-v0"
OUTSTANDING, READY, ASSIGNED, EXECUTING, COMPLETED = range(5)


def make(scenario: str, **kwargs):
    return gym.make(ID, scenario=scenario, **kwargs).unwrapped


def decisions(env, steps: int, seed: int = 0):
    """Random decisions of an episode, one problem view after the other."""
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(steps):
        yield env.problem
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            return


@pytest.mark.parametrize("scenario", ["canonical", "six-app-high", "shared-memory", "random-dags"])
def test_states_follow_the_schedule(scenario: str):
    env = make(scenario)
    seen = set()
    for view in decisions(env, 150):
        jobs, schedule = view.jobs, env.schedule()
        finished = set(zip(schedule["job"], schedule["task"], strict=True))
        numbers = jobs.job[jobs.task_job]
        for node, (job, task) in enumerate(zip(numbers, jobs.task, strict=True)):
            assert (jobs.state[node] == COMPLETED) == ((job, task) in finished)
        seen |= set(jobs.state.tolist())
        assert np.array_equal(jobs.pe >= 0, jobs.state >= ASSIGNED)
        assert (jobs.state == EXECUTING).sum() == view.pe_busy.sum()
        assert set(jobs.pe[jobs.state == EXECUTING]) == set(np.flatnonzero(view.pe_busy))
        assert np.array_equal(numbers[jobs.ready_node], view.ready_job)
        assert np.array_equal(jobs.task[jobs.ready_node], view.ready_task)
        assert (jobs.state[jobs.ready_node] == READY).all()
        assert np.allclose(jobs.upward_rank_us[jobs.ready_node], view.upward_rank_us)
        assert np.allclose(jobs.remaining_us[jobs.ready_node], view.mean_exec_us)
        assert (jobs.remaining_us[jobs.state == COMPLETED] == 0).all()
        assert (np.diff(jobs.job) > 0).all()
        assert len(jobs.job) <= jobs.max_jobs
        assert jobs.num_completed + len(jobs.job) == jobs.job[-1] + 1
        started = np.array(
            [(jobs.state[jobs.task_job == j] >= EXECUTING).any() for j in range(len(jobs.job))]
        )
        assert np.array_equal(jobs.job_started_us >= 0, started)
        assert (jobs.job_started_us <= jobs.job_age_us).all()
    assert seen == {OUTSTANDING, READY, ASSIGNED, EXECUTING, COMPLETED}


def test_edges_are_the_applications():
    env = make("six-app-mid")
    for view in decisions(env, 60):
        jobs = view.jobs
        static = static_views(view.instance.ki, view.instance.kf)
        for j, app in enumerate(jobs.job_app):
            first, last = static["task_ptr"][app : app + 2]
            wanted = [
                (int(u), int(v) - first)
                for v in range(first, last)
                for u in static["pred_task"][static["pred_ptr"][v] : static["pred_ptr"][v + 1]]
            ]
            inside = jobs.task_job[jobs.edge_source] == j
            pairs = zip(
                jobs.task[jobs.edge_source[inside]],
                jobs.task[jobs.edge_target[inside]],
                strict=True,
            )
            assert sorted(pairs) == sorted(wanted)
        open_edges = jobs.state[jobs.edge_source] != COMPLETED
        missing = np.bincount(jobs.edge_target[open_edges], minlength=len(jobs.task))
        assert np.array_equal(missing, jobs.missing)
        below = np.full(len(jobs.task), -1)
        np.maximum.at(below, jobs.edge_source, jobs.height[jobs.edge_target])
        assert np.array_equal(jobs.height, below + 1)


def test_a_view_keeps_its_moment():
    env = make("canonical")
    views = list(decisions(env, 40))
    late = [view.jobs.state for view in views]
    fresh = [view.jobs.state for view in decisions(env, 40)]
    assert all(np.array_equal(a, b) for a, b in zip(late, fresh, strict=True))
    assert views[0].jobs is views[0].jobs


def test_a_task_of_a_failed_pe_is_ready_again():
    env = make("pe-failure")
    for view in decisions(env, 400):
        assert (view.jobs.pe[view.jobs.state == READY] == -1).all()


def test_arrivals_can_be_thinned_out():
    env = make("six-app-mid")
    env.reset(seed=3)
    plain = env.instance.workload
    env.reset(seed=3, options={"gap_factor": 2.5})
    thin = env.instance.workload
    assert np.array_equal(thin.gap_us, np.floor(plain.gap_us * 2.5))
    assert np.array_equal(thin.app_index, plain.app_index)
    assert thin.key == plain.key
    with pytest.raises(InvalidValueError, match="gap_factor"):
        env.reset(options={"gap_factor": -1.0})
    with pytest.raises(InvalidValueError, match="split='train'"):
        make("six-app-mid", split="test").reset(options={"gap_factor": 2.0})
