"""Suites: what is run, as data. Tasks x agents x seeds x budget, in YAML, checked on loading."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from chipgym.experiments.agent_spec import AgentSpec, Count, LimitsSpec, Name, Seed
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
    lookup_error,
)
from chipgym.simulators.core.plugins import load_plugin, plugin_names

__all__ = [
    "WRAPPERS",
    "AgentSpec",
    "CurveSpec",
    "LimitsSpec",
    "SmokeSpec",
    "Suite",
    "TaskSpec",
    "load_suite",
    "slug",
    "suite_names",
    "suite_schema",
]

_DESIGN_WRAPPERS = "chipgym.envs.core.design_wrappers"
WRAPPERS: dict[str, tuple[str, str | None]] = {
    "continuous": (
        f"{_DESIGN_WRAPPERS}:ContinuousActions",
        f"{_DESIGN_WRAPPERS}:ContinuousVectorActions",
    ),
    "multiplexed": (f"{_DESIGN_WRAPPERS}:TimeMultiplexed", None),
}
"""Other forms of a task's actions by name (real numbers, one choice a step): the wrapper, and that
of vector environments where there is one."""

GROUP = "chipgym.suites"
SUITES = Path(__file__).resolve().parent / "suites"


def slug(text: str) -> str:
    """Reduce a name to lower-case letters, digits, dots and hyphens, for file names."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "x"


class TaskSpec(Description):
    """A task: environment, scenario, objective and the instances that count.

    Attributes
    ----------
    env : str
        Environment id; ``module:id`` imports the user's module first, as Gymnasium does.
    scenario, objective : str or None
        Keyword arguments of the environment; ``None`` leaves its default.
    split : {"test", "train"}
        Instance split that is evaluated.
    instances : int or list of int
        The first n instances, or these.
    kwargs : dict
        Further keyword arguments of the environment, in training and in evaluation.
    parallel_kwargs : dict
        Further keyword arguments of its PettingZoo form, for algorithms for many agents.
    wrapper : str or None
        Other form of the actions, a name of `WRAPPERS`, in training and in evaluation. The metric
        is that of the plain task, and so are the references.
    name : str or None
        Label in rankings and plots; by default the scenario, and the wrapper if there is one.
    max_steps, max_evaluations : int or None
        Budget of training in environment steps and in simulator evaluations, where limited.
    """

    env: Annotated[str, Field(min_length=1, max_length=200)]
    scenario: str | None = None
    objective: str | None = None
    split: Literal["test", "train"] = "test"
    instances: Count | tuple[Annotated[int, Field(ge=0)], ...] = 8
    kwargs: dict[str, Any] = {}
    parallel_kwargs: dict[str, Any] = {}
    wrapper: str | None = None
    name: Name | None = None
    max_steps: Annotated[int, Field(ge=1)] | None = None
    max_evaluations: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        indexes = self.instance_indexes
        if not indexes or len(set(indexes)) != len(indexes):
            raise ValueError("instances must be distinct and not empty")
        for field, given in (("kwargs", self.kwargs), ("parallel_kwargs", self.parallel_kwargs)):
            taken = {"scenario", "objective", "split"} & set(given)
            if taken:
                raise ValueError(f"{field} must not repeat {', '.join(sorted(taken))}")
        if self.wrapper is not None and self.wrapper not in WRAPPERS:
            raise ValueError(f"wrapper {self.wrapper!r} is none of {', '.join(WRAPPERS)}")
        return self

    @property
    def label(self) -> str:
        """Name of the task in rankings and plots."""
        plain = self.scenario or self.env.rpartition("/")[2]
        return self.name or (f"{plain} ({self.wrapper})" if self.wrapper else plain)

    @property
    def instance_indexes(self) -> tuple[int, ...]:
        """Indexes of the instances that are evaluated."""
        if isinstance(self.instances, int):
            return tuple(range(self.instances))
        return self.instances

    def env_kwargs(self, split: str | None = None) -> dict[str, Any]:
        """Keyword arguments for ``gymnasium.make``."""
        named = {"scenario": self.scenario, "objective": self.objective}
        given = {name: value for name, value in named.items() if value is not None}
        return {**given, "split": split or self.split, **self.kwargs}

    def without_wrapper(self) -> TaskSpec:
        """Return the plain task, under the same label."""
        if self.wrapper is None:
            return self
        return self.model_copy(update={"wrapper": None, "name": self.label})

    def identity(self) -> dict[str, Any]:
        """What makes two tasks the same: all but instances, label, budget and form of actions."""
        return {
            "env": self.env,
            "scenario": self.scenario,
            "objective": self.objective,
            "split": self.split,
            "kwargs": self.kwargs,
        }


