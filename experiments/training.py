"""Training in a job's folder: done once, saved whole, evaluated along the way for the curve."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode

from chipgym.agents.core.hyperparameters import algorithms, load_hyperparameters
from chipgym.agents.core.registry import policy_names
from chipgym.agents.multi_agent.arguments import ALGORITHMS as MULTI_AGENT
from chipgym.agents.offline.names import ALGORITHMS as OFFLINE
from chipgym.agents.papers.scheduling.names import ALGORITHMS as SCHEDULERS
from chipgym.agents.schedulers.settings import ALGORITHM as LEARNED_SCHEDULER
from chipgym.experiments.environments import (
    make_env,
    probe,
    vector_wrapper_class,
    wrapper_class,
)
from chipgym.experiments.evaluation import run_episode
from chipgym.experiments.parallel import make_env_for, make_parallel_env
from chipgym.experiments.policies import import_attribute
from chipgym.experiments.results import CURVE, TRAINING, CurvePoint
from chipgym.experiments.suite import CurveSpec, TaskSpec
from chipgym.experiments.tracking import Tracking
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    SimulationError,
    UnknownNameError,
)
from chipgym.simulators.core.files import read_json, write_json, write_text
from chipgym.simulators.core.plugins import plugin_names, plugin_values

__all__ = [
    "algorithm_names",
    "check_algorithm",
    "check_form",
    "find_algorithm",
    "load_trained",
    "make_vector_env",
    "task_hyperparameters",
    "train_in",
]

GROUP = "chipgym.algorithms"
POLICY = "policy"
REPORTS = 100
"""Progress reports of a training, at most; learning curves have fewer points."""

EVALUATION = "evaluation/"
ENTRY = "entry"
"""Hyperparameter that chooses a named entry of the stored ones instead of the task's."""


def algorithm_names() -> list[str]:
    """Names of the training algorithms: ours, then those that other packages add."""
    return [*algorithms(), *(name for name in plugin_names(GROUP) if name not in algorithms())]


def find_algorithm(name: str) -> str:
    """An algorithm's own name, or ``module:function`` where another package adds it."""
    return name if name in algorithms() else plugin_values(GROUP).get(name, name)


def check_algorithm(name: str, hyperparameters: Mapping[str, Any] | None = None) -> None:
    """Find mistakes in an algorithm and in overrides of its hyperparameters before training.

    Raises
    ------
    UnknownNameError
        `name` is neither a training algorithm nor ``module:function``, or does not take one of the
        hyperparameters.
    InvalidValueError
        A hyperparameter is out of range.
    """
    name = find_algorithm(name)
    if ":" in name:
        if not callable(import_attribute("algorithm", name)):
            raise InvalidValueError("algorithm", name, "module:function")
    elif name not in algorithm_names():
        if name in policy_names():
            raise InvalidValueError(
                "algorithm", name, "an algorithm; this is a policy, which `evaluate` runs untrained"
            )
        raise UnknownNameError("algorithm", name, algorithm_names())
    elif hyperparameters:
        values = dict(hyperparameters)
        entry = values.pop(ENTRY, None)
        if entry is not None:
            load_hyperparameters(name, entry=entry)
        if name in MULTI_AGENT:
            from chipgym.agents.multi_agent.arguments import check_hyperparameters
        elif name in OFFLINE:
            from chipgym.agents.offline.names import check_hyperparameters
        elif name in SCHEDULERS:
            from chipgym.agents.papers.scheduling.names import check_hyperparameters
        elif name == LEARNED_SCHEDULER:
            from chipgym.agents.schedulers.settings import check_hyperparameters
        else:  # PyTorch is loaded for this, which is why it is not done always
            from chipgym.agents.sb3.arguments import check_hyperparameters
        check_hyperparameters(name, values)


def check_form(algorithm: str, task: TaskSpec) -> None:
    """Check that a task has the form that an algorithm for many agents needs.

    Raises
    ------
    InvalidValueError
        It has not.
    """
    if algorithm in MULTI_AGENT:
        make_parallel_env(task).close()


def make_vector_env(
    task: TaskSpec, num_envs: int, autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP
) -> Any:
    """Make the training environment of a task: native where there is one, otherwise synchronous."""
    make_env(task, split="train").close()  # its errors are the clear ones
    env_id = task.env.rpartition(":")[2]  # its module is imported by now
    wrapper, vector_wrapper = wrapper_class(task), vector_wrapper_class(task)
    native = gymnasium.spec(env_id).vector_entry_point is not None
    if native and (wrapper is None or vector_wrapper is not None):
        envs = gymnasium.make_vec(
            env_id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=autoreset_mode,
            **task.env_kwargs("train"),
        )
        return envs if vector_wrapper is None else vector_wrapper(envs)
    return gymnasium.make_vec(
        env_id,
        num_envs=num_envs,
        vectorization_mode="sync",
        wrappers=None if wrapper is None else [wrapper],
        vector_kwargs={"autoreset_mode": autoreset_mode},
        **task.env_kwargs("train"),
    )


