"""What-if runs: equal to playing by hand, without a trace, and blind to what is not known."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.soc.workload import Workload

ID = "chipgym/SocScheduling-v0"


def make(scenario: str, **kwargs):
    return gym.make(ID, scenario=scenario, **kwargs).unwrapped


def earliest_task_first(env) -> int:
    finish = env.problem.estimated_finish_us
    slot, pe = divmod(int(np.argmin(finish)), env.problem.num_pes)
    return env.problem.encode(slot, pe)


def step(env, action: int) -> tuple[float, bool]:
    """Return the latency that the jobs gathered, us, and whether the episode is over."""
    _, reward, terminated, truncated, _ = env.step(action)
    return -reward * env.instance.etf_latency_us, terminated or truncated


def all_arrived(scenario: str, jobs: int = 4):
    """An environment in which every job is there from the start."""
    env = make(scenario, num_jobs=jobs)
    apps = len(env.generator.applications)
    workload = Workload(np.arange(jobs) % apps, np.zeros(jobs))
    env.reset(seed=0, options={"workload": workload})
    return env


def ask(env, action: int, late: bool, share: float = 0.5, keys=None) -> tuple[float, int]:
    lookahead = env.problem.lookahead
    keys = lookahead.jobs if keys is None else [keys[job] for job in lookahead.jobs]
    cost, decided = lookahead.rollout([action], [late], [share], np.array([keys], dtype=float))
    return float(cost[0]), int(decided[0])


@pytest.mark.parametrize("scenario", ["six-app-mid", "shared-memory"])
def test_a_rollout_of_etf_is_what_playing_etf_by_hand_gives(scenario: str):
    env = all_arrived(scenario)
    legal = np.flatnonzero(env.action_masks())
    first = int(legal[len(legal) // 2])
    expected, decided = ask(env, first, late=False)
    assert decided == first
    total, done = step(env, first)
    while not done:
        gathered, done = step(env, earliest_task_first(env))
        total += gathered
    assert expected == pytest.approx(total)


@pytest.mark.parametrize("scenario", ["six-app-high", "shared-memory", "canonical-open"])
@pytest.mark.parametrize("share", [0.5, 1e9])
def test_late_binding_takes_the_decisions_that_its_rollout_foretold(scenario: str, share: float):
    env = all_arrived(scenario)
    keys = {0: 2.0, 1: 0.0, 2: 3.0, 3: 1.0}
    foretold, _ = ask(env, -1, late=True, share=share, keys=keys)
    total, done = 0.0, False
    while not done:
        rest, action = ask(env, -1, late=True, share=share, keys=keys)
        assert total + rest == pytest.approx(foretold)
        gathered, done = step(env, action)
        total += gathered
    assert total == pytest.approx(foretold)


def test_a_rollout_leaves_no_trace():
    env = make("pe-failure")
    env.reset(seed=3)
    for _ in range(25):
        before = env.get_state()
        ask(env, -1, late=True)
        ask(env, earliest_task_first(env), late=False)
        assert env.get_state() == before
        env.step(earliest_task_first(env))


def test_jobs_to_come_have_no_influence():
    answers = []
    for apps, gaps in (
        ([0, 1, 2, 3, 0, 0], [5, 5, 1000, 1, 1, 0]),
        ([0, 1, 2, 5, 5, 1], [5, 5, 300, 40, 0, 0]),
    ):
        env = make("six-app-mid", num_jobs=6)
        env.reset(seed=0, options={"workload": Workload(np.array(apps), np.array(gaps, float))})
        answers.append([])
        for _ in range(40):
            if env.problem.time_us >= 300:
                break
            answers[-1].append([*ask(env, -1, late=True), *ask(env, -1, late=False)])
            env.step(answers[-1][-1][1])
    assert len(answers[0]) == 40
    assert answers[0] == answers[1]


def test_noise_that_has_not_been_observed_has_no_influence():
    answers = []
    for key in (1, 2, 3):
        env = make("noise-50", num_jobs=3)
        workload = Workload(np.array([1, 0, 0]), np.array([1.0, 500.0, 0.0]), key)
        env.reset(seed=0, options={"workload": workload})
        env.step(earliest_task_first(env))
        # The second job comes while the first task of the first one executes.
        assert env.problem.time_us == 1
        assert env.problem.pe_busy.any()
        answers.append([ask(env, -1, late) for late in (True, False)])
    assert answers[0] == answers[1] == answers[2]


def test_failures_to_come_have_no_influence():
    answers = []
    for key in (1, 2, 3):
        env = make("pe-failure", num_jobs=3)
        workload = Workload(np.array([1, 0, 0]), np.array([1.0, 2.0, 0.0]), key)
        env.reset(seed=0, options={"workload": workload})
        answers.append([ask(env, -1, late) for late in (True, False)])
    assert answers[0] == answers[1] == answers[2]


def test_failed_pes_are_expected_back():
    env = make("pe-failure")
    env.reset(seed=0)
    seen = False
    for _ in range(3000):
        if not np.isfinite(env.problem.exec_us).any(axis=0).all():
            cost, action = ask(env, -1, late=True)
            assert np.isfinite(cost)
            assert env.action_masks()[action]
            seen = True
        if step(env, earliest_task_first(env))[1]:
            env.reset()
    assert seen


def test_waiting_for_a_job_that_may_never_come_costs_infinitely_much():
    env = make("six-app-mid", num_jobs=2)
    env.reset(seed=0, options={"workload": Workload(np.array([0, 0]), np.array([50.0, 0.0]))})
    wait = env.problem.wait_action
    assert env.action_masks()[wait]
    cost, decided = ask(env, wait, late=True)
    assert cost == np.inf
    assert decided == wait


def test_remaining_work_shrinks_to_nothing_with_the_job():
    env = all_arrived("six-app-mid", jobs=2)
    lookahead = env.problem.lookahead
    work, path = lookahead.remaining_us()
    assert work.shape == path.shape == lookahead.age_us.shape == lookahead.jobs.shape == (2,)
    assert (work > 0).all()
    assert (path > 0).all()
    env.step(earliest_task_first(env))
    later, _ = env.problem.lookahead.remaining_us()
    assert later.sum() < work.sum()


def test_answers_end_with_the_decision():
    env = make("six-app-mid")
    env.reset(seed=0)
    lookahead = env.problem.lookahead
    env.step(earliest_task_first(env))
    with pytest.raises(SimulationError, match="moved on"):
        lookahead.remaining_us()


@pytest.mark.parametrize(
    ("actions", "keys"), [([10_000], np.zeros((1, 1))), ([-1], np.zeros((1, 7))), ([-2], [[0.0]])]
)
def test_wrong_questions_are_refused(actions: list[int], keys):
    env = make("six-app-mid")
    env.reset(seed=0)
    with pytest.raises(InvalidValueError):
        env.problem.lookahead.rollout(actions, [True], [0.5], keys)


@pytest.mark.parametrize("env_id", ["chipgym/SocTaskMapping-v0", "chipgym/SocTaskOrdering-v0"])
def test_forms_without_waiting_answer_no_questions(env_id: str):
    env = gym.make(env_id).unwrapped
    env.reset(seed=0)
    with pytest.raises(SimulationError, match="SocScheduling"):
        env.problem.lookahead.rollout([-1], [True], [0.5], [[0.0]])