class CurveSpec(Description):
    """Learning curves: how often the agent in training is evaluated, and on how many instances.

    The evaluations only draw the curve: nothing is selected by them.
    """

    points: Annotated[int, Field(ge=0, le=1000)] = 10
    instances: Count = 2


class SmokeSpec(Description):
    """The shortened form of a suite, for continuous integration: upper limits.

    Attributes
    ----------
    instances, seeds : int
        Of each task, and of each agent.
    steps, budget : int
        Of a training, and of a search on each instance.
    kwargs : dict
        Further keyword arguments of all environments.
    curve : CurveSpec
        Of the trainings.
    """

    instances: Count = 2
    seeds: Count = 1
    steps: Annotated[int, Field(ge=1)] = 2048
    budget: Count = 16
    kwargs: dict[str, Any] = {}
    curve: CurveSpec = CurveSpec(points=2, instances=1)


class Suite(Description):
    """A suite of tasks, agents and seeds."""

    name: Name
    description: str = ""
    tasks: Annotated[tuple[TaskSpec, ...], Field(min_length=1)]
    agents: Annotated[tuple[AgentSpec, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2, 3, 4)
    curve: CurveSpec = CurveSpec()
    smoke: SmokeSpec = SmokeSpec()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for what, names in (
            ("tasks", [slug(task.label) for task in self.tasks]),
            ("agents", [slug(agent.name) for agent in self.agents]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} share the name {twice[0]!r}; give each its own")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds must be distinct")
        for number, agent in enumerate(self.agents):
            for pattern in agent.tasks or ():
                if not any(agent.covers(task, pattern) for task in self.tasks):
                    raise ValueError(f"agents.{number}.tasks: no task fits {pattern!r}")
        return self

    def pairs(self) -> Iterator[tuple[TaskSpec, AgentSpec]]:
        """Every task with each of its agents, in the suite's order."""
        for task in self.tasks:
            for agent in self.agents:
                if agent.applies_to(task):
                    yield task, agent

    def identity(self) -> dict[str, Any]:
        """What determines the results: all but how much time and memory the jobs may take."""
        agents = tuple(agent.model_copy(update={"limits": LimitsSpec()}) for agent in self.agents)
        return self.model_copy(update={"agents": agents}).document()

    def shortened(self) -> Suite:
        """Return the suite in its shortened form."""
        short = self.smoke
        tasks = [
            task.model_copy(
                update={
                    "instances": task.instance_indexes[: short.instances],
                    "kwargs": {**task.kwargs, **short.kwargs},
                }
            )
            for task in self.tasks
        ]
        agents = [
            agent.model_copy(
                update={
                    "seeds": agent.seed_list(self.seeds)[: short.seeds],
                    "steps": _at_most(agent.steps, short.steps),
                    "budget": _at_most(agent.budget, short.budget),
                }
            )
            for agent in self.agents
        ]
        changes = {"tasks": tuple(tasks), "agents": tuple(agents), "curve": short.curve}
        return self.model_copy(update={"name": f"{self.name}-smoke", **changes})


def _at_most(steps: int | dict[str, int] | None, limit: int) -> int | dict[str, int] | None:
    if isinstance(steps, dict):
        return {label: min(count, limit) for label, count in steps.items()}
    return None if steps is None else min(steps, limit)


def suite_schema() -> dict[str, Any]:
    """JSON schema of a suite's YAML, as editors read it; ``suites/suite.schema.json`` holds it."""
    return Suite.model_json_schema()


def suite_names() -> list[str]:
    """Names of the suites in the package, then of those that other packages add."""
    own = sorted(path.stem for path in SUITES.glob("*.yaml"))
    return [*own, *(name for name in plugin_names(GROUP) if name not in own)]


def load_suite(name_or_path: str | os.PathLike[str]) -> Suite:
    """Load a suite of the package by name, or the user's own by its path.

    Raises
    ------
    UnknownNameError
        Neither a suite of the package nor a file.
    FileFormatError
        The file is unreadable, not YAML, or breaks the schema; the field is named.
    """
    text = os.fspath(name_or_path)
    path = SUITES / f"{text}.yaml"
    if not path.is_file():
        path = Path(load_plugin(GROUP, text) or text)
    if not path.is_file():
        raise _missing(text)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise FileFormatError(path, f"not YAML: {error}") from error
    except RecursionError as error:
        raise FileFormatError(path, "cannot be read: nested too deeply") from error
    try:
        return Suite.parse(document)
    except InvalidValueError as error:
        raise FileFormatError(path, str(error)) from error


def _missing(text: str) -> UnknownNameError | FileFormatError:
    """Tell a mistyped name from a missing file."""
    if os.sep in text or text.endswith((".yaml", ".yml")):
        return FileFormatError(text, "cannot be read: no such suite file")
    return lookup_error("suite", text, suite_names())


if __name__ == "__main__":  # for shells
    print(*suite_names(), sep="\n")
