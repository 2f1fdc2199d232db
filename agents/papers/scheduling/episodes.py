"""Plays whole episodes in all copies of an environment at once and keeps every decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from gymnasium.vector import AutoresetMode, VectorEnv

from chipgym.agents.core.problem import JobsView
from chipgym.agents.papers.scheduling.agent import SchedulingAgent
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Episode", "check_environment", "play_episodes", "problems_of"]


@dataclass
class Episode:
    """T decisions of one copy, from the first to the end.

    Attributes
    ----------
    decisions : list
        What the agent kept of each.
    choices : list of int
        What it chose.
    pass_index : list of int
        Number of the scheduling pass; decisions at one instant share it.
    time_us : list of float
        Instant of each decision.
    completed : list of int
        Jobs completed before each decision.
    rewards : list of float
        Reward between each decision and the next.
    last : JobsView
        View of the last decision.
    terminated : bool
        Whether all jobs were completed.
    metrics : dict
        What the environment reported at the end.
    evaluations : int
        Simulator evaluations.
    """

    decisions: list[Any] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)
    pass_index: list[int] = field(default_factory=list)
    time_us: list[float] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    last: JobsView | None = None
    terminated: bool = False
    metrics: dict[str, float] = field(default_factory=dict)
    evaluations: int = 0

    @property
    def durations_us(self) -> npt.NDArray[np.float64]:
        """Time from each decision to the next; the last one lasts to the last completion."""
        end = max(self.time_us[-1], float(self.metrics.get("makespan_us", 0.0)))
        return np.diff([*self.time_us, end])

    @property
    def completions(self) -> npt.NDArray[np.float64]:
        """Jobs completed between each decision and the next."""
        end = max(self.completed[-1], float(self.metrics.get("completed_jobs", 0.0)))
        return np.diff([*self.completed, end])

    def report(self) -> dict[str, Any]:
        """Return what a learning curve records."""
        return {
            "evaluations": self.evaluations,
            "return": float(sum(self.rewards)),
            "length": len(self.choices),
            "metrics": self.metrics,
        }


def check_environment(envs: VectorEnv[Any, Any, Any]) -> None:
    """Raise `InvalidValueError` unless the copies reset themselves within the last step."""
    mode = envs.metadata.get("autoreset_mode")
    if mode != AutoresetMode.SAME_STEP:
        raise InvalidValueError("autoreset_mode", mode, str(AutoresetMode.SAME_STEP))


def problems_of(envs: VectorEnv[Any, Any, Any]) -> Sequence[JobsView]:
    """Return the present decision of every copy.

    Raises
    ------
    InvalidValueError
        The environment does not publish the graphs of its jobs.
    """
    base: Any = envs.unwrapped
    problems: Any = getattr(base, "problems", None)
    if problems is None:
        copies = [copy.unwrapped for copy in getattr(base, "envs", ())]
        problems = [getattr(copy, "problem", None) for copy in copies]
    if not problems or not hasattr(problems[0], "jobs"):
        raise InvalidValueError("environment", type(base).__name__, "one of SoC scheduling")
    return cast(Sequence[JobsView], problems)


def play_episodes(
    envs: VectorEnv[Any, Any, Any],
    agent: SchedulingAgent,
    seeds: Sequence[int],
    luck: Sequence[int],
    gap_factor: float = 1.0,
) -> list[Episode]:
    """Play one episode in every copy; the choices are drawn from the agent's probabilities.

    Parameters
    ----------
    envs : VectorEnv
        In autoreset mode SAME_STEP. A copy that has finished goes on with the next episode, which
        is not kept, until all have.
    agent : SchedulingAgent
        Acts in all copies.
    seeds : sequence of N int
        Seeds of the copies; equal seeds give the same stream of jobs.
    luck : sequence of int
        Seed of the draws, to which the number of the copy is added.
    gap_factor : float
        Factor on the gaps between the arrivals of jobs.
    """
    options = None if gap_factor == 1.0 else {"gap_factor": gap_factor}
    # Vector environments take a seed for each copy, though Gymnasium's annotation knows one only.
    any_envs: Any = envs
    _, infos = any_envs.reset(seed=list(seeds), options=options)
    generators = [np.random.default_rng([*luck, row]) for row in range(envs.num_envs)]
    episodes = [Episode() for _ in range(envs.num_envs)]
    running = np.ones(envs.num_envs, dtype=np.bool_)
    while running.any():
        rows = np.flatnonzero(running).tolist()
        problems = problems_of(envs)
        decisions = [agent.observe(problems[row]) for row in rows]
        with torch.inference_mode():
            logs = agent.evaluate(decisions)[0].numpy()
        actions = np.asarray(infos["action_mask"]).argmax(axis=1)
        for at, row in enumerate(rows):
            count = len(decisions[at].actions)
            choice = int((logs[at, :count] + generators[row].gumbel(size=count)).argmax())
            actions[row] = decisions[at].actions[choice]
            _remember(episodes[row], problems[row], decisions[at], choice)
        _, rewards, terminated, truncated, infos = envs.step(actions)
        for row in rows:
            episodes[row].rewards.append(float(rewards[row]))
            if terminated[row] or truncated[row]:
                running[row] = False
                _finish(episodes[row], infos["final_info"], row, bool(terminated[row]))
    return episodes


def _remember(episode: Episode, problem: JobsView, decision: Any, choice: int) -> None:
    episode.decisions.append(decision)
    episode.choices.append(choice)
    episode.pass_index.append(problem.pass_index)
    episode.time_us.append(problem.time_us)
    episode.completed.append(problem.jobs.num_completed)
    episode.last = problem


def _finish(episode: Episode, report: dict[str, Any], row: int, terminated: bool) -> None:
    episode.terminated = terminated
    metrics = report.get("metrics", {})
    episode.metrics = {
        name: float(values[row]) for name, values in metrics.items() if not name.startswith("_")
    }
    episode.evaluations = int(report["evaluations"][row])
