"""Play of the study: many streams at once give what one at a time gives; points; weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from chipgym.agents.papers.scheduling.names import build_agent
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.agents.sb3.models import build_network
from chipgym.agents.sb3.pair_layout import PairLayout
from chipgym.agents.sb3.policy import SavedPolicy
from chipgym.agents.schedulers.learned import LearnedScheduler, new_network
from chipgym.experiments.papers.deepsocs.entrants import (
    ENTRANTS,
    LEARNED,
    MissingWeightsError,
    content_of,
    find_weights,
)
from chipgym.experiments.papers.deepsocs.play import (
    FORMS,
    play_heuristics,
    play_policy,
    play_streams,
)
from chipgym.experiments.papers.deepsocs.points import (
    BOUNDED,
    SWEEPS,
    build_point,
    domain_of,
    identity_of,
)
from chipgym.experiments.papers.deepsocs.steady import SteadyPolicy, first_of_best
from chipgym.experiments.policies import build_policy
from chipgym.simulators.core.errors import UnknownNameError

STREAMS = [0, 1, 2, 5, 7]
IDS = {"scheduling": "SocScheduling", "mapping": "SocTaskMapping", "ordering": "SocTaskOrdering"}


def untrained(name: str, pes: int = 16) -> Any:
    """A scheduler with random weights."""
    if name == "learned-scheduler":
        return LearnedScheduler(network=new_network(8, 2.5, 3), num_slots=8, num_pes=pes)
    sizes = {"num_pes": pes, "num_jobs": 8, "num_tasks": 34} if name == "socrates" else {}
    return SchedulingPolicy(build_agent(name, {}, sizes))


def maskable(pes: int = 16) -> SavedPolicy:
    """MaskablePPO's pair network with random weights."""
    envs = FORMS["scheduling"](1, build_point("rate-50"))
    layout = PairLayout.from_fields(envs.observation_layout).to_dict()
    settings = {"layout": layout, "hidden": 8, "other_logit": None}
    torch.manual_seed(0)
    spaces = envs.single_observation_space, envs.single_action_space
    return SavedPolicy(
        build_network("maskable_ppo", "pair", settings, *spaces), "maskable_ppo", "pair", settings
    )


def one_at_a_time(policy: Any, form: str, point: str, jobs: int) -> list[float]:
    """Mean latencies in the scalar environment."""
    scenario = build_point(point, jobs)
    env = gym.make(f"chipgym/{IDS[form]}-v0", scenario=scenario, split="test")
    core: Any = env.unwrapped
    latency_us = []
    for stream in STREAMS:
        observation, info = env.reset(seed=0, options={"instance": stream})
        policy.reset(1, 0)
        done = False
        while not done:
            mask = info["action_mask"][None]
            action = policy.act(observation[None], mask, [core.problem])[0]
            observation, _, terminated, truncated, info = env.step(action)
            done = terminated or truncated
        latency_us.append(info["metrics"]["mean_latency_us"])
    env.close()
    return latency_us


@pytest.mark.parametrize("name", LEARNED)
def test_streams_played_together_end_as_those_played_alone(name: str):
    entrant = ENTRANTS[name]
    policy = SteadyPolicy(maskable() if name == "maskable-ppo" else untrained(name))
    expected = one_at_a_time(policy, entrant.form, "noise-30", 5)
    for rows in (2, len(STREAMS)):
        envs = FORMS[entrant.form](
            rows, build_point("noise-30", 5), split="test", autoreset_mode="Disabled"
        )
        found = play_streams(policy, envs, STREAMS, views=not entrant.shaped)
        envs.close()
        # An episode that a random network never ends has no latency.
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "name", ["ETF", "EFT", "MET", "STF", "HEFT_RT", "CEDR_HEFT_RT", "HEFT table", "late-binding"]
)
@pytest.mark.parametrize("point", ["rate-150", "top-25"])
def test_the_simulators_schedulers_are_the_policies_of_that_name(name: str, point: str):
    # Eight slots hold all tasks that are ready at once in so short a stream.
    inside = play_heuristics([name], point, 2, STREAMS, "")[name]
    policy = build_policy(ENTRANTS[name].policy)
    assert inside == pytest.approx(one_at_a_time(policy, "scheduling", point, 2))


def test_every_point_of_a_sweep_has_a_scenario_of_its_own():
    points = {p for sweep in SWEEPS.values() for p in sweep.points.values()}
    assert {len(sweep.points) for sweep in SWEEPS.values()} == {5, 6, 7}
    assert len({identity_of(point) for point in points}) == len(points)
    assert identity_of("rate-50", 5) != identity_of("rate-50")
    assert {build_point(point).num_jobs for point in points} == {40}
    assert {domain_of(p) for p in SWEEPS["rate-top"].points.values()} == {"top"}
    for point in BOUNDED:
        scenario = build_point(point)
        assert scenario.num_jobs <= scenario.options.max_in_flight
        assert scenario.options.noise_std == 0
    with pytest.raises(UnknownNameError, match="rate-50"):
        build_point("rate-51")


def test_types_differ_in_the_mix_and_not_in_the_offered_work():
    latency = [
        np.mean(play_heuristics(["ETF"], point, None, range(10), "")["ETF"])
        for point in ("types-2", "types-4", "rate-50")
    ]
    assert all(100 < value < 400 for value in latency)
    assert build_point("types-2").applications == ("wifi-tx", "wifi-rx")


def test_weights_of_the_domain_come_first(tmp_path: Path):
    with pytest.raises(MissingWeightsError, match=r"deepsocs with seed 0.*training"):
        find_weights("deepsocs", 0, "", tmp_path)
    (tmp_path / "deepsocs-0.safetensors").write_bytes(b"a")
    (tmp_path / "deepsocs-top-0.safetensors").write_bytes(b"b")
    assert find_weights("deepsocs", 0, "", tmp_path).name == "deepsocs-0.safetensors"
    assert find_weights("deepsocs", 0, "top", tmp_path).name == "deepsocs-top-0.safetensors"
    before = content_of(tmp_path / "deepsocs-0.safetensors")
    (tmp_path / "deepsocs-0.safetensors").write_bytes(b"c")
    assert content_of(tmp_path / "deepsocs-0.safetensors") != before
    assert all(ENTRANTS[name].argument for name in LEARNED)


def test_a_pair_network_plays_on_other_platforms(tmp_path: Path):
    maskable().save(tmp_path / "maskable-ppo-0")
    for point in ("pes-8", "pes-24"):
        found = play_policy("maskable-ppo", 0, point, 3, [0, 1], "", str(tmp_path))
        assert np.isfinite(found["latency_us"]).all()


def test_scores_that_differ_by_rounding_are_equal():
    scores = np.array([[0.1, 2.0, 2.0 + 1e-6], [-np.inf, -3.0, -1.0]], dtype=np.float32)
    assert first_of_best(scores).tolist() == [1, 2]


def test_an_agent_says_where_it_cannot_play(tmp_path: Path):
    untrained("socrates").save(tmp_path / "socrates-0")
    here = play_policy("socrates", 0, "rate-150", 3, [0, 1], "", str(tmp_path))
    assert len(here["latency_us"]) == 2
    there = play_policy("socrates", 0, "pes-8", 3, [0, 1], "", str(tmp_path))
    assert "another platform" in there["omitted"]
