"""Replaying one recorded episode and comparing everything that it states."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from chipgym.leaderboards.schema import EpisodeRecord

__all__ = ["RejectionError", "Replayed", "feasibility_checker", "place", "replay"]

RELATIVE_TOLERANCE = 1e-9
PLAN_COLUMNS = ("unit", "start_cycle", "finish_cycle")


class RejectionError(Exception):
    """A reason to reject a submission."""


class Replayed(NamedTuple):
    """What a replay gave: the primary metric, and whether what was made is a solution."""

    metric: float
    feasible: bool


def place(record: EpisodeRecord) -> str:
    """Name an episode, for reasons of rejection."""
    return f"task {record.task}, seed {record.seed}, instance {record.instance}"


Feasibility = Callable[[Any, EpisodeRecord], Iterable[str]]


def feasibility_checker(env_id: str) -> Feasibility | None:
    """The family's independent checker, if it has one."""
    return next((check for prefix, check in CHECKERS.items() if env_id.startswith(prefix)), None)


def _soc_feasibility(base: Any, record: EpisodeRecord) -> Iterable[str]:
    """Check a SoC schedule with rules written apart from the simulator."""
    from chipgym.leaderboards.feasibility import check_schedule

    instance = base.instance
    metrics = {name: value for name, value in record.metrics.items() if value is not None}
    for violation in check_schedule(
        instance.platform,
        instance.applications,
        instance.workload,
        record.schedule or {},
        instance.options,
        claimed=metrics,
    ):
        yield f"infeasible schedule ({violation.kind}): {violation.message}"


def _dram_feasibility(base: Any, record: EpisodeRecord) -> Iterable[str]:
    """Check the commands of a memory controller with rules written apart from the simulator."""
    from chipgym.leaderboards.dram_timing import check_commands

    if not record.metrics.get("feasible", 1.0):
        return  # It breaks a rule between knobs, or loses the data: its metric is the penalty.
    workload, result = base.replay()
    required = getattr(base.scenario, "refresh_required", True)
    for violation in check_commands(
        workload.memory.device,
        result.trace,
        len(workload.trace),
        result.total_cycles,
        refresh=required,
    ):
        yield f"infeasible commands: {violation}"


def _logic_feasibility(base: Any, record: EpisodeRecord) -> Iterable[str]:
    """Compare a synthesised circuit with its source, and count its nodes and levels anew."""
    from chipgym.leaderboards.circuit_equivalence import check_circuit

    episode = base.episode
    with base.sessions.session() as session:
        for violation in check_circuit(
            episode.instance.circuit.body,
            episode.point.state.body,
            record.metrics.get("nodes"),
            record.metrics.get("levels"),
            session,
        ):
            yield f"wrong circuit: {violation}"


def _codesign_specs(base: Any, record: EpisodeRecord) -> Iterable[str]:
    """Hold a design against budgets and limits, and sum its costs up anew."""
    from chipgym.envs.codesign.accuracy.table import shipped_table
    from chipgym.leaderboards import codesign_specs as specs
    from chipgym.simulators.accelerator.technology import technology_named

    outcome, space, instance = base.history[-1], base.designs, base.instance
    tokens = space.decode(outcome.design)
    units = [
        specs.Unit(*(tokens[f"chip.{name}{n}"] for name in ("dataflow", "pes", "bandwidth")))
        for n in range(1, space.hardware.units + 1)
    ]
    budget = space.hardware.budget
    over = list(specs.check_budgets(units, budget.pes, budget.bandwidth))
    if outcome.result is None:
        # What is no chip has no costs; its metric is the penalty. Both must say that it is none.
        if not over:
            yield f"not simulated ({outcome.reason}), but within the budgets"
        if record.metrics.get("feasible") != 0.0:
            yield "wrong design: it is over a budget, and called feasible"
        return
    for violation in over:
        yield f"infeasible design: {violation}"
    names = [task.name for task in space.tasks]
    found = outcome.accuracies
    values = tuple(found[name].value for name in names) if found else ()
    weights = tuple(task.weight for task in space.tasks) if found else ()
    architectures = space.networks_of(outcome.design)
    for violation in specs.check_design(
        space.networks(architectures),
        units,
        specs.Plan(*(getattr(outcome.result, name).tolist() for name in PLAN_COLUMNS)),
        technology_named(instance.technology),
        instance.spec.limits,
        instance.spec.bounds,
        specs.Accuracies(values, weights),
        record.metrics,
    ):
        yield f"wrong design: {violation}"
    if found and base.provider.name == "measured-table":
        tables = [base.provider.path or shipped_table(task) for task in space.tasks]
        keys = [architecture.key for architecture in architectures]
        for violation in specs.check_accuracies(tables, keys, values):
            yield f"wrong design: {violation}"


