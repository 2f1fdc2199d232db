"""Making environments from tasks, and what the harness asks of them before a run."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.vector import VectorWrapper

from chipgym.envs.registration import added_environments
from chipgym.experiments.evaluation import start_episode
from chipgym.experiments.policies import import_attribute
from chipgym.experiments.suite import WRAPPERS, TaskSpec
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError, UnknownNameError
from chipgym.simulators.core.hashing import content_hash

__all__ = [
    "EnvFacts",
    "env_ids",
    "instance_hash",
    "make_env",
    "probe",
    "scenarios",
    "vector_wrapper_class",
    "with_instances",
    "wrapper_class",
]

FAMILIES = {
    "chipgym/Soc": ("chipgym.simulators.soc", "chipgym.envs.soc_scheduling.presets"),
    "chipgym/Dram": ("chipgym.simulators.dram", "chipgym.envs.dram_tuning.presets"),
    "chipgym/DramRuntime": (
        "chipgym.simulators.dram.simulate",
        "chipgym.envs.dram_tuning.runtime_presets",
    ),
    "chipgym/DramCommand": (
        "chipgym.simulators.dram.simulate",
        "chipgym.envs.dram_tuning.command_presets",
    ),
    "chipgym/CoDesign": (
        "chipgym.simulators.accelerator.simulate",
        "chipgym.envs.codesign.presets",
    ),
    "chipgym/Logic": ("chipgym.simulators.logic", "chipgym.envs.logic_synthesis.presets"),
}
"""Simulator and presets of each family, by the longest prefix of its environment ids."""


@dataclass(frozen=True)
class EnvFacts:
    """What a task's environment says about itself.

    Attributes
    ----------
    metric : str
        Name of the primary metric, unit included.
    lower_is_better : bool
        Its direction.
    reference_policy : str
        Policy whose score is 1 by definition.
    simulator_version : str
        Version of the simulator's results.
    num_instances : int or None
        Instances of the split, where it is finite.
    spec : str
        The EnvSpec as JSON.
    content : str
        Hash of the task's instances if it has further arguments, which may name files.
    penalised_metric : bool
        Whether the metric of what is infeasible is worse than that of anything feasible.
    """

    metric: str
    lower_is_better: bool
    reference_policy: str
    simulator_version: str
    num_instances: int | None
    spec: str
    content: str = ""
    penalised_metric: bool = False


def env_ids() -> list[str]:
    """Ids of ChipGym's Gymnasium environments, and of those that other packages add."""
    importlib.import_module("chipgym")
    added = {entry.id for entry in added_environments()}
    return sorted(
        name for name in gymnasium.registry if name.startswith("chipgym/") or name in added
    )


def scenarios(env_id: str) -> dict[str, str]:
    """Scenarios of an environment with their one-line descriptions."""
    family = _family(env_id)
    if family is None or not family[1]:
        return {}
    table = importlib.import_module(family[1]).SCENARIOS
    return {name: str(entry.description) for name, entry in table.items()}


def _family(env_id: str) -> tuple[str, str] | None:
    """Modules of the simulator and of the presets behind an id."""
    known = [prefix for prefix in FAMILIES if env_id.startswith(prefix)]
    if known:
        return FAMILIES[max(known, key=len)]
    added = [entry for entry in added_environments() if entry.id == env_id]
    return (added[0].simulator, added[0].presets) if added else None


