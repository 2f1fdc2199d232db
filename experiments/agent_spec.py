"""Agents of a suite: what is run on which tasks, with what budget, within what limits."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError

if TYPE_CHECKING:
    from chipgym.experiments.suite import TaskSpec

__all__ = ["AgentSpec", "LimitsSpec"]

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][\w .+()-]*$")]
Count = Annotated[int, Field(ge=1, le=100_000)]
Steps = Annotated[int, Field(ge=1, le=10**10)]
Budget = Annotated[int, Field(ge=1, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class LimitsSpec(Description):
    """What each job of an agent may take. The results do not depend on it.

    Attributes
    ----------
    cpus : int
        Processor cores that an executor sets aside.
    gpus : float
        Accelerators, or a share of one, that Ray sets aside.
    memory_mib : int or None
        Main memory in MiB that Ray sets aside.
    time_s : float or None
        Wall time in seconds after which a job fails; what it has recorded by then is kept.
    """

    cpus: Annotated[int, Field(ge=1, le=4096)] = 1
    gpus: Annotated[float, Field(ge=0, le=64)] = 0.0
    memory_mib: Annotated[int, Field(ge=1)] | None = None
    time_s: Annotated[float, Field(gt=0)] | None = None


class AgentSpec(Description):
    """A method under test: a ready policy, an algorithm that is trained first, or a searcher.

    Attributes
    ----------
    name : str
        Name in the ranking.
    policy : str or None
        A registered policy, or ``module:attribute`` that builds one.
    algorithm : str or None
        A registered training algorithm, or ``module:function``.
    searcher : str or None
        A registered searcher, or ``module:attribute``, for environments whose one action is a whole
        design. It searches each instance anew; the best design that it found is what counts.
    tasks : list of str or None
        Tasks that the agent is for: labels, environment ids, or patterns of either such as
        ``chipgym/Soc*``. By default all.
    kwargs : dict
        Arguments of the policy.
    hyperparameters : dict
        Overrides of the stored hyperparameters of the algorithm or searcher.
    steps : int, dict or None
        Environment steps of training (algorithms only), for all tasks or by the label of the task.
    budget : int, dict or None
        Simulator evaluations on each instance (searchers only), likewise.
    seeds : int, list of int or None
        Seeds of this agent. By default the suite's seeds for an algorithm or a searcher and the
        first of them for a policy, which is deterministic unless it says otherwise.
    limits : LimitsSpec
        What each of its jobs may take.
    """

    name: Name
    policy: str | None = None
    algorithm: str | None = None
    searcher: str | None = None
    tasks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    kwargs: dict[str, Any] = {}
    hyperparameters: dict[str, Any] = {}
    steps: Steps | dict[str, Steps] | None = None
    budget: Budget | dict[str, Budget] | None = None
    seeds: Count | tuple[Seed, ...] | None = None
    limits: LimitsSpec = LimitsSpec()

    @model_validator(mode="after")
    def _check(self) -> Self:
        kinds = [kind for kind in (self.policy, self.algorithm, self.searcher) if kind is not None]
        if len(kinds) != 1:
            raise ValueError("exactly one of policy, algorithm and searcher must be given")
        if self.algorithm is not None and self.steps is None:
            raise ValueError("an algorithm needs steps")
        if self.searcher is not None and self.budget is None:
            raise ValueError("a searcher needs a budget")
        if self.algorithm is None and self.steps is not None:
            raise ValueError("steps belong to algorithms, not to policies and searchers")
        if self.searcher is None and self.budget is not None:
            raise ValueError("a budget belongs to searchers, not to policies and algorithms")
        if self.policy is not None and self.hyperparameters:
            raise ValueError("hyperparameters belong to algorithms and searchers, not to policies")
        if self.policy is None and self.kwargs:
            raise ValueError("kwargs belong to policies; algorithms take hyperparameters")
        if isinstance(self.seeds, tuple) and not 0 < len(set(self.seeds)) == len(self.seeds):
            raise ValueError("seeds must be distinct and not empty")
        return self

    def applies_to(self, task: TaskSpec) -> bool:
        """Whether the agent is for a task."""
        return self.tasks is None or any(self.covers(task, pattern) for pattern in self.tasks)

    @staticmethod
    def covers(task: TaskSpec, pattern: str) -> bool:
        """Whether a pattern fits a task's label or environment id."""
        env_id = task.env.rpartition(":")[2]
        return pattern == task.label or any(
            fnmatchcase(name, pattern) for name in (task.label, env_id)
        )

    def steps_for(self, task: TaskSpec) -> int | None:
        """Environment steps of training on a task.

        Raises
        ------
        InvalidValueError
            The steps are given by task, and this one is missing.
        """
        return self._for(task, "steps", self.steps)

    def budget_for(self, task: TaskSpec) -> int | None:
        """Simulator evaluations of a search on each instance of a task; else as `steps_for`."""
        return self._for(task, "budget", self.budget)

    def for_task(self, task: TaskSpec) -> AgentSpec:
        """What the agent is on one task, as the configuration of a job holds it."""
        return self.model_copy(
            update={
                "seeds": None,
                "tasks": None,
                "limits": LimitsSpec(),
                "steps": self.steps_for(task),
                "budget": self.budget_for(task),
            }
        )

    def seed_list(self, default: tuple[int, ...]) -> tuple[int, ...]:
        """Seeds of this agent, given the suite's."""
        if isinstance(self.seeds, int):
            return tuple(range(self.seeds))
        if self.seeds is not None:
            return self.seeds
        return default if self.policy is None else default[:1]

    def _for(self, task: TaskSpec, field: str, value: int | dict[str, int] | None) -> int | None:
        if not isinstance(value, dict):
            return value
        if task.label not in value:
            raise InvalidValueError(
                f"{field} of agent {self.name!r}", sorted(value), f"one entry for {task.label!r}"
            )
        return value[task.label]