CHECKERS: dict[str, Feasibility] = {
    "chipgym/Soc": _soc_feasibility,
    "chipgym/Dram": _dram_feasibility,
    "chipgym/Logic": _logic_feasibility,
    "chipgym/CoDesign": _codesign_specs,
}
"""Independent checkers by the prefix of the environments' ids."""


def replay(
    env: Any,
    record: EpisodeRecord,
    metric: str,
    feasibility: Feasibility | None,
    *,
    compare: bool = True,
) -> Replayed:
    """Replay one record; return the recomputed primary metric.

    A schedule is compared where the record states one; the independent check is of what the replay
    gives, in any case. Without `compare`, for actions that another version of the simulator
    recorded, returns, metrics and schedules are not compared: what comes out takes their place.
    """
    base = env.unwrapped
    _, info = env.reset(seed=record.instance, options={"instance": record.instance})
    _equal("instance_id", record.instance_id, str(base.instance_id))
    total, ended = 0.0, False
    for step, action in enumerate(record.actions):
        if ended:
            raise RejectionError(f"the episode ended after {step} of {len(record.actions)} actions")
        try:
            _, reward, terminated, truncated, info = env.step(_action(env, action))
        except MemoryError:
            raise
        except Exception as error:
            raise RejectionError(f"action {step} = {action!r} is refused: {error}") from error
        total += float(reward)
        ended = bool(terminated or truncated)
    if not ended:
        raise RejectionError(f"the episode does not end after its {len(record.actions)} actions")
    _equal("steps", record.steps, len(record.actions))
    schedule = base.schedule() if hasattr(base, "schedule") else None
    if compare:
        _equal("evaluations", record.evaluations, int(info.get("evaluations", 1)))
        _close("episode_return", record.episode_return, total)
        _compare_metrics(record, info["metrics"])
        if record.schedule is not None:
            _compare_schedules(record.schedule, schedule)
    else:
        record = record.model_copy(update={"metrics": _plain(info["metrics"])})
    if schedule is not None:
        columns = {name: list(column) for name, column in schedule.items()}
        record = record.model_copy(update={"schedule": columns})
    # A PettingZoo form may stand over the environment of one agent, which knows the episode.
    single = getattr(base, "single", base)
    for violation in () if feasibility is None else feasibility(single, record):
        raise RejectionError(violation)
    found = info["metrics"]
    return Replayed(float(found[metric]), bool(found.get("feasible", True)))


def _action(env: Any, action: Any) -> Any:
    if isinstance(action, int):
        return action
    import numpy as np

    return np.array(action, dtype=env.action_space.dtype)


def _plain(metrics: dict[str, Any]) -> dict[str, float | None]:
    """Metrics of a replay as a record holds them."""
    numbers = {name: float(value) for name, value in metrics.items()}
    return {name: n if math.isfinite(n) else None for name, n in numbers.items()}


def _compare_metrics(record: EpisodeRecord, replayed: dict[str, Any]) -> None:
    """Times and counts exactly, everything else within the tolerance."""
    if set(record.metrics) != set(replayed):
        raise RejectionError(f"metrics are {sorted(record.metrics)}, replayed {sorted(replayed)}")
    for name, value in replayed.items():
        number = float(value)
        expected = number if math.isfinite(number) else None
        stated = record.metrics[name]
        if stated is None or expected is None or _is_exact(name):
            _equal(name, stated, expected)
        else:
            _close(name, stated, expected)


def _is_exact(name: str) -> bool:
    """Whether a metric is a time; whole counts cannot be off by less than the tolerance anyway."""
    times = ("_us", "_ns", "_ps")
    return name.endswith(times) and not any(unit in name for unit in ("_j_", "_pj_"))


def _compare_schedules(stated: Any, replayed: Any) -> None:
    """Decisions and times exactly, column by column."""
    if replayed is None:
        raise RejectionError("a schedule is stated, where the environment has none")
    if set(stated) != set(replayed):
        raise RejectionError(f"schedule columns are {sorted(stated)}, replayed {sorted(replayed)}")
    for name, column in replayed.items():
        values = list(column)
        if len(values) != len(stated[name]):
            raise RejectionError(
                f"schedule {name}: {len(stated[name])} rows, replayed {len(values)}"
            )
        for row, (a, b) in enumerate(zip(stated[name], values, strict=True)):
            if a != b:
                raise RejectionError(f"schedule {name}[{row}] = {a!r}, replayed {b!r}")


def _equal(name: str, stated: Any, replayed: Any) -> None:
    if stated != replayed:
        raise RejectionError(f"{name} = {stated!r}, replayed {replayed!r}")


def _close(name: str, stated: float, replayed: float) -> None:
    if not math.isclose(stated, replayed, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12):
        raise RejectionError(f"{name} = {stated!r}, replayed {replayed!r}")
