"""Control at run time: what its episodes mean."""

import gymnasium as gym
import numpy as np
import pytest

import chipgym  # noqa: F401  # registers the ids
from chipgym.envs import dram_runtime_v0
from chipgym.envs.dram_tuning.render import render_ansi, render_rgb
from chipgym.envs.dram_tuning.runtime_knobs import (
    DEFAULT_CHOICE,
    PRESETS,
    RUNTIME_KNOBS,
    runtime_config,
)
from chipgym.envs.dram_tuning.runtime_presets import SCENARIOS
from chipgym.envs.dram_tuning.runtime_reward import refresh_energy_pj
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.runtime import RUNTIME_SETTINGS
from chipgym.simulators.dram.simulate import simulate
from chipgym.simulators.dram.trace import Trace

ID = "chipgym/DramRuntime-v0"


def make(**kwargs):
    return gym.make(ID, **{"split": "test", "num_requests": 400, **kwargs}).unwrapped


def play(env, choose, instance=0):
    env.reset(options={"instance": instance})
    total, done = 0.0, False
    while not done:
        _, reward, done, _, info = env.step(choose())
        total += reward
    return total, info["metrics"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_never_changing_anything_is_the_default_simulation(scenario):
    env = make(scenario=scenario)
    total, metrics = play(env, lambda: np.array(DEFAULT_CHOICE))
    result = simulate(env.instance.workload, runtime_config(DEFAULT_CHOICE))
    assert total == pytest.approx(-1)
    assert metrics["cost_vs_default"] == pytest.approx(1)
    assert metrics["total_time_ns"] == result.total_time_ns == metrics["settled_time_ns"]
    assert metrics["energy_pj"] == result.energy_pj == metrics["settled_energy_pj"]
    assert metrics["mean_latency_ns"] == result.mean_latency_ns
    assert metrics["changes"] == 0
    assert env.instance.default_costs[0] * 1.0 == result.total_cycles


def test_random_settings_keep_jedec_and_serve_all():
    env = make(scenario="everything", render_mode="ansi")
    env.action_space.seed(0)
    _, metrics = play(env, env.action_space.sample)
    replayed = env.session.replay()
    assert replayed.total_time_ns == metrics["total_time_ns"]
    assert replayed.energy_pj == metrics["energy_pj"]
    assert violations(env.instance.workload.memory.device, replayed.trace) == []
    served = sum(metrics[f"{name}_count"] for name in ("RD", "RDA", "WR", "WRA"))
    assert served == 400
    assert metrics["changes"] > 3


def test_no_static_preset_is_best_in_every_phase():
    """Choosing the better of two presets in each window beats both of them."""
    env = make(scenario="idle-burst", num_requests=600, action_form="presets")
    names = list(PRESETS)
    fixed = {
        name: play(env, lambda name=name: names.index(name))[1]["cost_vs_default"]
        for name in ("postpone", "sleepy")
    }
    greedy = _look_ahead(env, [names.index(name) for name in fixed])
    assert greedy < min(fixed.values())


def _look_ahead(env, options):
    """Take the option that is best for this window and the next."""
    env.reset(options={"instance": 0})
    done = False
    while not done:
        state, values = env.get_state(), []
        for option in options:
            env.set_state(state)
            _, value, ended, _, _ = env.step(option)
            values.append(value if ended else value + env.step(options[0])[1])
        env.set_state(state)
        _, _, done, _, info = env.step(options[int(np.argmax(values))])
    return info["metrics"]["cost_vs_default"]


def test_putting_refreshes_off_is_settled_at_the_end():
    env = make(scenario="pattern-switch", num_requests=2000, objective="energy")
    postponed = RUNTIME_KNOBS[3].labels.index("8")
    choice = np.array([0, 0, 0, postponed, 0, 0])
    _, metrics = play(env, lambda: choice)
    device = env.instance.workload.memory.device
    assert metrics["owed_refreshes"] > 0
    added = metrics["settled_energy_pj"] - metrics["energy_pj"]
    assert added == pytest.approx(metrics["owed_refreshes"] * refresh_energy_pj(device))
    refresh_ns = device.timing.RFC * device.clock_ps / 1000
    late = metrics["settled_time_ns"] - metrics["total_time_ns"]
    assert late == pytest.approx(metrics["owed_refreshes"] * refresh_ns)


def test_a_refresh_costs_its_current():
    # DDR3-1600: 8 devices, 1.5 V, 1.25 ns: 88 * 125 + 78 * 45 + 10 * 45 mA cycles.
    assert refresh_energy_pj(load_device("ddr3-1600")) == pytest.approx(8 * 1.5 * 1.25 * 14960)


def test_knobs_are_settings_that_may_change_in_a_run():
    for choice in (DEFAULT_CHOICE, *PRESETS.values()):
        assert len(choice) == len(RUNTIME_KNOBS)
        runtime_config(choice)
    for knob in RUNTIME_KNOBS:
        for settings in knob.settings:
            assert set(settings) <= set(RUNTIME_SETTINGS)
    default = runtime_config(DEFAULT_CHOICE)
    plain = ControllerConfig(request_buffer_size=32, scheduler_buffer="Shared")
    assert default.key() == plain.key()
    assert len(set(PRESETS.values())) == len(PRESETS)


def test_observations_tell_the_last_window():
    env = make(scenario="idle-burst")
    first, _ = env.reset(options={"instance": 1})
    views = env.observation_layout.split(first)
    assert views["window"].sum() == views["traffic"].sum() == 0
    choice = np.array([2, 1, 3, 2, 1, 1])
    after, *_ = env.step(choice)
    views = env.observation_layout.split(after)
    columns = [column.name for column in env.observation_layout["settings"].columns]
    chosen = {name for name, value in zip(columns, views["settings"], strict=True) if value}
    assert "page_policy_Closed" in chosen
    assert "power_down_policy_Staggered" in chosen
    assert len(chosen) == len(RUNTIME_KNOBS)
    assert views["window"][0] == 1


def test_windows_have_the_length_that_was_asked_for():
    env = make(scenario="everything", window_requests=100)
    play(env, lambda: np.array(DEFAULT_CHOICE))
    assert len(env.session.choices) == 4
    env = make(scenario="everything", window_cycles=5000)
    env.reset(options={"instance": 0})
    env.step(np.array(DEFAULT_CHOICE))
    assert env.session.now.cycle == 5000
    for wrong in ({"window_requests": 0}, {"window_requests": 5, "window_cycles": 5}):
        with pytest.raises(InvalidValueError, match="window"):
            make(**wrong)


def test_wrong_arguments_and_actions_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'idle-burst'"):
        make(scenario="idle-brust")
    with pytest.raises(UnknownNameError):
        make(action_form="both")
    env = make()
    env.reset(options={"instance": 0})
    for wrong in ([0] * 5, [0.0] * 6, [4, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, -1], 3):
        before = env.get_state()
        with pytest.raises(InvalidValueError):
            env.step(np.array(wrong))
        assert env.get_state() == before
    presets = make(action_form="presets")
    presets.reset(options={"instance": 0})
    with pytest.raises(InvalidValueError):
        presets.step(len(PRESETS))


def test_a_trace_of_one_s_own():
    env = make()
    trace = Trace(np.arange(50), np.arange(50) * 64, np.zeros(50), name="mine")
    _, info = env.reset(options={"workload": trace})
    assert info["instance"] == "workload-mine"
    with pytest.raises(InvalidValueError, match="Trace"):
        env.reset(options={"workload": [1, 2]})


def test_threads_do_not_change_results():
    records = []
    for threads in (1, 3):
        envs = gym.make_vec(
            ID,
            num_envs=3,
            vectorization_mode="vector_entry_point",
            threads=threads,
            num_requests=200,
        )
        envs.action_space.seed(0)
        envs.reset(seed=0)
        records.append([envs.step(envs.action_space.sample())[:2] for _ in range(8)])
        envs.close()
    for (obs, rewards), (other_obs, other_rewards) in zip(*records, strict=True):
        assert np.array_equal(obs, other_obs)
        assert np.array_equal(rewards, other_rewards)


def test_agents_choices_join_to_one_action():
    env = dram_runtime_v0.parallel_env(split="test", num_requests=200)
    env.reset(options={"instance": 0})
    assert env.possible_agents == ["page_scheduler", "watermarks", "refresh", "power_down"]
    wanted = env.labels["page_scheduler"].index("Closed GrpFrFcfsWm")
    env.step({"page_scheduler": wanted, "watermarks": 2, "refresh": 7, "power_down": 1})
    assert env._env.session.choice == (2, 4, 2, 1, 3, 1)
    with pytest.raises(InvalidValueError, match="one for each"):
        env.step({"page_scheduler": 0})
    with pytest.raises(InvalidValueError, match="settings"):
        dram_runtime_v0.parallel_env(action_form="presets")


def test_rendering_simulates_again_without_a_trace():
    env = make(scenario="everything")
    env.reset(options={"instance": 0})
    workload = env.instance.workload
    config = ControllerConfig(page_policy="Closed")
    kept = simulate(workload, config, record_trace=True)
    bare = simulate(workload, config)
    text = render_ansi(workload, bare, config)
    assert text == render_ansi(workload, kept)
    assert text.count("bank ") >= workload.memory.device.banks
    pytest.importorskip("matplotlib")
    image = render_rgb(workload, kept)
    assert np.array_equal(image, render_rgb(workload, bare, config))
    assert image.dtype == np.uint8
    assert image.ndim == 3
