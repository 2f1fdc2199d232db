"""Credit, training and saving of the learned schedulers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from scheduler_toys import (
    FORMS,
    MAPPING,
    ORDERING,
    SMALL,
    build,
    factory,
    mean_cost,
    scores,
    views,
)

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.policy import Policy
from chipgym.agents.core.registry import make_policy
from chipgym.agents.papers.deepsocs.agent import DeepSocsAgent
from chipgym.agents.papers.deepsocs.learner import DeepSocsLearner
from chipgym.agents.papers.deepsocs.settings import DeepSocsSettings
from chipgym.agents.papers.scheduling.credit import (
    AverageReward,
    merge_instants,
    returns_over_time,
    time_aligned_baselines,
)
from chipgym.agents.papers.scheduling.episodes import Episode, play_episodes
from chipgym.agents.papers.scheduling.names import (
    ALGORITHMS,
    check_hyperparameters,
    find_trainer,
)
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy, load_scheduler
from chipgym.agents.papers.socrates.learner import MatchingLearner
from chipgym.agents.papers.socrates.settings import MatchingSettings
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Credit


def test_average_reward_is_over_time_and_forgets() -> None:
    average = AverageReward(2)
    assert average.per_us == 0.0
    average.add(np.array([-1.0, -5.0, -3.0]), np.array([1.0, 0.0, 3.0]))
    assert average.per_us == -1.0  # the interval without length does not count
    average.add(np.array([-6.0]), np.array([6.0]))
    assert average.per_us == -1.0
    average.add(np.array([-0.5]), np.array([4.0]))
    assert average.per_us == pytest.approx(-0.65)


def test_baselines_are_the_mean_at_the_same_time() -> None:
    times = [np.array([0.0, 10.0, 10.0, 20.0]), np.array([0.0, 5.0])]
    returns = [np.array([4.0, 2.0, 1.0, 0.0]), np.array([2.0, 6.0])]
    first, second = time_aligned_baselines(times, returns)
    # At 0: (4 + 2) / 2; at 10: (2 + 6) / 2, the last of the second rollout; at 20: (0 + 6) / 2.
    assert first.tolist() == [3.0, 4.0, 4.0, 3.0]
    # At 5 the first rollout is half-way between 4 and 2.
    assert second.tolist() == [3.0, 4.5]


def test_decisions_at_one_instant_are_grouped() -> None:
    first, instant = merge_instants([3, 3, 4, 7, 7, 7])
    assert first.tolist() == [0, 2, 3]
    assert instant.tolist() == [0, 0, 1, 2, 2, 2]


def test_returns_go_by_the_time_that_passes() -> None:
    spread, bonus = np.array([-2.0, 0.0, -4.0]), np.array([0.0, 0.0, 8.0])
    durations = np.array([1.0, 0.0, 2.0])
    plain = returns_over_time(spread, bonus, durations, 1.0)
    assert plain.tolist() == [2.0, 4.0, 4.0]
    discount = 0.5
    rate = np.log(2.0)
    last = -4.0 * (1 - 0.25) / (2 * rate) + 0.25 * 8.0
    first = -2.0 * (1 - 0.5) / rate + 0.5 * last
    found = returns_over_time(spread, bonus, durations, discount)
    np.testing.assert_allclose(found, [first, last, last])


def test_a_constant_cost_is_the_integral_of_its_discount() -> None:
    durations = np.array([3.0, 1.0, 4.0])
    found = returns_over_time(-0.5 * durations, np.zeros(3), durations, 0.9)
    whole = returns_over_time(np.array([-4.0]), np.zeros(1), np.array([8.0]), 0.9)
    assert found[0] == pytest.approx(whole[0])


def toy_episode(rewards: list[float], **fields: Any) -> Episode:
    """Four decisions: two at 0 µs, one at 10, one at 30; everything ends at 40."""
    return Episode(
        decisions=[None] * 4,
        choices=[0] * 4,
        pass_index=[0, 0, 1, 2],
        time_us=[0.0, 0.0, 10.0, 30.0],
        completed=[0, 0, 0, 1],
        rewards=rewards,
        terminated=True,
        metrics={"makespan_us": 40.0, "completed_jobs": 2.0},
        **fields,
    )


def test_intervals_of_an_episode() -> None:
    episode = toy_episode([0.0, -1.0, -4.0, -1.0])
    assert episode.durations_us.tolist() == [0.0, 10.0, 20.0, 10.0]
    assert episode.completions.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_advantages_of_deepsocs_by_hand() -> None:
    settings = DeepSocsSettings(normalise_advantages=False)
    learner = DeepSocsLearner(DeepSocsAgent(settings, 0))
    episodes = [toy_episode([0.0, -1.0, -4.0, -1.0]), toy_episode([0.0, -2.0, -6.0, -2.0])]
    # Average reward: -16 in 80 µs, -0.2 a µs. Differential rewards of the three instants: 1, 0, 1
    # and 0, -2, 0, so returns 2, 1, 1 and -2, -2, 0; baselines 0, -0.5, 0.5.
    first, second = learner.advantages(episodes)
    np.testing.assert_allclose(first, [2.0, 2.0, 1.5, 0.5], atol=1e-12)
    np.testing.assert_allclose(second, [-2.0, -2.0, -1.5, -0.5], atol=1e-12)


def test_decisions_can_be_discounted_one_by_one_as_published() -> None:
    settings = DeepSocsSettings(
        normalise_advantages=False, share_instants=False, average_rewards=0, discount=0.5
    )
    learner = DeepSocsLearner(DeepSocsAgent(settings, 0))
    episodes = [toy_episode([0.0, -8.0, 0.0, 0.0]), toy_episode([0.0] * 4)]
    first, _ = learner.advantages(episodes)
    # Returns -4, -8, 0, 0; at 0 µs the baseline is the mean of the first decisions, -2.
    np.testing.assert_allclose(first, [-2.0, -6.0, 0.0, 0.0])


def test_schedules_of_deepsocs() -> None:
    settings = DeepSocsSettings(entropy_start=1.0, entropy_end=0.0, gap_start=5.0)
    learner = DeepSocsLearner(DeepSocsAgent(settings, 0))
    assert [learner.entropy_weight(9, p) for p in (0.0, 0.5, 1.0)] == [1.0, 0.5, 0.0]
    assert [learner.gap_factor(9, p) for p in (0.0, 0.25, 0.5, 1.0)] == [5.0, 3.0, 1.0, 1.0]
    counted = dataclasses.replace(settings, entropy_updates=10, gap_updates=10)
    learner = DeepSocsLearner(DeepSocsAgent(counted, 0))
    assert [learner.entropy_weight(u, 0.0) for u in (0, 5, 20)] == [1.0, 0.5, 0.0]
    assert [learner.gap_factor(u, 0.0) for u in (0, 5, 20)] == [5.0, 3.0, 1.0]
    assert len(set(learner.seeds(0, 1, 4))) == 1
    assert learner.seeds(0, 1, 4) != learner.seeds(1, 1, 4)


def matching(problem: Any, **changes: Any) -> MatchingLearner:
    return MatchingLearner(build("scarl", problem), MatchingSettings(**changes))


def test_credit_of_socrates_by_hand() -> None:
    problem = views(MAPPING, 1)[0]
    episode = toy_episode([0.0, -1.0, -4.0, -1.0])
    plain = matching(problem, discount=1.0, reward_scale=2.0)
    assert plain.returns(episode).tolist() == [-12.0, -12.0, -10.0, -2.0]
    published = matching(problem, discount=1.0, reward="completions")
    # 40 µs cost 20 and two jobs bring 100; from 30 µs on 5 and 50.
    assert published.returns(episode).tolist() == [80.0, 80.0, 85.0, 45.0]
    stepwise = matching(problem, discount=0.5, reward_scale=1.0, matching=False)
    assert stepwise.returns(episode).tolist() == [-1.625, -3.25, -4.5, -1.0]
    timed = matching(problem, discount=0.99, reward_scale=1.0).returns(episode)
    assert timed[0] == timed[1]  # decisions at one instant have the same consequences


def test_decisions_count_once_their_task_is_completed() -> None:
    problems = views(MAPPING, 20)
    learner = matching(problems[0])
    episode = Episode(last=problems[-1])
    for problem in problems:
        episode.decisions.append(learner.agent.observe(problem))
        episode.choices.append(0)
    jobs = problems[-1].jobs
    done = {
        (job, task)
        for job, task, state in zip(jobs.job[jobs.task_job], jobs.task, jobs.state, strict=True)
        if state == 4
    }
    gone = set(range(int(jobs.job[0])))
    expected = [d.task in done or d.task[0] in gone for d in episode.decisions]
    assert learner.matched(episode).tolist() == expected
    assert 0 < sum(expected) < len(expected)
    episode.terminated = True
    assert learner.matched(episode).all()


# Episodes


def test_copies_with_one_seed_have_the_same_stream() -> None:
    envs = factory(ORDERING, num_jobs=3)(3)
    agent = build("deepsocs", None)
    episodes = play_episodes(envs, agent, [7, 7, 7], [0])
    assert [len(episode.choices) for episode in episodes] == [30, 30, 30]
    assert all(episode.terminated for episode in episodes)
    assert len({tuple(episode.choices) for episode in episodes}) > 1
    for episode in episodes:
        assert sum(episode.rewards) == pytest.approx(-episode.metrics["cost_vs_etf"])
        assert episode.durations_us.sum() == pytest.approx(episode.metrics["makespan_us"])
        assert episode.completions.sum() == 3
        assert episode.evaluations == 1
    rare = play_episodes(envs, agent, [7, 7, 7], [0], gap_factor=40.0)
    assert rare[0].metrics["makespan_us"] > 2 * episodes[0].metrics["makespan_us"]


def test_environments_that_reset_a_step_later_are_refused(algorithm: str) -> None:
    def make(num_envs: int) -> Any:
        return gym.make_vec(FORMS[algorithm], num_envs, "vector_entry_point")

    with pytest.raises(InvalidValueError, match="autoreset_mode"):
        find_trainer(algorithm)(make, 10, 0)


def test_environments_without_job_graphs_are_refused(algorithm: str) -> None:
    def make(num_envs: int) -> Any:
        kwargs = {"autoreset_mode": AutoresetMode.SAME_STEP}
        return gym.make_vec("CartPole-v1", num_envs, "sync", vector_kwargs=kwargs)

    with pytest.raises(InvalidValueError, match="SoC scheduling"):
        find_trainer(algorithm)(make, 10, 0)


# Training, saving


def trained(algorithm: str, **changes: Any) -> Any:
    values = {**SMALL[algorithm], **changes}
    make = factory(FORMS[algorithm], num_jobs=2)
    return find_trainer(algorithm)(make, 320, 5, values, record_every=160)


def test_the_same_seed_trains_the_same_agent_which_survives_saving(
    algorithm: str, tmp_path: Path
) -> None:
    first, second = trained(algorithm), trained(algorithm)
    assert first.curve == second.curve
    assert (first.steps, first.evaluations) == (320, 16)
    assert [record["steps"] for record in first.curve] == [160.0, 320.0]
    assert first.curve[0]["mean_length"] == 20.0
    first.policy.save(tmp_path)
    loaded = load_scheduler(tmp_path)
    problems = views(FORMS[algorithm], 20)
    for one, other in ((first.policy, second.policy), (first.policy, loaded)):
        assert torch.equal(scores(one.agent, problems), scores(other.agent, problems))
    loaded.reset(20, 0)
    first.policy.reset(20, 0)
    arguments = (np.zeros((20, 1)), None, problems)
    assert np.array_equal(loaded.act(*arguments), first.policy.act(*arguments))
    assert isinstance(loaded, Policy)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    SchedulingPolicy(build("scarl", None)).save(tmp_path)
    path = tmp_path / "policy.json"
    document = json.loads(path.read_text())
    for change in (
        {"format": "other"},
        {"algorithm": "deepsocs"},
        {"algorithm": "nobody"},
        {"settings": {"width": 9}},
        {"settings": {"width": -1}},
        {"weights": "0"},
    ):
        path.write_text(json.dumps({**document, **change}))
        with pytest.raises(FileFormatError):
            load_scheduler(tmp_path)


def test_a_random_policy_draws_the_same_for_any_number_of_environments() -> None:
    problems = views(MAPPING, 3)
    policy = SchedulingPolicy(build("scarl", problems[0]), deterministic=False)
    policy.reset(3, 4)
    together = [policy.act(np.zeros((3, 1)), None, problems) for _ in range(5)]
    policy.reset(1, 4)
    alone = [policy.act(np.zeros((1, 1)), None, problems[:1]) for _ in range(5)]
    assert [int(row[0]) for row in together] == [int(row[0]) for row in alone]
    with pytest.raises(InvalidValueError, match="problem views"):
        policy.act(np.zeros((1, 1)), None, None)


def test_a_callback_ends_the_training(algorithm: str) -> None:
    make = factory(FORMS[algorithm], num_jobs=2)
    result = find_trainer(algorithm)(
        make, 10_000, 0, SMALL[algorithm], callback=lambda record: False, record_every=1
    )
    assert result.steps == 80
    assert len(result.curve) == 1


def test_shipped_and_published_hyperparameters_are_valid(algorithm: str) -> None:
    check_hyperparameters(algorithm, load_hyperparameters(algorithm).values)
    check_hyperparameters(algorithm, load_hyperparameters(algorithm, entry="published").values)
    with pytest.raises(UnknownNameError):
        check_hyperparameters(algorithm, {"momentum": 1})


def test_hyperparameters_are_checked() -> None:
    for name, values in (
        ("deepsocs", {"features": "none"}),
        ("deepsocs", {"width": 0}),
        ("deepsocs", {"gap_start": 0.5}),
        ("socrates", {"learning": {"reward": "none"}}),
        ("socrates", {"learning": {"discount": 0.0}}),
        ("socrates", {"hidden": []}),
        ("scarl", {"time_scale_us": 0}),
    ):
        with pytest.raises((InvalidValueError, UnknownNameError)):
            check_hyperparameters(name, values)


LEARNING: dict[str, tuple[int, int, dict[str, Any]]] = {
    "deepsocs": (5, 4000, {}),
    "socrates": (
        1,
        6400,
        {
            "hidden": (32,),
            "estimates": True,
            "learning": {
                "num_envs": 16,
                "learning_rate": 1e-2,
                "entropy": 0.0,
                "reward_scale": 1.0,
            },
        },
    ),
    "scarl": (
        1,
        3200,
        {
            "width": 16,
            "learning": {
                "num_envs": 16,
                "learning_rate": 1e-2,
                "entropy": 0.0,
                "reward_scale": 1.0,
            },
        },
    ),
}


def test_a_short_training_beats_random_decisions(algorithm: str) -> None:
    jobs, steps, values = LEARNING[algorithm]
    env_id = FORMS[algorithm]
    result = find_trainer(algorithm)(factory(env_id, num_jobs=jobs), steps, 0, values)
    random = mean_cost(make_policy("random"), env_id, jobs, 10)
    assert mean_cost(result.policy, env_id, jobs, 10) < random - 0.02
