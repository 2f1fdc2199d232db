"""The leaderboard on the co-design environments: replay, and the check of every design."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.experiments.evaluation import run_episode
from chipgym.leaderboards.codesign_costs import area_um2, layer_cost, power_mw
from chipgym.leaderboards.codesign_specs import (
    Accuracies,
    Plan,
    Unit,
    check_accuracies,
    check_budgets,
    check_design,
)
from chipgym.leaderboards.replay import RejectionError, feasibility_checker, replay
from chipgym.simulators.accelerator.design import Chip, SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.networks import resnet9
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_rows, simulate
from chipgym.simulators.accelerator.technology import TECHNOLOGIES

Submitted = tuple[Path, str]
ReasonsAgainst = Callable[..., tuple[str, ...]]
Change = Callable[[list[Any]], object]

SUITE = {
    "name": "small",
    "tasks": [
        {
            "env": "chipgym/CoDesignOneShot-v0",
            "scenario": "digits-tiny-drawn",
            "name": "oneshot",
            "instances": 1,
        },
        {
            "env": "chipgym/CoDesignRefine-v0",
            "name": "refine",
            "instances": 1,
            "kwargs": {"steps": 2},
        },
    ],
    "agents": [{"name": "search", "policy": "random-search-10", "seeds": 1}],
    "curve": {"points": 0},
}
ONESHOT, REFINE = range(2)
NETWORK = resnet9(8, (16, 16), (1, 0), (1, 8, 8))


@pytest.fixture(scope="module")
def submitted(submit_suite: Callable[..., Submitted]) -> Submitted:
    """Random search on every id."""
    return submit_suite(SUITE)


def test_designs_and_edits_replay(submitted: Submitted, reasons_against: ReasonsAgainst) -> None:
    assert reasons_against(submitted) == ()


def metric(index: int, name: str, change: Callable[[float], float]) -> Change:
    def edit(records: list[Any]) -> None:
        records[index]["metrics"][name] = change(records[index]["metrics"][name])

    return edit


def action(index: int, place: int, value: int) -> Change:
    def edit(records: list[Any]) -> None:
        actions = records[index]["actions"]
        (actions[0] if index == ONESHOT else actions)[place] = value

    return edit


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (metric(REFINE, "latency_cycles", lambda v: v - 1), "task refine.*latency_cycles"),
        (metric(ONESHOT, "energy_nj", lambda v: v * 0.999), "task oneshot.*energy_nj"),
        (metric(REFINE, "area_um2", lambda v: v * 0.999), "task refine.*area_um2"),
        (metric(ONESHOT, "power_mw", lambda v: v * 0.999), "power_mw"),
        (metric(REFINE, "score", lambda v: v + 0.1), "score"),
        (metric(ONESHOT, "feasible", lambda v: 1 - v), "feasible"),
        (lambda records: records[REFINE]["metrics"].update(weighted_accuracy=1.0), "accuracy"),
        (action(ONESHOT, 0, 99), "is refused"),
        (action(ONESHOT, 0, -1), "is refused"),
        (action(REFINE, 0, 10_000), "is refused"),
        (lambda records: records[REFINE]["actions"].pop(), "does not end after its 1 actions"),
        (lambda records: records[REFINE]["actions"].append(0), "ended after 2 of 3 actions"),
    ],
)
def test_tampered_designs_are_rejected(
    submitted: Submitted, reasons_against: ReasonsAgainst, change: Change, reason: str
) -> None:
    reasons = reasons_against(submitted, change)
    assert reasons
    assert re.search(reason, reasons[0]), reasons[0]


class Fixed:
    """Takes the actions that it is given."""

    name = "fixed"

    def __init__(self, actions: list[Any]) -> None:
        self.actions = actions

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing to reset."""

    def act(self, observations: Any, masks: Any, problems: Any) -> list[Any]:
        """Take the next one."""
        return [self.actions.pop(0)]


def test_a_design_over_the_budgets_counts_with_its_penalty_and_is_no_solution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = gymnasium.make("chipgym/CoDesignOneShot-v0", split="test", disable_env_checker=True)
    base: Any = env.unwrapped
    design = np.array(base.designs.num_options) - 1
    record = run_episode(env, Fixed([design]), task="t", agent="a", seed=0, instance=0)
    check = feasibility_checker("chipgym/CoDesignOneShot-v0")
    assert replay(env, record, "score", check) == (-30.0, False)
    # Whether it is over a budget is found out apart from the simulator, and both must agree.
    monkeypatch.setattr("chipgym.leaderboards.codesign_specs.check_budgets", lambda *_: iter(()))
    with pytest.raises(RejectionError, match=r"not simulated .*, but within the budgets"):
        replay(env, record, "score", check)


