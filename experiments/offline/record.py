"""Recording: a policy on an environment, or the episodes of a finished run, played again."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import chipgym
from chipgym.experiments.environments import EnvFacts, make_env, probe
from chipgym.experiments.evaluation import run_episode
from chipgym.experiments.jobs import Job
from chipgym.experiments.manifest import build_manifest, timestamp
from chipgym.experiments.offline.episodes import (
    DatasetHead,
    Episode,
    OfflineDataset,
    check_spaces,
)
from chipgym.experiments.policies import build_policy
from chipgym.experiments.results import JobResult, read_result
from chipgym.experiments.runner import load_run
from chipgym.experiments.suite import TaskSpec, slug
from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    SimulationError,
    UnknownNameError,
)
from chipgym.simulators.core.files import read_json

__all__ = ["dataset_name", "play", "record_policy", "record_results", "results_of"]

REFERENCE_SEEDS = 3
"""Seeds of the random policy for the lower reference score."""

Env = gymnasium.Env[Any, Any]


class _Recorder(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps what passes between a policy and its environment."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.steps: dict[str, list[Any]] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode, and forget the one before."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.steps = {name: [] for name in ("actions", "rewards", "terminations", "truncations")}
        self.steps["observations"] = [np.array(observation)]
        self.steps["masks"] = [_mask(info)]
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step and remember."""
        result = self.env.step(action)
        observation, reward, terminated, truncated, info = result
        self.steps["observations"].append(np.array(observation))
        self.steps["masks"].append(_mask(info))
        self.steps["actions"].append(np.array(action))
        self.steps["rewards"].append(float(reward))
        self.steps["terminations"].append(bool(terminated))
        self.steps["truncations"].append(bool(truncated))
        return result

    def episode(self, record: EpisodeRecord) -> Episode:
        """The episode that a record tells of."""
        masks: list[Any] = self.steps["masks"]
        return Episode(
            agent=record.agent,
            seed=record.seed,
            instance=record.instance,
            instance_id=record.instance_id,
            observations=np.stack(self.steps["observations"]),
            actions=np.stack(self.steps["actions"]),
            rewards=np.array(self.steps["rewards"], dtype=np.float64),
            terminations=np.array(self.steps["terminations"], dtype=np.bool_),
            truncations=np.array(self.steps["truncations"], dtype=np.bool_),
            masks=None if any(mask is None for mask in masks) else np.stack(masks),
            metrics=record.metrics,
            evaluations=record.evaluations,
        )


class _Replay:
    """A policy that takes the actions of a record."""

    name = "replay"

    def __init__(self, actions: Sequence[Any]) -> None:
        self._actions = iter(actions)

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing to forget."""

    def act(self, observations: Any, masks: Any, problems: Any) -> list[Any]:
        """The next action."""
        return [_action(next(self._actions))]


def play(
    task: TaskSpec,
    policy: Any,
    *,
    agent: str,
    seed: int,
    on_episode: Callable[[int], None] | None = None,
) -> Iterator[Episode]:
    """Play a policy on a task's instances, and yield what happened.

    Parameters
    ----------
    task : TaskSpec
        Of split ``test`` its instances; of split ``train`` one episode for each instance number,
        which is the seed of the reset.
    policy : Policy
        As in `chipgym.experiments.evaluation.evaluate`, whose results these are.
    agent, seed : str, int
        Name and seed of the policy.
    on_episode : callable, optional
        Called with the number of episodes done.
    """
    if getattr(policy, "multi_agent", False):
        raise InvalidValueError(
            "agent", agent, "a policy of one agent; datasets have one each step"
        )
    env = _Recorder(make_env(task))
    try:
        check_spaces(env)
        for count, instance in enumerate(task.instance_indexes, 1):
            record = run_episode(
                env, policy, task=task.label, agent=agent, seed=seed, instance=instance
            )
            yield env.episode(record)
            if on_episode is not None:
                on_episode(count)
    finally:
        env.close()


def record_policy(
    task: TaskSpec,
    policy: Any,
    *,
    agent: str,
    seeds: Iterable[int] = (0,),
    name: str | None = None,
    reference_instances: int = 4,
    on_episode: Callable[[int], None] | None = None,
) -> OfflineDataset:
    """Record a policy on a task.

    Parameters
    ----------
    task, policy, agent, on_episode
        As in `play`.
    seeds : iterable of int
        Each plays all instances.
    name : str, optional
        Minari's id; by default made of environment, scenario and agent.
    reference_instances : int
        Instances on which the reference scores are measured, 0 for none.
    """
    episodes = [
        episode
        for seed in seeds
        for episode in play(task, policy, agent=agent, seed=seed, on_episode=on_episode)
    ]
    return _dataset(task, episodes, name, reference_instances)


def results_of(folder: Path) -> list[tuple[TaskSpec, JobResult]]:
    """Results in the folder of a finished run or training, each with its task.

    Raises
    ------
    FileFormatError
        The folder is neither, or is not finished.
    """
    if (folder / "config.json").is_file():
        config = read_json(folder / "config.json")
        if not isinstance(config, dict) or "task" not in config:
            raise FileFormatError(folder / "config.json", "not what a training leaves")
        job = Job(folder.name, str(folder), config)
        return [(job.task, read_result(job))]
    run = load_run(folder)
    tasks = {task.label: task for task in run.suite.tasks}
    return [(tasks[result.task], result) for result in run.results]


def record_results(
    results: Sequence[tuple[TaskSpec, JobResult]],
    *,
    agents: Sequence[str] = (),
    task: str | None = None,
    name: str | None = None,
    reference_instances: int = 4,
    on_episode: Callable[[int], None] | None = None,
) -> OfflineDataset:
    """Record the episodes of a finished run by playing their actions again.

    Parameters
    ----------
    results : sequence of (TaskSpec, JobResult)
        What `results_of` gave.
    agents : sequence of str
        Whose; by default of all.
    task : str, optional
        Label of the task; needed where there are several.

    Raises
    ------
    UnknownNameError
        No such agent or task.
    SimulationError
        An episode comes out otherwise than recorded: the simulator or the instances have changed.
    """
    labels = list(dict.fromkeys(spec.label for spec, _ in results))
    if task is None and len(labels) > 1:
        raise InvalidValueError("task", None, f"one of: {', '.join(labels)}")
    if task is not None and task not in labels:
        raise UnknownNameError("task", task, labels)
    known = list(dict.fromkeys(result.agent for _, result in results))
    for agent in agents:
        if agent not in known:
            raise UnknownNameError("agent", agent, known)
    wanted = task or labels[0]
    chosen = [
        (spec, result)
        for spec, result in results
        if spec.label == wanted and (not agents or result.agent in agents)
    ]
    spec = chosen[0][0]
    env = _Recorder(make_env(spec))
    check_spaces(env)
    episodes: list[Episode] = []
    try:
        for _, result in chosen:
            for record in result.records:
                episodes.append(_again(env, record))
                if on_episode is not None:
                    on_episode(len(episodes))
    finally:
        env.close()
    return _dataset(spec, episodes, name, reference_instances)


def dataset_name(task: TaskSpec, agents: Sequence[str]) -> str:
    """Id in Minari's form: ``chipgym/ENVIRONMENT/SCENARIO-AGENTS-v0``."""
    plain = task.env.rpartition("/")[2].rsplit("-v", 1)[0]
    env = slug(re.sub(r"(?<=[a-z])(?=[A-Z])", "-", plain)).replace(".", "-")
    who = "-".join(slug(agent) for agent in agents[:3]) + ("-and-others" if len(agents) > 3 else "")
    scenario = slug(task.label)
    return f"chipgym/{env}/{f'{scenario}-{who}'.replace('.', '-')}-v0"


