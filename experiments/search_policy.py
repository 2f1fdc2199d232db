"""Searchers as agents of a suite: search an instance, then play the best design that was found.

What is recorded and ranked is the one episode with that design, which can be replayed; each search
is kept beside it as ``searches/instance-N.jsonl``, so an interrupted one goes on where it was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from chipgym.agents.core.searcher import Searcher
from chipgym.experiments.environments import make_env, probe
from chipgym.experiments.evaluation import start_episode
from chipgym.experiments.policies import import_attribute
from chipgym.experiments.results import CURVE, TRAINING, CurvePoint
from chipgym.experiments.search import run_search
from chipgym.experiments.search_record import SearchRun, SearchStep, read_search
from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError, SimulationError
from chipgym.simulators.core.files import write_json, write_text

__all__ = ["SearchPolicy", "build_searcher", "check_searcher", "keep_searches", "search_policy"]

FOLDER = "searches"


class SearchPolicy:
    """Plays the best design of a search.

    Like `chipgym.experiments.random_episodes.RandomEpisodes` it is shown the environment:
    `run_episode` calls `plan` before the episode that it records.

    Parameters
    ----------
    name : str
        Name of the searcher.
    hyperparameters : mapping
        All of them.
    budget : int
        Distinct simulations on each instance.
    folder : Path or None
        Where the searches are recorded; None: nowhere.
    """

    def __init__(
        self, name: str, hyperparameters: Mapping[str, Any], budget: int, folder: Path | None = None
    ) -> None:
        self.name, self.budget = name, budget
        self.hyperparameters = dict(hyperparameters)
        self._folder = folder
        self._seed = 0
        self._design: Any = None

    def reset(self, num_envs: int, seed: int) -> None:
        """Take the seed of the search."""
        self._seed, self._design = seed, None

    def plan(self, env: gymnasium.Env[Any, Any], instance: int) -> None:
        """Search the instance.

        Raises
        ------
        SimulationError
            No design gave the primary metric.
        """
        searcher = build_searcher(self.name, env, self._seed, self.hyperparameters)
        record = None if self._folder is None else _place(self._folder, instance)
        run = run_search(
            env, searcher, self.budget, instance=instance, seed=self._seed, record=record
        )
        steps = _improvements(run, bool(getattr(env.unwrapped, "penalised_metric", False)))
        if not steps:
            metric = run.head.metric
            raise SimulationError(f"{self.name}, instance {instance}: no design gave {metric}")
        self._design = steps[-1].design

    def act(self, observations: Any, masks: Any, problems: Any) -> list[Any]:
        """Return the best design, for one environment."""
        return [self._design]


def build_searcher(
    name: str, env: gymnasium.Env[Any, Any], seed: int, hyperparameters: Mapping[str, Any]
) -> Searcher[Any]:
    """Make a searcher over the designs that an environment allows."""
    from chipgym.agents.search.registry import make_searcher

    make = import_attribute("searcher", name) if ":" in name else partial(make_searcher, name)
    feasible = getattr(env.action_space, "feasible", None)
    constraint = {} if feasible is None else {"constraint": feasible}
    searcher: Searcher[Any] = make(env.action_space, seed, **constraint, **hyperparameters)
    return searcher


def search_policy(agent: AgentSpec, task: TaskSpec, folder: Path | None = None) -> SearchPolicy:
    """Return the policy of an agent with a searcher, its hyperparameters those stored for the task.

    Raises
    ------
    UnknownNameError
        No stored hyperparameters for the searcher.
    """
    from chipgym.agents.search.registry import searcher_hyperparameters

    assert agent.searcher is not None
    values = dict(agent.hyperparameters)
    if ":" not in agent.searcher:
        env_id = task.env.rpartition(":")[2]
        stored = searcher_hyperparameters(agent.searcher, env_id, task.scenario or "default")
        values = {**stored.values, **values}
    budget = agent.budget_for(task)
    assert budget is not None
    place = None if folder is None else folder / FOLDER
    return SearchPolicy(agent.searcher, values, budget, place)


def check_searcher(agent: AgentSpec, task: TaskSpec) -> None:
    """Find mistakes in a searcher, and in the choice of its task, before anything runs.

    Raises
    ------
    UnknownNameError
        There is no such searcher or hyperparameter.
    InvalidValueError
        A value is out of range, or the task's environment is not given a whole design at once.
    """
    policy = search_policy(agent, task)
    env = make_env(task)
    try:
        build_searcher(policy.name, env, 0, policy.hyperparameters)
        start_episode(env, task.instance_indexes[0])
        env.action_space.seed(0)
        try:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        except ChipGymError:  # a design that is refused; a whole one it was
            return
        if not (terminated or truncated):
            raise InvalidValueError(
                f"tasks of agent {agent.name!r}",
                task.label,
                "for a searcher tasks whose one action is a whole design; "
                "random-search-N is a policy for the others",
            )
    finally:
        env.close()


def keep_searches(
    folder: Path, policy: SearchPolicy, task: TaskSpec, seed: int, curve: CurveSpec
) -> None:
    """Write what the searches of a job have cost, and their best-so-far curve.

    The curve's ``steps`` are evaluations, and its metrics those of the best design by then; a point
    is left out where some instance has none yet.
    """
    runs = [read_search(_place(folder / FOLDER, i)) for i in task.instance_indexes]
    few = runs[: curve.instances] if curve.points else []
    facts = probe(task)
    found = [_improvements(run, facts.penalised_metric) for run in few]
    points = _curve(found, task.instance_indexes, policy.budget, curve.points, facts.metric)
    write_text(folder / CURVE, "".join(json.dumps(point.document()) + "\n" for point in points))
    training = {
        "searcher": policy.name,
        "seed": seed,
        "steps": 0,
        "evaluations": max(run.evaluations for run in runs),
        "asks": max(run.asks for run in runs),
        "hyperparameters": policy.hyperparameters,
    }
    write_json(folder / TRAINING, training)


def _place(folder: Path, instance: int) -> Path:
    return folder / f"instance-{instance}.jsonl"


def _improvements(run: SearchRun, penalised: bool) -> list[SearchStep]:
    """Steps with a better primary metric than all before them.

    Infeasible designs are left aside, unless the metric is lower for them.
    """
    best, found = -math.inf, []
    for step in run.steps:
        value = step.metrics.get(run.head.metric)
        usable = penalised or step.metrics.get("feasible", 1.0) != 0.0
        if value is None or not usable:
            continue
        worth = -value if run.head.lower_is_better else value
        if worth > best:
            best = worth
            found.append(step)
    return found


def _curve(
    found: Sequence[Sequence[SearchStep]],
    instances: Sequence[int],
    budget: int,
    points: int,
    metric: str,
) -> list[CurvePoint]:
    """Best metric of each search after evenly many evaluations."""
    shown = tuple(instances[: len(found)])
    curve = []
    for spent in sorted({int(n) for n in np.linspace(0, budget, points + 1).round()[1:]}):
        values = []
        for steps in found:
            known = [step for step in steps if step.evaluations <= spent]
            value = known[-1].metrics[metric] if known else None
            if value is None:
                break
            values.append(value)
        if values and len(values) == len(found):
            curve.append(CurvePoint(spent, spent, shown, tuple(values)))
    return curve
