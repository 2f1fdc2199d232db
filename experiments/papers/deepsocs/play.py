"""Plays the test streams of a point: heuristics inside the simulator, policies many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.agents.sb3.models import build_network
from chipgym.agents.sb3.pair_layout import PairLayout
from chipgym.agents.sb3.policy import SavedPolicy
from chipgym.agents.schedulers.late_binding import SHARE
from chipgym.envs.soc_scheduling.generator import Instance, InstanceGenerator
from chipgym.envs.soc_scheduling.presets import Scenario
from chipgym.envs.soc_scheduling.vector_env import (
    SocSchedulingVectorEnv,
    SocTaskMappingVectorEnv,
    SocTaskOrderingVectorEnv,
)
from chipgym.experiments.papers.deepsocs.entrants import (
    ENTRANTS,
    WEIGHTS,
    find_weights,
    load_entrant,
)
from chipgym.experiments.papers.deepsocs.points import build_point, domain_of
from chipgym.experiments.papers.deepsocs.steady import SteadyPolicy
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.engine import Run
from chipgym.simulators.soc.kernel import FULL
from chipgym.simulators.soc.late_binding import run_late_binding
from chipgym.simulators.soc.layout import F_AREA
from chipgym.simulators.soc.scheduling import SCHEDULERS
from chipgym.simulators.soc.static_plan import plan_stream, run_plan

__all__ = ["ROWS", "play_heuristics", "play_policy", "play_streams"]

FORMS: dict[str, Callable[..., SocSchedulingVectorEnv]] = {
    "scheduling": SocSchedulingVectorEnv,
    "mapping": SocTaskMappingVectorEnv,
    "ordering": SocTaskOrderingVectorEnv,
}
ROWS = 50
"""Streams that a policy plays at once."""
Floats = npt.NDArray[np.float64]


def play_heuristics(
    names: Sequence[str], point: str, jobs: int | None, streams: Sequence[int], identity: str
) -> dict[str, list[float]]:
    """Play streams with schedulers that run inside the simulator.

    Parameters
    ----------
    names : sequence of str
        Of `entrants.ENTRANTS`.
    point, jobs
        As in `points.build_point`.
    streams : sequence of int
        Numbers of test instances.
    identity : str
        Of the scenario and of the simulator; part of the record only.

    Returns
    -------
    dict
        Mean job latency of each stream, µs, by scheduler.
    """
    scenario = build_point(point, jobs)
    generator = InstanceGenerator(scenario)
    found: dict[str, list[float]] = {name: [] for name in names}
    for stream in streams:
        instance = generator.test(stream)
        for name in names:
            found[name].append(_simulate(ENTRANTS[name].policy, instance, scenario))
    return found


def _simulate(policy: str, instance: Instance, scenario: Scenario) -> float:
    """Mean job latency, µs."""
    run = Run(instance.ki, instance.kf, instance.workload)
    if policy == "plan":
        run_plan(run, plan_stream(instance.ki, instance.kf, instance.workload))
    elif policy == "late-binding":
        _run_late_binding(run, scenario.num_slots)
    else:
        run.run(SCHEDULERS[policy])
    return float(run.sf[F_AREA]) / len(instance.workload)


def _run_late_binding(run: Run, num_slots: int) -> None:
    """As the policy of that name, which sees `num_slots` tasks at a time."""
    work = run.workload.app_index, run.workload.gap_us, run.jobs, run.trace_i, run.trace_f
    while run_late_binding(SHARE, num_slots, run.ki, run.kf, run.si, run.sf, *work) == FULL:
        run.grow()


def play_policy(
    name: str,
    seed: int,
    point: str,
    jobs: int | None,
    streams: Sequence[int],
    identity: str,
    weights: str | None = None,
) -> dict[str, Any]:
    """Play streams with a policy in its environment.

    Parameters
    ----------
    name : str
        Of `entrants.ENTRANTS`.
    seed : int
        Training seed of its weights, if it has any.
    point, jobs, streams
        As in `play_heuristics`.
    identity : str
        Of the scenario, the simulator and the weights; part of the record only.
    weights : str, optional
        Folder of the weights, instead of the study's own.

    Returns
    -------
    dict
        ``latency_us`` of each stream; or ``omitted``, the reason why the policy cannot play here.
    """
    entrant = ENTRANTS[name]
    scenario = build_point(point, jobs)
    rows = 1 if entrant.kind == "look-ahead" else min(ROWS, len(streams))
    envs = FORMS[entrant.form](rows, scenario, split="test", autoreset_mode="Disabled")
    try:
        shape = scenario.num_slots, envs.generator.platform.num_pes
        place = None
        if entrant.argument:
            folder = WEIGHTS if weights is None else Path(weights)
            place = find_weights(name, seed, domain_of(point), folder)
        policy = _fitted(load_entrant(name, place, shape), envs)
        misfit = _misfit(policy, envs)
        if misfit:
            return {"omitted": misfit}
        steady = SteadyPolicy(policy)
        latency_us = play_streams(steady, envs, streams, views=not entrant.shaped)
        return {"latency_us": latency_us.tolist()}
    finally:
        envs.close()


def _fitted(policy: Any, envs: SocSchedulingVectorEnv) -> Any:
    """A pair network has the same weights for all slots and PEs: build it for these environments.

    Other policies are returned as they are.
    """
    observations, actions = envs.single_observation_space, envs.single_action_space
    if not isinstance(policy, SavedPolicy) or "layout" not in policy.settings:
        return policy
    if policy.network.observation_space.shape == observations.shape:
        return policy
    finish = policy.settings["layout"]["finish_feature"]
    layout = {**PairLayout.from_fields(envs.observation_layout).to_dict(), "finish_feature": finish}
    settings = {**policy.settings, "layout": layout}
    network = build_network(policy.algorithm, policy.kind, settings, observations, actions)
    network.load_state_dict(policy.network.state_dict())
    return SavedPolicy(network, policy.algorithm, policy.kind, settings, name=policy.name)


def _misfit(policy: Any, envs: SocSchedulingVectorEnv) -> str:
    """Why a policy cannot act in the environments; "" if it can."""
    space = getattr(getattr(policy, "network", None), "observation_space", None)
    if space is not None and space.shape != envs.single_observation_space.shape:
        return "its network takes observations of another size"
    agent = getattr(policy, "agent", None)
    if agent is not None:
        envs.reset(seed=0)
        try:
            agent.check(envs.problems[0])
        except InvalidValueError:
            return "its network was built for another platform or larger applications"
    return ""


def play_streams(
    policy: Any, envs: SocSchedulingVectorEnv, streams: Sequence[int], *, views: bool = True
) -> Floats:
    """Play test streams, each row of the environments one after the other.

    Parameters
    ----------
    policy : Policy
        Must not remember anything of a row, except where there is one row only.
    envs : SocSchedulingVectorEnv
        Of the test split, in autoreset mode DISABLED.
    streams : sequence of int
        Numbers of test instances; at least as many as rows.
    views : bool
        Whether the policy reads problem views.

    Returns
    -------
    float64, shape (streams,)
        Mean job latency of each stream, µs.
    """
    latency_us = np.full(len(streams), np.nan)
    playing = np.full(envs.num_envs, -1)
    waiting = list(range(len(streams)))
    envs.reset(seed=0, options={"instance": streams[0]})
    ended = np.ones(envs.num_envs, dtype=np.bool_)
    observations: Any = None
    while True:
        for row in np.flatnonzero(ended):
            playing[row] = waiting.pop(0) if waiting else -1
            # A row without a stream of its own goes on with any: its decisions are not asked for.
            options = {
                "instance": streams[max(int(playing[row]), 0)],
                "reset_mask": np.arange(envs.num_envs) == row,
            }
            observations, _ = envs.reset(options=options)
        rows = np.flatnonzero(playing >= 0)
        if not len(rows):
            return latency_us
        if ended.any():
            policy.reset(len(rows), 0)
        masks = envs.action_masks()
        actions = masks.argmax(axis=1)
        problems = envs.problems if views else []
        seen = [problems[row] for row in rows] if views else None
        actions[rows] = policy.act(observations[rows], masks[rows], seen)
        observations, _, terminated, truncated, infos = envs.step(actions)
        ended = terminated | truncated
        for row in np.flatnonzero(ended & (playing >= 0)):
            latency_us[playing[row]] = infos["metrics"]["mean_latency_us"][row]