def _again(env: _Recorder, record: EpisodeRecord) -> Episode:
    """Play the actions of a record and compare what comes out."""
    again = run_episode(
        env,
        _Replay(record.actions),
        task=record.task,
        agent=record.agent,
        seed=record.seed,
        instance=record.instance,
    )
    for field in ("instance_id", "actions", "episode_return", "metrics"):
        if getattr(again, field) != getattr(record, field):
            raise SimulationError(
                f"{record.agent} on {record.task}, instance {record.instance}: {field} is not as "
                "recorded; the simulator or the instance has changed since"
            )
    return env.episode(record)


def _dataset(
    task: TaskSpec, episodes: list[Episode], name: str | None, reference_instances: int
) -> OfflineDataset:
    # Episodes of a train split are numbered by their seeds, of which there is no end.
    facts = probe(task if task.split == "test" else task.model_copy(update={"instances": (0,)}))
    agents = tuple(dict.fromkeys(episode.agent for episode in episodes))
    instances = tuple(dict.fromkeys(episode.instance for episode in episodes))
    played = task.model_copy(update={"instances": instances})
    low, high = _reference_scores(played, facts, reference_instances)
    env = make_env(task)
    observation_space, action_space = check_spaces(env)
    env.close()
    manifest = build_manifest(
        configuration={},
        seeds=[],
        simulator_versions={},
        env_specs={},
        started=timestamp(),
        wall_s=0.0,
    )
    head = DatasetHead(
        name=name or dataset_name(task, agents),
        task=played.document(),
        env_spec=json.loads(facts.spec),
        agents=agents,
        metric=facts.metric,
        lower_is_better=facts.lower_is_better,
        simulator_version=facts.simulator_version,
        reference_policy=facts.reference_policy,
        ref_min_score=low,
        ref_max_score=high,
        reference_instances=min(reference_instances, len(instances)),
        total_episodes=len(episodes),
        total_steps=sum(map(len, episodes)),
        package_version=chipgym.__version__,
        commit=manifest["source"]["commit"],
        command=shlex.join(["chipgym", *sys.argv[1:]]),
    )
    return OfflineDataset(head, tuple(episodes), observation_space, action_space)


def _reference_scores(
    task: TaskSpec, facts: EnvFacts, count: int
) -> tuple[float | None, float | None]:
    """Mean return of the random policy and of the reference method on the first instances."""
    if count <= 0:
        return None, None
    some = task.model_copy(update={"instances": task.instance_indexes[:count]})
    random = [
        episode.episode_return
        for seed in range(REFERENCE_SEEDS)
        for episode in play(some, build_policy("random"), agent="random", seed=seed)
    ]
    best = [
        episode.episode_return
        for episode in play(some, build_policy(facts.reference_policy), agent="reference", seed=0)
    ]
    return float(np.mean(random)), float(np.mean(best))


def _mask(info: dict[str, Any]) -> Any:
    mask = info.get("action_mask")
    return None if mask is None else np.array(mask, dtype=np.bool_)


def _action(value: Any) -> Any:
    """A recorded action as the environment takes it: one number, whole numbers, or real ones."""
    if np.ndim(value) == 0:
        return value
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
