"""What is particular to DRAM tuning: known optimum, rewards, rules, budgets, splits, errors."""

from __future__ import annotations

import itertools
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from chipgym.envs.dram_tuning import evaluation
from chipgym.envs.dram_tuning.evaluation import evaluate_batch
from chipgym.envs.dram_tuning.presets import SCENARIOS
from chipgym.envs.dram_tuning.reward import CLIP, INFEASIBLE, OBJECTIVES, PRIMARY_METRICS
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError, UnknownNameError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import Trace

DESIGN = "chipgym/DramDesign-v0"
TUNING = "chipgym/DramTuning-v0"


def make(env_id: str = DESIGN, scenario: str = "ddr4-mixed-rw", **kwargs: Any) -> Any:
    kwargs.setdefault("num_requests", 300)
    return gym.make(env_id, scenario=scenario, **kwargs).unwrapped


def evaluate(env: Any, settings: dict[str, Any], **options: Any) -> tuple[float, dict[str, Any]]:
    """Reward and info of the default design with some settings changed."""
    env.reset(seed=3, options=options)
    _, reward, terminated, _, info = env.step(np.array(env.problem.encode(settings)))
    assert terminated
    return reward, info


def tune(env: Any, edits: list[tuple[str, Any]], **options: Any) -> tuple[list[float], dict]:
    env.reset(seed=3, options=options)
    rewards = []
    for knob, value in edits:
        _, reward, terminated, truncated, info = env.step(env.problem.edit_action(knob, value))
        rewards.append(reward)
    assert terminated or truncated
    return rewards, info


# A read of an open bank with another row takes RP + RCD + RL + burst = 34 cycles of 1.25 ns, of a
# closed bank 24; of the toy's eight reads the first always finds the bank closed.
OPEN_NS, CLOSED_NS = (24 + 7 * 34) / 8 * 1.25, 24 * 1.25


def test_the_toy_optimum_is_the_one_worked_out_by_hand() -> None:
    env = make(scenario="toy")
    latencies = {}
    for design in itertools.product((0, 1), repeat=3):
        env.reset(seed=0)
        _, reward, _, _, info = env.step(np.array(design))
        if info["feasible"]:
            latencies[design] = info["metrics"]["mean_trace_latency_ns"]
            assert reward == pytest.approx(math.log(OPEN_NS / latencies[design]))
    closed = {design: latency for design, latency in latencies.items() if design[0] == 1}
    assert len(latencies) == 6
    assert set(closed.values()) == {CLOSED_NS}
    assert set(latencies.values()) == {CLOSED_NS, OPEN_NS}


def test_a_design_is_what_the_simulator_says() -> None:
    env = make(split="test", objective="edp")
    settings = {
        "page_policy": "ClosedAdaptive",
        "scheduler_buffer": "Shared",
        "request_buffer_size": 32,
        "address_map": "ddr4-2400-brc",
    }
    reward, info = evaluate(env, settings, instance=4)
    instance = env.instance
    workload = prepare(instance.device, instance.address_maps[1], instance.trace)
    settings.pop("address_map")
    result = simulate(workload, ControllerConfig(**settings))
    base = simulate(prepare(instance.device, instance.address_maps[0], instance.trace))
    assert info["metrics"]["total_time_ns"] == result.total_time_ns
    assert info["metrics"]["energy_pj"] == result.energy_pj
    assert reward == pytest.approx(math.log(base.energy_delay_pj_ns / result.energy_delay_pj_ns))


def test_the_default_design_scores_zero() -> None:
    for objective in set(OBJECTIVES) - {"multi"}:
        reward, info = evaluate(make(objective=objective), {})
        assert reward == 0
        assert info["feasible"]
        assert info["evaluations"] == 1


def test_latency_from_the_trace_counts_the_time_before_the_arbiter() -> None:
    """An arbiter that lets few requests in looks fast only from inside."""
    env = make(scenario="archgym-stream", objective="low-latency")
    _, open_door = evaluate(env, {"arbiter": "Fifo", "max_active_transactions": 128})
    _, narrow_door = evaluate(env, {"arbiter": "Fifo", "max_active_transactions": 1})
    inside, outside = "mean_latency_ns", "mean_trace_latency_ns"
    assert narrow_door["metrics"][inside] < open_door["metrics"][inside]
    assert narrow_door["metrics"][outside] > open_door["metrics"][outside]


def test_power_cannot_be_bought_with_time() -> None:
    env = make(scenario="archgym-stream", objective="power-under-time")
    reward, info = evaluate(env, {"arbiter": "Fifo", "max_active_transactions": 1})
    default = env.instance.default_metrics
    assert info["metrics"]["power_mw"] < default["power_mw"]
    assert info["metrics"]["total_time_ns"] > 1.1 * default["total_time_ns"]
    assert reward < 0


