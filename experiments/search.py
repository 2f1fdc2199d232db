"""Running a searcher on a design environment: budget, repetitions, record file, resumption.

A design environment is given a whole design as its one action: an episode is one step. Its
``info["evaluations"]`` says how many simulations the step stands for (1 if it says nothing), and
``info["design_key"]``, where there is one, names what was simulated: designs with equal keys have
equal results, as those that differ only in knobs without effect. The budget counts distinct
simulations. A design that comes again is answered from memory and costs nothing but its ask.

An environment with a budget of its own, as co-design has of trainings, offers `begin_search()`, the
count `paid_trainings` (None: no budget) and `recall(design, paid_trainings)`, which counts what a
design of the record has cost. So an interrupted search has as much left as an uninterrupted one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import gymnasium

from chipgym.agents.core.searcher import Searcher
from chipgym.agents.search.errors import NoAllowedDesignError, SearchExhaustedError
from chipgym.experiments.environments import instance_hash
from chipgym.experiments.evaluation import plain, start_episode
from chipgym.experiments.search_record import (
    Ending,
    ScoreKind,
    SearchHead,
    SearchRun,
    SearchStep,
    SearchWriter,
)
from chipgym.simulators.core.errors import (
    ChipGymError,
    FileFormatError,
    InvalidValueError,
    SimulationError,
)

__all__ = ["ASKS_PER_EVALUATION", "run_search"]

ASKS_PER_EVALUATION = 20
"""Asks that a search may make for each evaluation of its budget, where nothing else is said."""


def run_search(
    env: gymnasium.Env[Any, Any],
    searcher: Searcher[Any],
    budget: int,
    *,
    instance: int,
    seed: int,
    score: ScoreKind = "reward",
    max_asks: int | None = None,
    record: str | Path | None = None,
    on_evaluation: Callable[[SearchStep], None] | None = None,
) -> SearchRun:
    """Search an instance for a good design until the budget is spent.

    Parameters
    ----------
    env : gymnasium.Env
        A design environment; see the module.
    searcher : Searcher
        A new one: nothing asked or told yet.
    budget : int
        Distinct simulations, from 1.
    instance : int
        Instance of the environment's split. The environment's luck depends on it alone.
    seed : int
        The searcher's seed, for the record.
    score : {"reward", "metric", "vector"}
        What the searcher is told: the reward, the primary metric, negated where lower is better, or
        ``info["reward_vector"]``, for a searcher of several objectives.
    max_asks : int, optional
        Asks after which the search ends whatever the budget; by default 20 times the budget. So a
        search that proposes known designs for ever ends.
    record : path, optional
        File of the record, JSON lines. An interrupted search leaves ``NAME.partial`` beside it; the
        same call with a new searcher replays that, without simulating, and goes on. The record of
        a finished search is read and returned, without asking the searcher anything.
    on_evaluation : callable, optional
        Called with each step that spent an evaluation, replayed ones included.

    Returns
    -------
    SearchRun
        The same for the same arguments, interrupted or not.

    Raises
    ------
    InvalidValueError
        The budget is not positive, or the environment's episodes go on after one step.
    FileFormatError
        The record file is of another search, or is damaged.
    """
    _check_count("budget", budget)
    asks = budget * ASKS_PER_EVALUATION if max_asks is None else max_asks
    _check_count("max_asks", asks)
    evaluator = _Evaluator(env, instance, score)
    head = SearchHead(
        env=env.spec.id if env.spec is not None else type(env.unwrapped).__name__,
        arguments=_arguments(env),
        instance=instance,
        instance_id=evaluator.instance_id,
        instance_hash=instance_hash(env),
        simulator_version=str(getattr(env.unwrapped, "simulator_version", "")),
        metric=evaluator.metric,
        lower_is_better=evaluator.lower_is_better,
        searcher=searcher.name,
        hyperparameters=_hyperparameters(searcher),
        seed=seed,
        score=score,
        budget=budget,
        max_asks=asks,
    )
    with SearchWriter(head, None if record is None else Path(record)) as writer:
        if writer.finished is not None:
            return writer.finished
        ending: Ending = "asks"
        for number in range(1, asks + 1):
            try:
                design = searcher.ask()
            except SearchExhaustedError:
                ending = "exhausted"
                break
            except NoAllowedDesignError:
                ending = "no allowed design"
                break
            step = _replayed(writer, number, design)
            if step is None:
                step = evaluator.step(number, design)
            else:
                evaluator.recall(step, design)
            simulated = step.evaluations > evaluator.spent
            evaluator.remember(step)
            writer.add(step)
            searcher.tell(design, _told(step))
            if on_evaluation is not None and simulated:
                on_evaluation(step)
            if step.evaluations >= budget:
                ending = "budget"
                break
        return writer.finish(ending)


class _Evaluator:
    """Simulates designs on one instance and counts what they cost."""

    def __init__(self, env: gymnasium.Env[Any, Any], instance: int, score: ScoreKind) -> None:
        if score not in ("reward", "metric", "vector"):
            raise InvalidValueError("score", score, "reward, metric or vector")
        self.env, self.instance, self.kind = env, instance, score
        base: Any = env.unwrapped
        self.metric = str(base.primary_metric)
        self.lower_is_better = bool(getattr(base, "lower_is_better", True))
        self._reset()
        if hasattr(base, "begin_search"):
            base.begin_search()
        self.instance_id = str(getattr(base, "instance_id", instance))
        self.known: dict[str, SearchStep] = {}
        self.keys: set[str] = set()
        self.spent = 0

    def _reset(self) -> None:
        start_episode(self.env, self.instance)

    def remember(self, step: SearchStep) -> None:
        """Count a step, whether it was simulated now or read from a record."""
        self.known.setdefault(_text(step.design), step)
        self.keys.add(step.key)
        self.spent = step.evaluations

    @property
    def _paid(self) -> int | None:
        return getattr(self.env.unwrapped, "paid_trainings", None)

    def recall(self, step: SearchStep, design: Any) -> None:
        """Let the environment count what a step of the record has cost, without simulating it."""
        if step.trainings is not None and self._paid is not None:
            base: Any = self.env.unwrapped
            base.recall(_as_played(self.env, design), step.trainings)

    def step(self, number: int, design: Any) -> SearchStep:
        """Simulate a design, or answer from memory."""
        known = self.known.get(_text(plain(design)))
        if known is not None:
            return SearchStep(
                ask=number,
                design=known.design,
                key=known.key,
                score=known.score,
                metrics=known.metrics,
                vector=known.vector,
                trainings=self._paid,
                evaluations=self.spent,
                repeated=True,
                error=known.error,
            )
        self._reset()
        try:
            _, reward, terminated, truncated, info = self.env.step(design)
        except ChipGymError as error:
            # A design that is refused costs nothing; one that the simulator gives up on does.
            cost = int(isinstance(error, SimulationError))
            return self._step(number, design, None, {}, cost, error=str(error))
        if not (terminated or truncated):
            raise InvalidValueError(
                "env", str(self.env), "a design environment, whose episodes end after one step"
            )
        metrics = {str(name): _finite(value) for name, value in info["metrics"].items()}
        key = str(info.get("design_key") or "")
        cost = int(info.get("evaluations", 1))
        failure = str(info.get("training_failure") or "")
        if failure:
            # Its costs are known and were simulated, but it has no score.
            return self._step(number, design, None, metrics, cost, error=failure)
        value = self._oriented(metrics) if self.kind == "metric" else _finite(reward)
        vector = _vector(info) if self.kind == "vector" else None
        return self._step(number, design, value, metrics, cost, key=key, vector=vector)

    def _oriented(self, metrics: dict[str, float | None]) -> float | None:
        value = metrics.get(self.metric)
        return -value if value is not None and self.lower_is_better else value

    def _step(
        self,
        number: int,
        design: Any,
        score: float | None,
        metrics: dict[str, float | None],
        cost: int,
        key: str = "",
        error: str = "",
        vector: tuple[float, ...] | None = None,
    ) -> SearchStep:
        document = plain(design)
        name = key or _text(document)
        cost = 0 if name in self.keys else cost
        return SearchStep(
            ask=number,
            design=document,
            key=name,
            score=score,
            metrics=metrics,
            vector=vector,
            trainings=self._paid,
            evaluations=self.spent + cost,
            error=error,
        )


def _as_played(env: gymnasium.Env[Any, Any], design: Any) -> Any:
    """Return the action that the innermost environment gets for a design."""
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, gymnasium.ActionWrapper):
            design = env.action(design)
        env = env.env
    return design


def _replayed(writer: SearchWriter, number: int, design: Any) -> SearchStep | None:
    """Return the recorded step in place of a simulation; None beyond the record."""
    step = writer.recorded(number)
    if step is not None and step.design != plain(design):
        reason = f"ask {number}: the record has {step.design}, the searcher asks {plain(design)}"
        raise FileFormatError(writer.path, reason)
    return step


def _told(step: SearchStep) -> Any:
    """Return what a searcher is told of a step."""
    if step.vector is not None:
        return step.vector
    return math.nan if step.score is None else step.score


def _vector(info: dict[str, Any]) -> tuple[float, ...]:
    if "reward_vector" not in info:
        raise InvalidValueError(
            "score", "vector", "reward or metric: this environment gives no info['reward_vector']"
        )
    return tuple(float(value) for value in info["reward_vector"])


def _arguments(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """Keyword arguments of an environment as JSON; of objects their hash, or their class."""
    kwargs = {} if env.spec is None else env.spec.kwargs

    def named(value: Any) -> str:
        return str(getattr(value, "content_hash", type(value).__name__))

    return dict(json.loads(json.dumps(plain(kwargs), default=named)))


def _hyperparameters(searcher: Any) -> dict[str, Any]:
    settings = getattr(searcher, "settings", None)
    if is_dataclass(settings) and not isinstance(settings, type):
        return dict(plain(asdict(settings)))
    return {}


def _text(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _check_count(field: str, value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidValueError(field, value, "an integer >= 1")