def train_in(
    folder: Path,
    *,
    task: TaskSpec,
    algorithm: str,
    steps: int,
    seed: int,
    hyperparameters: Mapping[str, Any],
    curve: CurveSpec,
    on_progress: Callable[[int, int], None],
    tracking: Tracking | None = None,
) -> Any:
    """Train an agent into a folder and return it as loaded from there.

    Where the folder holds a finished training that is returned instead. The training itself is not
    resumed half-way: an optimiser's state is part of it, and the same seed trains the same agent.

    Parameters
    ----------
    folder : Path
        Receives ``policy/``, ``curve.jsonl`` and, last, ``training.json``.
    task : TaskSpec
        Trained on its ``train`` split; the curve is evaluated on its own instances.
    algorithm : str
        A registered name, or ``module:function`` that keeps the signature of
        `chipgym.agents.sb3.train.train_agent` without `algorithm`, in a module with `load_policy`.
    steps, seed : int
        Environment steps, and the seed.
    hyperparameters : mapping
        Overrides of the stored ones; ``entry`` names the stored ones to start from.
    curve : CurveSpec
        Points and instances of the learning curve.
    on_progress : callable
        Called with steps done and steps in all.
    tracking : Tracking, optional
        Is started, and told the trainer's records; the caller closes it.
    """
    algorithm = find_algorithm(algorithm)
    if not (folder / TRAINING).is_file():
        shutil.rmtree(folder / POLICY, ignore_errors=True)
        values = task_hyperparameters(algorithm, task, hyperparameters)
        config = {"task": task.document(), "algorithm": algorithm, "steps": steps, "seed": seed}
        tracking = tracking or Tracking((), folder)
        tracking.start({**config, "hyperparameters": values})
        recorder = _CurveWriter(task, curve, steps, on_progress, tracking)
        try:
            result = _trainer(algorithm, task)(
                steps,
                seed,
                hyperparams=values,
                callback=recorder.listen,
                evaluate=recorder.evaluate,
                record_every=max(1, steps // REPORTS),
            )
        finally:
            recorder.close()
        # The result counts what the records do not: episodes that chose among contenders.
        evaluations = int(getattr(result, "evaluations", recorder.evaluations))
        _check_budget(task, evaluations)
        _save(folder, result, recorder, algorithm, seed, evaluations, values)
    return load_trained(folder)


def load_trained(folder: Path) -> Any:
    """Load the agent that `train_in` left in a folder.

    Raises
    ------
    FileFormatError
        There is no finished training in it, or its files are damaged.
    """
    training = read_json(folder / TRAINING)
    if not isinstance(training, dict) or "algorithm" not in training:
        raise FileFormatError(folder / TRAINING, "not what a training leaves: no algorithm in it")
    algorithm = str(training["algorithm"])
    if ":" in algorithm:
        module = algorithm.partition(":")[0]
        return import_attribute("algorithm", f"{module}:load_policy")(folder / POLICY)
    if algorithm in MULTI_AGENT:
        from chipgym.agents.multi_agent.policy import load_multi_agent_policy

        return load_multi_agent_policy(folder / POLICY)
    if algorithm == LEARNED_SCHEDULER:
        from chipgym.agents.schedulers.learned import load_learned_scheduler

        return load_learned_scheduler(folder / POLICY)
    if algorithm in OFFLINE:
        from chipgym.agents.offline.policy import load_offline_policy

        return load_offline_policy(folder / POLICY)
    if algorithm in SCHEDULERS:
        from chipgym.agents.papers.scheduling.policy import load_scheduler

        return load_scheduler(folder / POLICY)
    from chipgym.agents.sb3.policy import load_policy

    return load_policy(folder / POLICY)


class _CurveWriter:
    """Evaluates the agent in training at even intervals, and keeps the learning curve."""

    def __init__(
        self,
        task: TaskSpec,
        curve: CurveSpec,
        steps: int,
        on_progress: Callable[[int, int], None],
        tracking: Tracking,
    ) -> None:
        self.points: list[CurvePoint] = []
        self._tracking = tracking
        self.evaluations = 0
        self._task, self._total, self._on_progress = task, steps, on_progress
        self._instances = task.instance_indexes[: curve.instances] if curve.points else ()
        self._every = -(-REPORTS // curve.points) if curve.points else 0
        self._metric = probe(task).metric
        self._env: gymnasium.Env[Any, Any] | None = None
        self._calls = 0

    def evaluate(self, policy: Any) -> dict[str, float]:
        """Return the metric of each curve instance, or nothing between two points."""
        self._calls += 1
        if not self._instances or (self._calls != 1 and self._calls % self._every):
            return {}
        if self._env is None:
            self._env = make_env_for(self._task, policy)
        values = {}
        for instance in self._instances:
            record = run_episode(
                self._env,
                policy,
                task=self._task.label,
                agent="training",
                seed=0,
                instance=instance,
            )
            value = record.metrics.get(self._metric)
            if value is None:
                raise SimulationError(f"{self._task.label}: no value of {self._metric}")
            values[f"instance-{instance}"] = value
        return values

    def listen(self, record: Mapping[str, float]) -> None:
        """Take a record of the trainer: progress, and a point where it was evaluated."""
        steps = int(record["steps"])
        # A trainer of one's own may count episodes only.
        episodes = self.evaluations + record.get("episodes", 0)
        self.evaluations = int(record.get("evaluations", episodes))
        found = {k: v for k, v in record.items() if k.startswith(EVALUATION)}
        if found:
            instances = tuple(int(name.rpartition("-")[2]) for name in found)
            metrics = tuple(float(value) for value in found.values())
            self.points.append(CurvePoint(steps, self.evaluations, instances, metrics))
        self._tracking.log(record)
        self._on_progress(min(steps, self._total), self._total)

    def close(self) -> None:
        """Close the evaluation environment."""
        if self._env is not None:
            self._env.close()


def _trainer(algorithm: str, task: TaskSpec) -> Callable[..., Any]:
    """The function that trains, in the task's environments."""
    if algorithm in MULTI_AGENT:
        from chipgym.agents.multi_agent.train import train_agents

        return partial(train_agents, algorithm, lambda: make_parallel_env(task, "train"))

    def make_envs(num_envs: int) -> Any:
        return make_vector_env(task, num_envs)

    if algorithm == LEARNED_SCHEDULER:
        from chipgym.agents.schedulers.training import train_learned_scheduler

        return partial(
            train_learned_scheduler,
            lambda num_envs: make_vector_env(task, num_envs, AutoresetMode.NEXT_STEP),
        )
    if ":" in algorithm:
        return partial(import_attribute("algorithm", algorithm), make_envs)
    if algorithm in OFFLINE:
        from chipgym.experiments.offline.learning import train_on_dataset

        return partial(train_on_dataset, algorithm, task)
    if algorithm in SCHEDULERS:
        from chipgym.agents.papers.scheduling.names import find_trainer

        return partial(find_trainer(algorithm), make_envs)
    from chipgym.agents.sb3.train import train_agent

    return partial(train_agent, algorithm, make_envs)


def task_hyperparameters(
    algorithm: str, task: TaskSpec, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """Stored hyperparameters of an algorithm for a task, with the overrides."""
    algorithm = find_algorithm(algorithm)
    if ":" in algorithm:
        return dict(overrides)
    given = dict(overrides)
    env_id = task.env.rpartition(":")[2]
    stored = load_hyperparameters(
        algorithm, env_id, task.scenario or "default", entry=given.pop(ENTRY, None)
    )
    return {**stored.values, **given}


def _check_budget(task: TaskSpec, evaluations: int) -> None:
    """Refuse a result that spent more simulator evaluations than the task allows."""
    if task.max_evaluations is not None and evaluations > task.max_evaluations:
        raise InvalidValueError(
            "evaluations spent in training",
            evaluations,
            f"at most {task.max_evaluations}, the budget of task {task.label!r}",
        )


def _save(
    folder: Path,
    result: Any,
    recorder: _CurveWriter,
    algorithm: str,
    seed: int,
    evaluations: int,
    values: Mapping[str, Any],
) -> None:
    """Save the agent and its curve; the file that says so comes last."""
    unfinished = folder / f"{POLICY}.partial"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    result.policy.save(unfinished)
    os.replace(unfinished, folder / POLICY)
    lines = [json.dumps(point.document()) + "\n" for point in recorder.points]
    write_text(folder / CURVE, "".join(lines))
    training = {
        "algorithm": algorithm,
        "seed": seed,
        "steps": int(result.steps),
        "evaluations": evaluations,
        "hyperparameters": dict(values),
    }
    write_json(folder / TRAINING, training)