def test_losing_data_is_no_gain() -> None:
    settings = {"refresh_policy": "NoRefresh"}
    env = make(knobs="archgym", objective="low-time")
    reward, info = evaluate(env, settings)
    assert reward == INFEASIBLE
    assert not info["feasible"]
    assert "loses data" in info["infeasible_reason"]
    assert info["evaluations"] == 1
    assert info["metrics"]["REFAB_count"] == 0
    worst = math.exp(-INFEASIBLE) * env.instance.default_metrics["total_time_ns"]
    assert info["metrics"]["total_time_ns"] == pytest.approx(worst)
    reproduction = make(scenario="archgym-stream")
    assert evaluate(reproduction, settings)[1]["feasible"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"command_mux": "Strict"}, "requires the Fifo scheduler"),
        (
            {"scheduler": "GrpFrFcfsWm", "high_watermark": 4},
            "high_watermark above the low_watermark",
        ),
        (
            {"scheduler": "GrpFrFcfsWm", "scheduler_buffer": "Shared"},
            "high_watermark must be below request_buffer_size",
        ),
    ],
)
def test_impossible_combinations_are_infeasible_and_not_simulated(settings, reason) -> None:
    env = make()
    reward, info = evaluate(env, settings)
    assert reward == INFEASIBLE
    assert info["evaluations"] == 0
    assert reason in info["infeasible_reason"]
    assert info["reward_terms"] == {"infeasible": INFEASIBLE}
    env.reset(seed=0)
    assert env.problem.broken_rules(env.problem.encode(settings)) == (info["infeasible_reason"],)


def test_samples_of_the_action_space_are_feasible_and_reach_every_value() -> None:
    env = make()
    env.reset(seed=0)
    env.action_space.seed(0)
    drawn = np.array([env.action_space.sample() for _ in range(600)])
    assert not any(env.problem.broken_rules(design) for design in drawn)
    for place, knob in enumerate(env.problem.knobs):
        assert set(drawn[:, place]) == set(range(len(knob.values))), knob.name


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_feasible_scores_are_bounded_and_rank_as_the_metric(objective: str) -> None:
    env = make(objective=objective)
    env.reset(seed=5)
    env.action_space.seed(1)
    points = []
    for _ in range(12):
        env.reset(seed=5)
        _, reward, _, _, info = env.step(env.action_space.sample())
        assert -CLIP <= reward <= CLIP
        sign = -1 if env.lower_is_better else 1
        points.append((sign * info["metrics"][PRIMARY_METRICS[objective]], reward))
    by_metric = [reward for _, reward in sorted(points)]
    assert by_metric == sorted(by_metric)


def test_equal_keys_mean_equal_results() -> None:
    env = make()
    _, first = evaluate(env, {"max_active_transactions": 1})
    _, second = evaluate(env, {"high_watermark": 64})
    _, third = evaluate(env, {"arbiter": "Fifo", "max_active_transactions": 1})
    assert first["design_key"] == second["design_key"] != third["design_key"]
    assert first["metrics"] == second["metrics"] != third["metrics"]


def test_a_design_is_simulated_once_for_a_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated: list[ControllerConfig] = []

    def counted(workload: Any, config: ControllerConfig) -> Any:
        simulated.append(config)
        return simulate(workload, config)

    monkeypatch.setattr(evaluation, "simulate", counted)
    env = make(split="test")
    env.reset(options={"instance": 0})
    simulated.clear()
    ignored = {"arbiter": "Simple", "max_active_transactions": 1}
    designs = [env.problem.encode({"page_policy": "Closed", **more}) for more in ({}, ignored)]
    tasks = [(env.instance, design) for design in (*designs, *designs)]
    first = evaluate_batch(env.design_space, env.objective_entry, tasks)
    again = evaluate_batch(env.design_space, env.objective_entry, tasks)
    assert len(simulated) == 1
    assert {outcome.score for outcome in (*first, *again)} == {first[0].score}
    env.reset(options={"instance": 1})
    evaluate_batch(env.design_space, env.objective_entry, [(env.instance, designs[0])])
    assert len(simulated) == 3  # and the default of the new instance


