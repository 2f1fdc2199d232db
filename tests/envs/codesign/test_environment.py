"""The co-design environments by their public interface."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import chipgym  # noqa: F401  # registers the ids
from chipgym.envs.codesign.accuracy import Accuracy, Task, TrainingError
from chipgym.envs.codesign.estimate import estimate_costs
from chipgym.envs.codesign.generator import read_spec
from chipgym.envs.codesign.presets import SCENARIOS
from chipgym.envs.codesign.render import pareto_front
from chipgym.envs.codesign.reward import COSTS, Spec, penalties
from chipgym.envs.codesign.spaces import Architecture
from chipgym.envs.codesign.specs import derive_spec
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import simulate
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

DESIGN, WHOLE, REFINE = (f"chipgym/CoDesign{form}-v0" for form in ("", "OneShot", "Refine"))
EASY = {
    "latency_cycles": 1e12,
    "energy_nj": 1e12,
    "area_um2": 1e12,
    "latency_bound_cycles": 2e12,
    "energy_bound_nj": 2e12,
    "area_bound_um2": 2e12,
}
HARD = {name: value * 1e-12 for name, value in EASY.items()}


class Asked:
    """A provider that counts what it is asked, and may fail."""

    name = "asked"

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[tuple[str, str]] = []
        self.fails = fails

    def check(self, task: Task) -> None:
        pass

    def accuracy(self, task: Task, architecture: Architecture) -> Accuracy:
        self.asked.append((task.name, architecture.key))
        if self.fails:
            raise TrainingError(architecture.key, "the loss is not finite")
        return Accuracy(0.5, task.data_set, "none", (0,), True)


def _make(env_id: str, **kwargs: Any) -> Any:
    return gym.make(env_id, **kwargs).unwrapped


def _play(env: Any, seed: int = 0) -> tuple[float, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    total, ended = 0.0, False
    while not ended:
        action = rng.choice(np.flatnonzero(info["action_mask"]))
        _, reward, terminated, truncated, info = env.step(int(action))
        total, ended = total + reward, terminated or truncated
    return total, info


def test_within_the_limits_the_return_is_the_weighted_accuracy() -> None:
    total, info = _play(_make(DESIGN, spec=EASY))
    parts = [entry["value"] for entry in info["accuracy"].values()]
    assert total == pytest.approx(np.mean(parts))
    assert info["metrics"]["feasible"] == 1
    assert {entry["data_set"] for entry in info["accuracy"].values()} == {"digits"}
    assert all(entry["measured"] for entry in info["accuracy"].values())


def test_a_pruned_episode_trains_nothing() -> None:
    provider = Asked()
    total, info = _play(_make(DESIGN, spec=HARD, accuracy=provider))
    assert provider.asked == []
    assert info["trainings"] == 0
    assert total == -30.0
    assert "accuracy" not in info
    assert "weighted_accuracy" not in info["metrics"]
    total, info = _play(_make(DESIGN, spec=HARD, accuracy=provider, prune=False))
    assert len(provider.asked) == 2
    assert total == -29.5


def test_costs_are_those_of_the_simulator() -> None:
    env = _make(WHOLE)
    env.reset(seed=0)
    design = env.action_space.sample()
    info = env.step(design)[4]
    space = env.designs
    chosen = tuple(int(i) for i in design)
    networks = space.networks(space.networks_of(chosen))
    options = AcceleratorOptions(order="chain")
    limit = int(env.instance.spec.latency_cycles)
    result = simulate(networks, space.chip_of(chosen), limit, options)
    assert info["metrics"]["latency_cycles"] == result.latency_cycles
    assert info["metrics"]["energy_nj"] == result.energy_nj
    assert info["metrics"]["area_um2"] == result.area_um2


def test_a_design_over_the_budget_is_not_costed() -> None:
    env = _make(WHOLE)
    env.reset(seed=0)
    worst = [n - 1 for n in env.designs.num_options]
    _, reward, terminated, _, info = env.step(np.array(worst))
    assert terminated
    assert reward == -30.0
    assert info["evaluations"] == 0
    assert "1024 PEs" in info["infeasible_reason"]
    assert "latency_cycles" not in info["metrics"]


@pytest.mark.parametrize("env_id", [DESIGN, WHOLE, REFINE])
def test_a_training_that_fails_is_recorded(env_id: str) -> None:
    more = {"trainings": 1000} if env_id == REFINE else {}
    env = _make(env_id, spec=EASY, accuracy=Asked(fails=True), **more)
    if env_id == WHOLE:
        env.reset(seed=0)
        reward, info = env.step(env.action_space.sample())[1::3]
    else:
        reward, info = _play(env)
    assert "not finite" in info["training_failure"]
    assert info["metrics"]["trained"] == 0
    assert "weighted_accuracy" not in info["metrics"]
    assert reward == 0


def test_hardware_steps_try_further_chips_for_the_same_networks() -> None:
    provider = Asked()
    env = _make(DESIGN, hardware_steps=4, accuracy=provider, spec=EASY)
    total, info = _play(env)
    assert info["evaluations"] == 5
    assert info["trainings"] == len({key for _, key in provider.asked})
    assert len(provider.asked) == 2
    assert total == 0.5


def test_more_chips_never_hurt() -> None:
    for seed in range(6):
        one = _play(_make(DESIGN, accuracy=Asked()), seed)[1]["metrics"]["penalty"]
        more = _play(_make(DESIGN, accuracy=Asked(), hardware_steps=5), seed)[1]["metrics"]
        assert more["penalty"] <= one


def test_refinement_pays_for_each_network_once() -> None:
    provider = Asked()
    env = _make(REFINE, spec=EASY, accuracy=provider, trainings=3, steps=40)
    env.reset(seed=0)
    start = len(provider.asked)
    names = env.problem.edits
    info = env.step(names.index("digits1 wider"))[4]
    assert info["trainings"] == 1
    info = env.step(names.index("chip.dataflow1 +1"))[4]
    assert info["trainings"] == 1
    info = env.step(names.index("digits2 wider"))[4]
    # The same architecture on the same data set, trained for the other task.
    assert info["trainings"] == 1
    info = env.step(names.index("digits1 deeper"))[4]
    info = env.step(names.index("digits1 deeper"))[4]
    assert info["trainings"] == 3
    _, reward, terminated, _, info = env.step(names.index("digits2.SK1 +1"))
    assert not terminated
    _, reward, terminated, truncated, info = env.step(names.index("digits1.FN1 +1"))
    assert terminated
    assert not truncated
    assert reward == 0
    assert "budget of 3" in info["training_failure"]
    assert info["trainings"] == 3
    assert len(provider.asked) > start


def test_wider_and_deeper_are_actions() -> None:
    env = _make(REFINE)
    env.reset(seed=0)
    before = env.problem.decode(env.session.last.design)
    env.step(env.problem.edits.index("digits1 wider"))
    env.step(env.problem.edits.index("digits2 deeper"))
    after = env.problem.decode(env.session.last.design)
    assert after["digits1.FN0"] > before["digits1.FN0"]
    assert after["digits1.FN2"] > before["digits1.FN2"]
    assert after["digits2.SK1"] == before["digits2.SK1"] + 1
    assert set(env.mask_reasons()) == set(np.flatnonzero(~env.action_masks()).tolist())


def test_shaping_adds_a_constant_to_the_return() -> None:
    differences = []
    for seed in range(4):
        plain, _ = _play(_make(DESIGN), seed)
        shaped, _ = _play(_make(DESIGN, shaping=True), seed)
        differences.append(shaped - plain)
    assert np.ptp(differences) < 1e-9


def test_partial_costs_come_down_to_what_the_chip_costs() -> None:
    """Complete designs cost at least their estimate, and the estimate uses the right networks."""
    env = _make(WHOLE)
    env.reset(seed=0)
    rng = np.random.default_rng(1)
    for _ in range(20):
        design = env.designs.sample(rng)
        costs = env.cost([design])[0].costs
        estimate = estimate_costs(env.designs, "maestro", env.designs.split(design))
        assert costs["latency_cycles"] >= estimate[0] - 1e-6
        assert costs["energy_nj"] >= estimate[1] * (1 - 1e-12)
        assert costs["area_um2"] >= estimate[2] * (1 - 1e-12)


def test_penalties_rise_to_one_at_the_bound() -> None:
    spec = Spec(**EASY)
    costs = dict.fromkeys(COSTS, 1.0)
    assert set(penalties(spec, costs).values()) == {0.0}
    last = 0.0
    for share in (0.1, 0.5, 0.9):
        found = penalties(spec, {**costs, "energy_nj": 1e12 * (1 + share)})["energy_nj"]
        assert last < found
        assert found == pytest.approx(share)
        last = found
    assert penalties(spec, {**costs, "energy_nj": 1e15})["energy_nj"] == 1.0
    with pytest.raises(InvalidValueError, match="bound"):
        replace(spec, energy_bound_nj=1e12)


def test_drawn_specifications_can_be_met_and_differ() -> None:
    env = _make(WHOLE, scenario="digits-tiny-drawn", split="test")
    assert env.num_instances == 50
    seen = set()
    for number in range(5):
        env.reset(options={"instance": number})
        seen.add(env.instance.content_hash)
        rng = np.random.default_rng([0x7465, number])
        witness = env.designs.sample(rng)
        costs = env.cost([witness])[0].costs
        assert costs["energy_nj"] <= env.instance.spec.energy_nj
        assert costs["area_um2"] <= env.instance.spec.area_um2
    assert len(seen) == 5


def test_the_shipped_specifications_are_what_the_command_derives() -> None:
    for name in ("digits-tiny", "digits-tiny-single"):
        derived = derive_spec(SCENARIOS[name])
        spec = read_spec(name)
        assert spec.limits == tuple(derived["limits"])
        assert spec.bounds == tuple(derived["bounds"])
    for scenario in SCENARIOS.values():
        read_spec(scenario.spec_name)


def test_scenarios_that_need_data_say_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="folder"):
        gym.make(DESIGN, scenario="w1")
    with pytest.raises(InvalidValueError, match=r"papers\.nasaic\.table"):
        gym.make(DESIGN, scenario="w3", accuracy="measured-table")
    with pytest.raises(InvalidValueError, match="path"):
        gym.make(DESIGN, scenario="nasbench201")
    env = _make(DESIGN, scenario="w3-images", accuracy="train", spec=HARD)
    assert _play(env)[1]["trainings"] == 0


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"scenario": "digits-tyni"}, UnknownNameError),
        ({"split": "validation"}, UnknownNameError),
        ({"spec": {"energy_nj": 1.0}}, InvalidValueError),
        ({"hardware_steps": -1}, InvalidValueError),
        ({"accuracy": "guess"}, UnknownNameError),
        ({"render_mode": "human"}, UnknownNameError),
    ],
)
def test_bad_arguments(kwargs: dict[str, Any], error: type[Exception]) -> None:
    from chipgym.envs.codesign.env import CoDesignEnv

    with pytest.raises(error):
        CoDesignEnv(**kwargs)


def test_the_pareto_front() -> None:
    points = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 3.0], [3.0, 1.0], [2.0, 2.0]])
    assert pareto_front(points).tolist() == [True, True, False, True, True]


def test_the_schedule_is_drawn() -> None:
    env = _make(DESIGN, render_mode="ansi")
    env.reset(seed=0)
    assert "no design yet" in env.render()
    rng = np.random.default_rng(0)
    ended = False
    while not ended:
        action = rng.choice(np.flatnonzero(env.action_masks()))
        ended = env.step(int(action))[2]
    text = env.render()
    for layer in env.best.result.layers:
        assert layer in text


def test_schedule_and_front_are_drawn_as_a_picture() -> None:
    pytest.importorskip("matplotlib")
    env = _make(DESIGN, render_mode="rgb_array", spec=EASY)
    env.reset(seed=0)
    before = env.render()
    _play(env)
    after = env.render()
    assert after.dtype == np.uint8
    assert after.shape == before.shape == (480, 720, 3)
    # The bars of both networks, and the Pareto front.
    for colour in ((31, 119, 180), (255, 127, 14), (214, 39, 40)):
        assert (after == colour).all(axis=2).sum() > 5
        assert not (before == colour).all(axis=2).any()
