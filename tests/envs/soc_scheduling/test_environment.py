"""What is particular to SoC scheduling: known optimum, rewards, forms of action, splits, errors."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chipgym.envs.soc_scheduling.env import SocSchedulingEnv
from chipgym.envs.soc_scheduling.presets import SCENARIOS
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError, UnknownNameError
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.workload import Workload

ID = "chipgym/SocScheduling-v0"


def make(scenario: str = "six-app-mid", env_id: str = ID, **kwargs):
    return gym.make(env_id, scenario=scenario, **kwargs).unwrapped


def earliest_task_first(env) -> int:
    finish = env.problem.estimated_finish_us
    slot, pe = divmod(int(np.argmin(finish)), env.problem.num_pes)
    return env.problem.encode(slot, pe)


def play(env, choose, **reset):
    """Play an episode; return its rewards and its last info."""
    env.reset(**reset)
    rewards, done = [], False
    while not done:
        _, reward, terminated, truncated, info = env.step(choose(env))
        rewards.append(reward)
        done = terminated or truncated
    return rewards, info


def test_the_toy_optimum_is_three_microseconds():
    env = make("toy")
    env.reset(seed=0)
    # b on A.0, then a, which has moved up to the first slot, on B.0.
    env.step(env.problem.encode(1, 0))
    _, reward, terminated, _, info = env.step(env.problem.encode(0, 1))
    assert terminated
    assert info["metrics"]["makespan_us"] == 3
    # Earliest task first needs 4: a and b on A.0 one after the other.
    assert reward == pytest.approx(-3 / 4)


@pytest.mark.parametrize("scenario", ["canonical", "six-app-mid", "shared-memory", "noise-30"])
def test_etf_through_the_environment_is_the_simulators_etf(scenario: str):
    env = make(scenario, split="test")
    rewards, info = play(env, earliest_task_first, options={"instance": 3})
    instance = env.instance
    result = simulate(
        instance.platform,
        instance.applications,
        instance.workload,
        "ETF",
        instance.options,
        record_trace=True,
    )
    schedule = env.schedule()
    for column in ("job", "task", "pe", "start_us", "finish_us", "energy_j"):
        assert schedule[column] == getattr(result.trace, column).tolist(), column
    assert info["metrics"]["mean_latency_us"] == result.mean_latency_us
    assert info["metrics"]["energy_j"] == result.energy_j
    assert sum(rewards) == pytest.approx(-1, abs=1e-12)


@pytest.mark.parametrize(
    ("objective", "metric"),
    [
        ("latency", "mean_latency_us"),
        ("makespan", "makespan_us"),
        ("energy", "energy_j"),
        ("edp", "edp_j_us"),
    ],
)
def test_the_return_is_minus_the_metric_in_units_of_etf(objective: str, metric: str):
    rng = np.random.default_rng(5)
    env = make("six-app-mid", objective=objective, split="test", num_jobs=8)
    _, base = play(env, earliest_task_first, options={"instance": 1})
    rewards, info = play(
        env,
        lambda e: int(rng.choice(np.flatnonzero(e.action_masks()))),
        options={"instance": 1},
    )
    assert env.primary_metric == metric
    assert sum(rewards) == pytest.approx(-info["metrics"][metric] / base["metrics"][metric])
    assert info["metrics"]["cost_vs_etf"] == pytest.approx(-sum(rewards))
    assert max(rewards) <= 0


def test_deadline_misses_are_counted():
    env = make("deadlines", split="test")
    rewards, info = play(env, lambda e: int(np.flatnonzero(e.action_masks())[0]))
    assert sum(rewards) == pytest.approx(-info["metrics"]["deadline_miss_fraction"])
    assert info["metrics"]["deadline_miss_fraction"] > 0.5


def test_waiting_moves_the_clock_and_keeps_the_tasks():
    env = make("six-app-mid")
    env.reset(seed=4)
    before = env.problem
    assert before.wait_allowed
    env.step(before.wait_action)
    after = env.problem
    assert after.time_us > before.time_us
    assert after.ready_job[: before.num_ready].tolist() == before.ready_job.tolist()


def test_waiting_is_masked_when_nothing_would_happen():
    env = make("toy")
    env.reset(seed=0)
    wait = env.problem.wait_action
    assert not env.action_masks()[wait]
    with pytest.raises(InvalidValueError, match="action = 4"):
        env.step(wait)


@pytest.mark.parametrize("scenario", ["six-app-high", "wifi-mix", "noise-30"])
def test_waiting_whenever_allowed_still_completes_every_job(scenario: str):
    # Tasks of length zero can end a wait within its instant, with nothing else to come.
    env = make(scenario, split="test", num_jobs=8)
    rng = np.random.default_rng(0)

    def choose(e):
        legal = np.flatnonzero(e.action_masks())
        wait = e.problem.num_slots * e.problem.num_pes
        return wait if wait in legal and rng.random() < 0.9 else rng.choice(legal)

    for instance in range(4):
        _, info = play(env, choose, options={"instance": instance})
        assert info["metrics"]["completed_jobs"] == 8


def test_ordering_form_places_by_earliest_finish():
    ordering = make("canonical", "chipgym/SocTaskOrdering-v0", split="test")
    _, info = play(ordering, lambda e: 0, options={"instance": 0})
    mapping = make("canonical", "chipgym/SocTaskMapping-v0", split="test")
    _, other = play(
        mapping,
        lambda e: int(np.argmin(e.problem.estimated_finish_us[0])),
        options={"instance": 0},
    )
    instance = mapping.instance
    result = simulate(
        instance.platform, instance.applications, instance.workload, "EFT", instance.options
    )
    assert info["metrics"]["mean_latency_us"] == result.mean_latency_us
    assert other["metrics"]["mean_latency_us"] == result.mean_latency_us


def test_frequencies_can_be_set_once_an_instant():
    env = make("dvfs-power-cap")
    env.reset(seed=1)
    first_point = env.problem.wait_action + 1
    assert env.action_masks()[first_point]
    slow = env.problem.slowdown.copy()
    env.step(first_point)
    assert env.problem.slowdown[0] > slow[0]
    assert not env.action_masks()[first_point : first_point + 5].any()


def test_failures_return_tasks_and_mask_the_pe():
    env = make("pe-failure", num_jobs=60)
    rng = np.random.default_rng(0)
    seen_failed = False

    def choose(e):
        nonlocal seen_failed
        failed = e.observation_layout.split(e._batch.obs[0])["pes"][:, 4] == 0
        if failed.any() and e.problem.num_ready:
            seen_failed = True
            assert np.isinf(e.problem.exec_us[:, failed]).all()
        finish = e.problem.estimated_finish_us
        slot, pe = divmod(int(np.argmin(finish + rng.random(finish.shape))), e.problem.num_pes)
        return e.problem.encode(slot, pe)

    _, info = play(env, choose, seed=2)
    assert seen_failed
    assert info["metrics"]["failures"] > 0
    assert info["metrics"]["completed_jobs"] == 60


def test_splits_do_not_overlap_and_test_instances_are_fixed():
    first, second = make(split="test"), make(split="test")
    first.reset(seed=1, options={"instance": 7})
    second.reset(seed=2, options={"instance": 7})
    assert first.instance.workload.content_hash == second.instance.workload.content_hash
    tests = {first.generator.test(k).workload.content_hash for k in range(first.num_instances)}
    train = make(split="train")
    hashes = set()
    for seed in range(100):
        train.reset(seed=seed)
        hashes.add(train.instance.workload.content_hash)
    assert len(tests) == first.num_instances
    assert len(hashes) == 100
    assert not hashes & tests


def test_a_workload_can_be_replayed():
    env = make("canonical")
    workload = Workload([0, 0], [5.0, 0.0], key=3)
    _, info = play(env, earliest_task_first, options={"workload": workload})
    assert info["metrics"]["completed_jobs"] == 2
    assert env.instance_id == f"workload-{workload.content_hash}"


def test_own_platform_and_applications_by_path(tmp_path):
    source = make("canonical")
    source.generator.platform.save(tmp_path / "chip.json")
    source.generator.applications[0].save(tmp_path / "app.json")
    env = make(
        "canonical",
        platform=str(tmp_path / "chip.json"),
        applications=[str(tmp_path / "app.json")],
    )
    env.reset(seed=0)
    source.reset(seed=0)
    assert env.problem.exec_us.tolist() == source.problem.exec_us.tolist()


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"scenario": "six-app-hihg"}, "did you mean 'six-app-high'"),
        ({"split": "trian"}, "did you mean 'train'"),
        ({"objective": "latecy"}, "did you mean 'latency'"),
        ({"num_jobs": 0}, "num_jobs = 0"),
        ({"num_jobs": 2.5}, "num_jobs = 2.5"),
        ({"platform": "ds3-17pe"}, "did you mean 'ds3-16pe'"),
        ({"platform": "parametric:num_fft=many"}, "parametric:name=count"),
        ({"platform": "parametric:num_ftt=2"}, "did you mean 'num_fft'"),
        ({"applications": []}, "applications"),
        ({"applications": ["wifi"]}, "is not an application"),
    ],
)
def test_bad_arguments_are_explained(kwargs: dict, text: str):
    with pytest.raises(ChipGymError, match=text):
        make(**kwargs)


@pytest.mark.parametrize(
    ("split", "options", "text"),
    [
        ("test", {"instance": 100}, "instance = 100"),
        ("test", {"instance": -1}, "instance = -1"),
        ("train", {"instance": 0}, "only with split='test'"),
        ("train", {"instnace": 0}, "did you mean 'instance'"),
        ("train", {"workload": [1, 2]}, "a Workload"),
    ],
)
def test_bad_reset_options_are_explained(split: str, options: dict, text: str):
    with pytest.raises(ChipGymError, match=text):
        make(split=split).reset(options=options)


def test_actions_out_of_range_change_nothing():
    env = make("canonical")
    env.reset(seed=0)
    state = env.get_state()
    for action in (-1, env.action_space.n, "first"):
        with pytest.raises(InvalidValueError, match="action"):
            env.step(action)
    assert env.get_state() == state


def test_unknown_render_modes_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'ansi'"):
        SocSchedulingEnv(render_mode="ansii")


def test_unknown_scenario_lists_the_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        make("nothing-like-it")
    assert set(SCENARIOS) <= set(caught.value.known)


def test_stepping_before_reset_and_after_the_end_is_refused():
    env = make("toy")
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    play(env, lambda e: int(np.flatnonzero(e.action_masks())[0]))
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