def test_the_return_is_the_score_of_the_best_design() -> None:
    env = make(TUNING, objective="low-energy", split="test", budget=30)
    rng = np.random.default_rng(0)
    env.reset(seed=0, options={"instance": 2})
    energies, rewards, ended = [env.instance.default_metrics["energy_pj"]], [], False
    while not ended:
        design = make(objective="low-energy", split="test")
        action = int(rng.choice(np.flatnonzero(env.action_masks())))
        _, reward, ended, truncated, info = env.step(action)
        ended = ended or truncated
        rewards.append(reward)
        settings = env.problem.decode(env.session.last.design) if not ended else info["design"]
        energies.append(evaluate(design, settings, instance=2)[1]["metrics"]["energy_pj"])
    assert min(rewards) >= 0
    assert info["metrics"]["energy_pj"] == min(energies)
    assert sum(rewards) == pytest.approx(math.log(energies[0] / min(energies)))


def test_repeated_designs_cost_nothing_and_steps_are_limited() -> None:
    env = make(TUNING, scenario="toy", budget=2)
    there_and_back = [("page_policy", "Closed"), ("page_policy", "Open")]
    rewards, info = tune(env, there_and_back * 4)
    assert info["evaluations"] == 1
    assert rewards[0] == pytest.approx(math.log(OPEN_NS / CLOSED_NS))
    assert not any(rewards[1:])
    assert info["best_design"]["page_policy"] == "Closed"


def test_the_episode_ends_with_the_budget() -> None:
    env = make(TUNING, scenario="toy", budget=2)
    env.reset(seed=0)
    _, _, terminated, _, _ = env.step(env.problem.edit_action("page_policy", "Closed"))
    assert not terminated
    assert env.problem.budget_left == 1
    _, _, terminated, truncated, info = env.step(env.problem.edit_action("scheduler", "Fifo"))
    assert terminated
    assert not truncated
    assert info["evaluations"] == 2
    assert not env.action_masks().any()
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


def test_masks_come_with_their_reasons() -> None:
    env = make(TUNING, scenario="toy", budget=4)
    env.reset(seed=0)
    strict = env.problem.edit_action("command_mux", "Strict")
    reasons = env.mask_reasons()
    assert "requires the Fifo scheduler" in reasons[strict]
    assert reasons[env.problem.edit_action("page_policy", "Open")].endswith("this value already")
    assert sorted(reasons) == np.flatnonzero(~env.action_masks()).tolist()
    with pytest.raises(InvalidValueError, match="command_mux=Strict: Strict requires the Fifo"):
        env.step(strict)
    env.step(env.problem.edit_action("scheduler", "Fifo"))
    assert env.action_masks()[strict]


def test_data_loss_is_masked() -> None:
    env = make(TUNING, knobs="archgym")
    env.reset(seed=0)
    off = env.problem.edit_action("refresh_policy", "NoRefresh")
    assert "loses data" in env.mask_reasons()[off]
    env = make(TUNING, scenario="archgym-stream")
    env.reset(seed=0)
    assert env.action_masks()[off]


def test_the_observation_says_what_happened() -> None:
    env = make(TUNING, scenario="toy", budget=4)
    observation, _ = env.reset(seed=0)
    first = env.observation_layout.split(observation)
    assert first["design"].tolist() == [1, 0] * 3
    assert not first["results"].any()
    observation, *_ = env.step(env.problem.edit_action("page_policy", "Closed"))
    seen = env.observation_layout.split(observation)
    assert seen["design"].tolist() == [0, 1, 1, 0, 1, 0]
    assert seen["best_design"].tolist() == seen["design"].tolist()
    column = env.observation_layout["results"].column("mean_trace_latency_ns")
    assert seen["results"][column] == pytest.approx(math.log(CLOSED_NS / OPEN_NS) / math.log(100))
    assert seen["scores"].tolist() == pytest.approx([math.log(OPEN_NS / CLOSED_NS)] * 2 + [1])
    assert seen["budget"].tolist() == [0.75, 15 / 16]


def test_splits_do_not_overlap_and_test_instances_are_fixed() -> None:
    first, second = make(split="test"), make(split="test")
    first.reset(seed=1, options={"instance": 7})
    second.reset(seed=2, options={"instance": 7})
    assert first.instance.content_hash == second.instance.content_hash
    assert first.instance_id == "test-7"
    tests = {first.generator.test(k).content_hash for k in range(first.num_instances)}
    train = make()
    hashes = set()
    for seed in range(50):
        train.reset(seed=seed)
        hashes.add(train.instance.content_hash)
    assert len(tests) == first.num_instances
    assert len(hashes) == 50
    assert not hashes & tests


def test_held_out_patterns_are_not_trained_on() -> None:
    scenario = SCENARIOS["ddr4-generalise"]
    train = {family.pattern for family in scenario.train}
    test = {family.pattern for family in scenario.test}
    assert train
    assert test
    assert not train & test