def make_env(task: TaskSpec, split: str | None = None, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Make the scalar environment of a task, in its wrapper if it has one.

    Raises
    ------
    UnknownNameError
        There is no such environment id.
    InvalidValueError
        The environment does not take one of the keyword arguments, or does not fit the wrapper.
    """
    try:
        env = gymnasium.make(
            task.env, disable_env_checker=True, **{**task.env_kwargs(split), **kwargs}
        )
        wrapper = wrapper_class(task)
        return env if wrapper is None else wrapper(env)
    except gymnasium.error.UnregisteredEnv as error:
        raise UnknownNameError("known environment", task.env, env_ids()) from error
    except gymnasium.error.Error as error:
        raise InvalidValueError("env", task.env, f"an environment id ({error})") from error
    except ModuleNotFoundError as error:
        if ":" not in task.env:
            raise
        raise InvalidValueError("env", task.env, f"module:id ({error})") from error
    except ChipGymError:
        raise
    except TypeError as error:
        raise InvalidValueError(
            "kwargs", task.env_kwargs(split), f"arguments of {task.env} ({error})"
        ) from error


def wrapper_class(task: TaskSpec) -> type[gymnasium.Wrapper[Any, Any, Any, Any]] | None:
    """Class of a task's wrapper, None if it has none."""
    if task.wrapper is None:
        return None
    found: type[gymnasium.Wrapper[Any, Any, Any, Any]] = import_attribute(
        "wrapper", WRAPPERS[task.wrapper][0]
    )
    return found


def vector_wrapper_class(task: TaskSpec) -> type[VectorWrapper] | None:
    """Class of a task's wrapper for native vector environments, None if there is none."""
    name = None if task.wrapper is None else WRAPPERS[task.wrapper][1]
    if name is None:
        return None
    found: type[VectorWrapper] = import_attribute("wrapper", name)
    return found


def probe(task: TaskSpec) -> EnvFacts:
    """Make a task's environment once, check its instances, and return what it says of itself."""
    env = make_env(task)
    try:
        base: Any = env.unwrapped
        count = getattr(base, "num_instances", None)
        highest = max(task.instance_indexes)
        if task.split == "test" and count is not None and highest >= count:
            raise InvalidValueError(
                f"instances of task {task.label!r}", highest, f"indexes from 0 to {count - 1}"
            )
        return EnvFacts(
            metric=str(base.primary_metric),
            lower_is_better=bool(getattr(base, "lower_is_better", True)),
            reference_policy=str(getattr(base, "reference_policy", "ETF")),
            simulator_version=_simulator_version(task.env, base),
            num_instances=count,
            spec=_spec(env),
            content=_content(env, task) if task.kwargs else "",
            penalised_metric=bool(getattr(base, "penalised_metric", False)),
        )
    finally:
        env.close()


def with_instances(task: TaskSpec, asked: int | None, usual: int) -> TaskSpec:
    """Return a task with the instances asked for; by default the usual number, or all if fewer."""
    if asked is None:
        env = make_env(task)
        count = getattr(env.unwrapped, "num_instances", None)
        env.close()
        asked = usual if count is None else min(usual, int(count))
    return task.model_copy(update={"instances": asked})


def instance_hash(env: gymnasium.Env[Any, Any]) -> str:
    """Hash of the episode's instance, of all that describes it; "" where it has no description."""
    instance: Any = getattr(env.unwrapped, "instance", None)
    if hasattr(instance, "content_hash"):
        return str(instance.content_hash)
    if not hasattr(instance, "workload"):
        return ""
    parts = [instance.platform, *instance.applications, instance.workload]
    return content_hash([*(part.content_hash for part in parts), repr(instance.options)])


def _content(env: gymnasium.Env[Any, Any], task: TaskSpec) -> str:
    """Hash of all instances of a task; "" where they have no description."""
    hashes = []
    for instance in task.instance_indexes:
        start_episode(env, instance)
        hashes.append(instance_hash(env))
    return content_hash(hashes) if any(hashes) else ""


def _spec(env: gymnasium.Env[Any, Any]) -> str:
    """EnvSpec as JSON; of one that JSON cannot hold (a class as entry point), the id."""
    if env.spec is None:
        return "{}"
    try:
        return env.spec.to_json()
    except ValueError:
        return json.dumps({"id": env.spec.id})


def _simulator_version(env_id: str, base: Any) -> str:
    """Version that the environment, or else its family's simulator, declares."""
    version = getattr(base, "simulator_version", None)
    if version is not None:
        return str(version)
    family = _family(env_id)
    if family is None or not family[0]:
        return "0"
    return str(getattr(importlib.import_module(family[0]), "SIMULATOR_VERSION", "0"))
