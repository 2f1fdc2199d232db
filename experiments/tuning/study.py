"""A search for hyperparameters: trials of an agent on the training split, their cost counted.

A trial trains (or searches) with each seed and is judged on instances of the ``train`` split, never
on those that count in a benchmark. Its objective is the mean gain over the stored hyperparameters
on the same instances and seeds, as a fraction of their metric; so the stored ones are the first
trial. Every job is a folder like those of a suite. Optuna's sampler is seeded and told the same
values, so that a study which was interrupted goes on where it was, with the same proposals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chipgym.agents.search.errors import MissingLibraryError
from chipgym.experiments.environments import EnvFacts, probe
from chipgym.experiments.executors import Executor
from chipgym.experiments.jobs import Job, JobOutcome, make_job
from chipgym.experiments.results import is_finished, read_result
from chipgym.experiments.runner import RunError, run_jobs
from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
from chipgym.experiments.tuning.space import SearchSpace
from chipgym.simulators.core.errors import check_range
from chipgym.simulators.core.files import read_json, write_json

__all__ = ["Trial", "Tuning", "TuningPlan", "tune"]

RESULT_FILE = "tuning.json"
STARTUP_SHARE = 0.4
"""Share of the trials that are drawn at random before the sampler trusts what it has seen."""


@dataclass(frozen=True)
class TuningPlan:
    """What is searched, and with what budget.

    Attributes
    ----------
    task : TaskSpec
        Environment, scenario and the instances that judge; always taken from the train split.
    kind, method : str
        ``algorithm`` or ``searcher``, and its name.
    cost : int
        Environment steps of a training, or evaluations of a search on each instance.
    space : mapping
        What is searched, by parameter.
    fixed : dict
        Overrides that all trials share.
    trials : int
        Settings that are tried, the stored ones included.
    seeds : int
        Seeds of each trial.
    batch : int
        Trials that are proposed at once, and may run beside one another.
    sampler_seed : int
    """

    task: TaskSpec
    kind: str
    method: str
    cost: int
    space: SearchSpace
    fixed: dict[str, Any] = field(default_factory=dict)
    trials: int = 20
    seeds: int = 2
    batch: int = 1
    sampler_seed: int = 0

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        plain = {k: v for k, v in vars(self).items() if k not in ("task", "space")}
        space = {name: spec.document() for name, spec in self.space.items()}
        return {"task": self.task.document(), **plain, "space": space}


@dataclass(frozen=True)
class Trial:
    """One setting.

    Attributes
    ----------
    number : int
        0 is the stored one.
    values : dict
        What differs from the stored hyperparameters.
    gain : float or None
        Mean gain over the stored ones, as a fraction of their metric; None if it failed.
    metric : float or None
        Mean primary metric.
    steps, evaluations : int
    seconds : float
        Wall time of its jobs, together.
    error : str
        Why it failed.
    """

    number: int
    values: dict[str, Any]
    gain: float | None
    metric: float | None
    steps: int
    evaluations: int
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class Tuning:
    """A finished search.

    Attributes
    ----------
    plan : TuningPlan
    trials : tuple of Trial
        In order.
    best : Trial
        The one with the highest gain; the stored setting if none is better.
    values : dict
        All hyperparameters of the best trial.
    """

    plan: TuningPlan
    trials: tuple[Trial, ...]
    best: Trial
    values: dict[str, Any]

    @property
    def cost(self) -> dict[str, float]:
        """What all trials have cost together."""
        return {
            "trials": len(self.trials),
            "steps": sum(trial.steps for trial in self.trials),
            "evaluations": sum(trial.evaluations for trial in self.trials),
            "seconds": round(sum(trial.seconds for trial in self.trials), 1),
        }

    def document(self) -> dict[str, Any]:
        """Return all as JSON."""
        return {
            "plan": self.plan.document(),
            "cost": self.cost,
            "best": asdict(self.best),
            "values": self.values,
            "trials": [asdict(trial) for trial in self.trials],
        }


def tune(
    plan: TuningPlan,
    folder: Path,
    make_executor: Callable[[], Executor],
    on_trial: Callable[[Trial], None] | None = None,
) -> Tuning:
    """Search; the same arguments give the same trials, interrupted or not.

    Parameters
    ----------
    plan : TuningPlan
    folder : Path
        Gets a folder a job, and ``tuning.json`` after each batch.
    make_executor : callable
        Makes the executor of a batch.
    on_trial : callable, optional
        Called with each trial as it ends, the stored setting first.

    Raises
    ------
    MissingLibraryError
        Optuna is not installed.
    RunError
        The stored hyperparameters failed already.
    """
    check_range("trials", plan.trials, 2, 100_000)
    check_range("seeds", plan.seeds, 1, 1000)
    check_range("batch", plan.batch, 1, 1000)
    task = plan.task.model_copy(update={"split": "train"})
    facts = probe(task)
    runner = _Trials(plan, task, facts, folder, make_executor)
    study = _study(plan)
    report = on_trial or (lambda trial: None)
    (first,) = runner.run([(0, {})])
    if first.error:
        raise RunError(f"the stored hyperparameters failed: {first.error}")
    trials = [first]
    report(first)
    while len(trials) < plan.trials:
        count = min(plan.batch, plan.trials - len(trials))
        asked = [study.ask() for _ in range(count)]
        settings = [
            (len(trials) + place, {name: spec.suggest(trial, name) for name, spec in _sorted(plan)})
            for place, trial in enumerate(asked)
        ]
        for trial, done in zip(asked, runner.run(settings), strict=True):
            _tell(study, trial, done)
            trials.append(done)
            report(done)
        found = _result(plan, trials, runner)
        write_json(folder / RESULT_FILE, found.document())
    return found


class _Trials:
    """Runs trials as jobs, and judges them against the first one."""

    def __init__(
        self,
        plan: TuningPlan,
        task: TaskSpec,
        facts: EnvFacts,
        folder: Path,
        make_executor: Callable[[], Executor],
    ) -> None:
        self.plan, self.task, self.facts, self.folder = plan, task, facts, folder
        self._make_executor = make_executor
        self._stored: list[list[float]] = []

    def jobs(self, number: int, values: Mapping[str, Any]) -> list[Job]:
        """One job a seed."""
        plan = self.plan
        cost = "steps" if plan.kind == "algorithm" else "budget"
        agent = AgentSpec.parse(
            {
                "name": f"trial {number}",
                plan.kind: plan.method,
                cost: plan.cost,
                "hyperparameters": {**plan.fixed, **values},
            }
        )
        curve, facts = CurveSpec(points=0), self.facts
        return [
            make_job(
                self.folder,
                self.task,
                agent,
                seed,
                curve,
                facts.simulator_version,
                facts.content,
            )
            for seed in range(plan.seeds)
        ]

    def run(self, settings: list[tuple[int, dict[str, Any]]]) -> list[Trial]:
        """Run trials beside one another."""
        jobs = {number: self.jobs(number, values) for number, values in settings}
        todo = [j for group in jobs.values() for j in group if not is_finished(Path(j.folder))]
        failed: dict[str, JobOutcome] = {}
        if todo:
            failed = {o.key: o for o in run_jobs(todo, self._make_executor())}
        return [self._judge(number, values, jobs[number], failed) for number, values in settings]

    def _judge(
        self,
        number: int,
        values: dict[str, Any],
        jobs: list[Job],
        failed: Mapping[str, JobOutcome],
    ) -> Trial:
        errors = [failed[job.key].error for job in jobs if job.key in failed]
        done = [job for job in jobs if job.key not in failed]
        results = [read_result(job) for job in done]
        seconds = sum(read_json(Path(job.folder) / "manifest.json")["wall_s"] for job in done)
        steps = sum(result.training_steps for result in results)
        spent = sum(r.training_evaluations * self._searches for r in results)
        spent += sum(record.evaluations for r in results for record in r.records)
        metrics = [
            [_number(record.metrics.get(self.facts.metric)) for record in result.records]
            for result in results
        ]
        gain = mean = None
        if not errors:
            self._stored = self._stored or metrics
            gain, mean = self._gain(metrics), _mean([v for row in metrics for v in row])
            if not math.isfinite(gain):
                gain, errors = None, [f"no value of {self.facts.metric}"]
        return Trial(number, values, gain, mean, steps, spent, round(seconds, 3), "; ".join(errors))

    @property
    def _searches(self) -> int:
        """Searches of a job: one an instance; a training serves all instances."""
        return 1 if self.plan.kind == "algorithm" else len(self.task.instance_indexes)

    def _gain(self, metrics: list[list[float]]) -> float:
        sign = 1.0 if self.facts.lower_is_better else -1.0
        gains = [
            sign * (old - new) / (abs(old) or 1.0)
            for olds, news in zip(self._stored, metrics, strict=True)
            for old, new in zip(olds, news, strict=True)
        ]
        return _mean(gains)


def _study(plan: TuningPlan) -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingLibraryError("chipgym tune", "Optuna") from error
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        startup = max(2, round(STARTUP_SHARE * plan.trials))
        sampler = optuna.samplers.TPESampler(seed=plan.sampler_seed, n_startup_trials=startup)
        return optuna.create_study(sampler=sampler, direction="maximize")
    finally:
        optuna.logging.set_verbosity(level)


def _tell(study: Any, trial: Any, done: Trial) -> None:
    from optuna.trial import TrialState

    if done.gain is None:
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, done.gain)


def _sorted(plan: TuningPlan) -> list[tuple[str, Any]]:
    return sorted(plan.space.items())


def _result(plan: TuningPlan, trials: list[Trial], runner: _Trials) -> Tuning:
    best = max(trials, key=lambda t: (-math.inf if t.gain is None else t.gain, -t.number))
    (job, *_) = runner.jobs(best.number, best.values)
    values = dict(read_json(Path(job.folder) / "training.json")["hyperparameters"])
    return Tuning(plan, tuple(trials), best, values)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