def test_a_trace_of_ones_own(tmp_path) -> None:
    path = tmp_path / "own.stl"
    path.write_text("0: read 0x0\n5: write 0x40\n# end\n")
    env = make(workload=str(path), num_requests=None)
    assert env.num_instances == 1
    env.reset(seed=0)
    assert env.instance_id == "own"
    assert len(env.instance.trace) == 2
    given = Trace(np.arange(4), 64 * np.arange(4), np.zeros(4, dtype=bool), "given")
    env.reset(options={"workload": given})
    assert env.instance_id == "workload-given"
    assert env.problem.instance.trace is given


def test_another_device_brings_its_maps() -> None:
    env = make(device="ddr3-1600")
    env.reset(seed=0)
    assert env.instance.device.name == "ddr3-1600"
    maps = next(knob for knob in env.problem.knobs if knob.name == "address_map").values
    assert all(name.startswith("ddr3-1600") for name in maps)


def test_what_a_device_has_becomes_a_knob() -> None:
    env = make(scenario="ddr5-refresh")
    reward, info = evaluate(env, {"refresh_policy": "SameBank"})
    assert info["feasible"]
    assert info["metrics"]["REFSB_count"] > 0
    assert np.isfinite(reward)
    # No currents of this device are published.
    assert "energy_pj" not in info["metrics"]
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    with pytest.raises(InvalidValueError, match="has no currents"):
        make(scenario="ddr5-refresh", objective="edp")


def test_outcomes_can_come_from_elsewhere() -> None:
    asked = []

    def remember(space, objective, tasks):
        asked.extend(design for _, design in tasks)
        return evaluate_batch(space, objective, tasks)

    plain, other = make(scenario="toy"), make(scenario="toy", evaluate=remember)
    assert evaluate(plain, {"page_policy": "Closed"}) == evaluate(other, {"page_policy": "Closed"})
    assert asked == [(1, 0, 0)]


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"scenario": "ddr4-bursti"}, "did you mean 'ddr4-bursty'"),
        ({"split": "trian"}, "did you mean 'train'"),
        ({"objective": "low-latenci"}, "did you mean 'low-latency'"),
        ({"knobs": "archgim"}, "did you mean 'archgym'"),
        ({"device": "ddr4-2401"}, "did you mean 'ddr4-2400'"),
        ({"address_map": "ddr4-2400-brk"}, "did you mean 'ddr4-2400-brc'"),
        ({"address_map": "ddr3-1600-rbc"}, "bits for ddr4-2400"),
        ({"num_requests": 0}, "num_requests = 0"),
        ({"num_requests": 2.5}, "num_requests = 2.5"),
        ({"workload": "nowhere.stl"}, "cannot be read"),
        ({"workload": "nowhere.stl", "trace_format": "dramsis"}, "did you mean 'dramsys'"),
        ({"env_id": TUNING, "budget": 0}, "budget = 0"),
        ({"env_id": TUNING, "budget": "all"}, "budget = 'all'"),
    ],
)
def test_bad_arguments_are_explained(kwargs: dict[str, Any], text: str) -> None:
    with pytest.raises(ChipGymError, match=text):
        make(**kwargs)


@pytest.mark.parametrize(
    ("split", "options", "text"),
    [
        ("test", {"instance": 50}, "instance = 50"),
        ("test", {"instance": -1}, "instance = -1"),
        ("train", {"instance": 0}, "only with split='test'"),
        ("train", {"instnace": 0}, "did you mean 'instance'"),
        ("train", {"workload": [1, 2]}, "a Trace"),
    ],
)
def test_bad_reset_options_are_explained(split: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ChipGymError, match=text):
        make(split=split).reset(options=options)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ([0] * 3, "14 integers"),
        ([0.5] * 14, "14 integers"),
        ([9] + [0] * 13, r"action\[page_policy\] = 9"),
        ("first", "14 integers"),
    ],
)
def test_wrong_designs_are_explained_and_change_nothing(action: Any, text: str) -> None:
    env = make()
    env.reset(seed=0)
    state = env.get_state()
    with pytest.raises(InvalidValueError, match=text):
        env.step(action)
    assert env.get_state() == state


def test_unknown_knobs_and_values_are_refused() -> None:
    env = make()
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="one of page_policy"):
        env.problem.encode({"page_polici": "Open"})
    with pytest.raises(InvalidValueError, match="one of Open"):
        env.problem.encode({"page_policy": "Ajar"})


def test_unknown_scenario_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        make(scenario="nothing-like-it")
    assert set(SCENARIOS) <= set(caught.value.known)


def test_an_address_beyond_the_device_is_refused() -> None:
    trace = Trace([0], [1 << 40], [False], "far")
    with pytest.raises(InvalidValueError, match="below the"):
        make().reset(options={"workload": trace})
    with pytest.raises(InvalidValueError, match="below the"):
        make(workload=trace)