def test_a_design_that_is_simulated_must_keep_to_the_budgets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = gymnasium.make("chipgym/CoDesignOneShot-v0", split="test", disable_env_checker=True)
    base: Any = env.unwrapped
    design = np.array(base.designs.default)
    record = run_episode(env, Fixed([design]), task="t", agent="a", seed=0, instance=0)
    check = feasibility_checker("chipgym/CoDesignOneShot-v0")
    assert replay(env, record, "score", check).metric == record.metrics["score"]
    over = ["2048 PEs; the budget is 1024"]
    monkeypatch.setattr("chipgym.leaderboards.codesign_specs.check_budgets", lambda *_: iter(over))
    with pytest.raises(RejectionError, match="infeasible design: 2048 PEs; the budget is 1024"):
        replay(env, record, "score", check)


def test_tokens_replay_and_only_legal_ones() -> None:
    env = gymnasium.make("chipgym/CoDesign-v0", split="test", disable_env_checker=True)
    base: Any = env.unwrapped
    design = list(base.designs.default)
    record = run_episode(env, Fixed(design[:]), task="t", agent="a", seed=0, instance=0)
    check = feasibility_checker("chipgym/CoDesign-v0")
    assert replay(env, record, "score", check).metric == record.metrics["score"]
    for place in (0, base.designs.starts[-1] + 1):
        actions = [*design[:place], 99, *design[place + 1 :]]
        with pytest.raises(RejectionError, match=f"action {place} = 99 is refused"):
            replay(env, record.model_copy(update={"actions": actions}), "score", check)
    with pytest.raises(RejectionError, match="does not end after its"):
        replay(env, record.model_copy(update={"actions": design[:-1]}), "score", check)


def test_joint_actions_are_checked_too(play_jointly: Callable[..., tuple[Any, Any]]) -> None:
    env, record = play_jointly({"env": "chipgym/CoDesign-v0", "instances": 1})
    check = feasibility_checker("chipgym/CoDesign-v0")
    assert replay(env, record, "score", check).metric == record.metrics["score"]
    wrong = record.model_copy(update={"metrics": {**record.metrics, "energy_nj": 1.0}})
    assert check is not None
    assert any("energy_nj = 1.0, recomputed" in text for text in check(env.single, wrong))


SIDES = st.sampled_from([1, 2, 3, 5])
LAYERS = st.builds(
    Loops,
    filters=st.sampled_from([1, 2, 10, 64, 130]),
    channels=st.sampled_from([1, 3, 4, 65, 200]),
    kernel_height=SIDES,
    kernel_width=SIDES,
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    stride=st.sampled_from([1, 2, 4]),
    depthwise=st.just(0),
    repeats=st.sampled_from([1, 3]),
) | st.builds(
    Loops,
    filters=st.just(1),
    channels=st.integers(1, 200),
    kernel_height=SIDES,
    kernel_width=SIDES,
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    stride=st.sampled_from([1, 2, 4]),
    depthwise=st.just(1),
    repeats=st.sampled_from([1, 3]),
)
UNITS = st.builds(
    SubAccelerator,
    dataflow=st.sampled_from(["dla", "shi", "rs"]),
    pes=st.sampled_from([1, 8, 64, 100, 640, 4096]),
    bandwidth=st.sampled_from([1, 4, 30, 64]),
    l1_bytes=st.just(0),
    l2_bytes=st.just(0),
)


@settings(max_examples=300, deadline=None)
@given(loops=LAYERS, unit=UNITS, name=st.sampled_from(sorted(TECHNOLOGIES)))
def test_layers_cost_what_the_simulator_says(loops: Loops, unit: SubAccelerator, name: str) -> None:
    technology = TECHNOLOGIES[name]
    expected = evaluate_rows([loops], [unit], AcceleratorOptions(technology=name))
    found = layer_cost(loops, unit.dataflow, unit.pes, unit.bandwidth, technology)
    if found is None:
        assert not expected.supported[0]
        return
    sizes = (found.l1_bytes, found.l2_bytes)
    assert found.cycles == expected.cycles[0]
    assert sizes == (expected.l1_bytes[0], expected.l2_bytes[0])
    assert found.energy_nj == pytest.approx(expected.energy_nj[0], rel=1e-12)
    given_ = (unit.pes, unit.bandwidth, *sizes, technology)
    assert area_um2(*given_) == pytest.approx(expected.area_um2[0], rel=1e-12)
    assert power_mw(*given_) == pytest.approx(expected.power_mw[0], rel=1e-12)


@dataclasses.dataclass
class Case:
    """A design of two networks and all that is stated of it."""

    units: list[Unit]
    plan: Plan
    metrics: dict[str, float | None]
    accuracies: Accuracies
    limits: tuple[float, float, float]

    def problems(self) -> list[str]:
        """What the checker finds."""
        bounds = tuple(2 * limit for limit in self.limits)
        networks = [NETWORK] * 2
        technology = TECHNOLOGIES["maestro"]
        return list(
            check_design(
                networks,
                self.units,
                self.plan,
                technology,
                self.limits,
                bounds,
                self.accuracies,
                self.metrics,
            )
        )


@pytest.fixture
def case() -> Case:
    """A true statement of a simulated design that keeps its limits."""
    chip = Chip.of(("dla", 512, 16), ("shi", 256, 8))
    networks = [NETWORK] * 2
    found = simulate(networks, chip, 10**5, AcceleratorOptions(order="chain"))
    metrics: dict[str, float | None] = {
        "latency_cycles": float(found.latency_cycles),
        "energy_nj": found.energy_nj,
        "area_um2": found.area_um2,
        "power_mw": found.power_mw,
        "penalty": 0.0,
        "feasible": 1.0,
        "trained": 1.0,
        "score": 0.75,
        "weighted_accuracy": 0.75,
    }
    plan = Plan(found.unit.tolist(), found.start_cycle.tolist(), found.finish_cycle.tolist())
    units = [Unit(part.dataflow, part.pes, part.bandwidth) for part in chip.sub_accelerators]
    limits = (found.latency_cycles, found.energy_nj * 1.01, found.area_um2 * 1.01)
    return Case(units, plan, metrics, Accuracies((0.5, 1.0), (0.5, 0.5)), limits)


def test_a_true_statement_passes(case: Case) -> None:
    assert case.problems() == []


def test_penalties_and_score_follow_from_the_limits(case: Case) -> None:
    latency, energy, area = case.limits
    case.limits = (latency / 1.5, energy, area / 3)
    found = " ".join(case.problems())
    assert "penalty = 0.0, recomputed 1.5" in found
    assert "feasible = 1.0, recomputed 0.0" in found
    assert "score = 0.75, recomputed -14.25" in found


@pytest.mark.parametrize("name", ["latency_cycles", "energy_nj", "area_um2", "power_mw", "score"])
def test_false_metrics_are_named(case: Case, name: str) -> None:
    value = case.metrics[name]
    assert value is not None
    case.metrics[name] = value * 0.9999
    assert any(problem.startswith(f"{name} = ") for problem in case.problems())


def test_schedules_keep_order_and_room(case: Case) -> None:
    unit, start, finish = map(list, dataclasses.astuple(case.plan))
    for number in range(len(unit)):
        early = [s - 10**4 * (k == number) for k, s in enumerate(start)]
        ends = [f - 10**4 * (k == number) for k, f in enumerate(finish)]
        case.plan = Plan(unit, early, ends)
        assert any("starts at" in problem for problem in case.problems())
    case.plan = Plan(unit, start, [*finish[:-1], finish[-1] - 1])
    assert any("cycles, recomputed" in problem for problem in case.problems())
    case.plan = Plan([5, *unit[1:]], start, finish)
    assert "runs on sub-accelerator 5" in case.problems()[0]
    case.plan = Plan(unit[1:], start[1:], finish[1:])
    assert "a plan of" in case.problems()[0]
    half = len(unit) // 2
    case.plan = Plan(unit[:half] * 2, start[:half] * 2, finish[:half] * 2)
    assert any("overlap on sub-accelerator" in problem for problem in case.problems())


def test_units_that_cannot_run_a_layer_are_named(case: Case) -> None:
    case.units = [Unit("dla", 32, 16), Unit("dla", 32, 16)]
    assert "does not fit on sub-accelerator" in case.problems()[0]


def test_budgets() -> None:
    fits = [Unit("dla", 512, 16), Unit("rs", 512, 16), Unit("shi", 0, 99)]
    assert list(check_budgets(fits, 1024, 32)) == []
    assert list(check_budgets(fits, 1023, 32)) == ["1024 PEs; the budget is 1023"]
    assert list(check_budgets(fits, 1024, 31)) == ["32 bytes a cycle; the budget is 31"]
    assert list(check_budgets(fits[2:], 1024, 32)) == ["no sub-accelerator has PEs"]


def test_accuracies_are_those_that_were_measured(tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    table.write_text('{"accuracies": {"a": [0.5, 0.75]}}')
    assert list(check_accuracies([table] * 2, ["a", "unknown"], [0.625, 0.9])) == []
    assert "measured 0.625" in next(check_accuracies([table], ["a"], [0.9]))
