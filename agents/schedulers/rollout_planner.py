"""A planner that plays candidate schedules to their end before each decision (rollout).

It simulates at decision time, and only what is known then: the jobs in the system, without any that
may come. Candidates are plans, which are late binding under an order of the jobs or earliest task
first, and single decisions that depart from the best plan. The plan of the last decision is among
them, so a plan is left only for one that is expected to be better (Bertsekas, Tsitsiklis and Wu,
Rollout algorithms for combinatorial optimization, Journal of Heuristics 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chipgym.agents.core.lookahead import PlanningView
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import FloatArray, IntArray, ProblemView
from chipgym.agents.core.provenance import Provenance
from chipgym.agents.schedulers.late_binding import planning_views
from chipgym.simulators.core.errors import check_range

__all__ = ["Plan", "RolloutPlanner"]

# Never, only without loss, and at some risk: when a task may start in front of a reservation.
SHARES = (0.5, 1.0, 1e9)
# Differences of cost below this are rounding.
TOLERANCE_US = 1e-9


@dataclass(frozen=True)
class Plan:
    """How the jobs in the system are to be scheduled.

    Attributes
    ----------
    late : bool
        Late binding; otherwise earliest task first.
    share : float
    jobs : tuple of int
        Job numbers, most urgent first.
    """

    late: bool
    share: float
    jobs: tuple[int, ...]


@dataclass(frozen=True)
class _Choice:
    """A plan with its cost, and the decision that it begins with."""

    plan: Plan
    cost_us: float
    action: int


@dataclass
class _Memory:
    """Plan of an environment's last decision."""

    time_us: float = float("inf")
    pass_index: int = -1
    plan: Plan | None = None


class RolloutPlanner:
    """Plans anew at every decision.

    Parameters
    ----------
    deviations : int
        Decisions beside the best plan's that are tried: pairs of least estimated finish; 0: none.
    reorder : bool
        Whether orders of jobs near the best plan's are tried.
    """

    name = "rollout-planner"
    provenance = Provenance(
        "search", description="Plays candidate plans to their end in a model before each decision."
    )

    def __init__(self, deviations: int = 6, reorder: bool = True) -> None:
        check_range("deviations", deviations, 0, 10_000)
        self.deviations = deviations
        self.reorder = reorder
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Forget all plans; nothing is random."""
        self._memories = [_Memory() for _ in range(num_envs)]

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Plan for each environment in turn."""
        views = planning_views(problems, self.name)
        return np.array(
            [self._choose(view, self._memories[i]) for i, view in enumerate(views)], dtype=np.int64
        )

    def _choose(self, view: PlanningView, memory: _Memory) -> int:
        if view.time_us < memory.time_us or view.pass_index < memory.pass_index:
            memory.plan = None
        jobs = view.lookahead.jobs
        best = _best_plan(view, _first_plans(view, jobs, memory.plan))
        if self.reorder and len(jobs) > 1:
            best = _better(best, _best_plan(view, _neighbours(best.plan)))
        if self.deviations:
            best = self._deviate(view, jobs, best)
        memory.time_us, memory.pass_index, memory.plan = view.time_us, view.pass_index, best.plan
        return best.action

    def _deviate(self, view: PlanningView, jobs: IntArray, best: _Choice) -> _Choice:
        """Try single decisions that the best plan does not take, and wait."""
        finish = view.estimated_finish_us
        order = np.argsort(finish, axis=None, kind="stable")[: self.deviations]
        pairs = [divmod(int(i), view.num_pes) for i in order if np.isfinite(finish.flat[i])]
        actions = [view.encode(slot, pe) for slot, pe in pairs]
        if view.wait_allowed:
            actions.append(view.wait_action)
        actions = [action for action in actions if action != best.action]
        if not actions:
            return best
        count = len(actions)
        cost, decided = view.lookahead.rollout(
            actions,
            np.full(count, best.plan.late),
            np.full(count, best.plan.share),
            np.tile(_keys(best.plan, jobs), (count, 1)),
        )
        i = int(cost.argmin())
        return _better(best, _Choice(best.plan, float(cost[i]), int(decided[i])))


def _better(first: _Choice, second: _Choice) -> _Choice:
    return second if second.cost_us < first.cost_us - TOLERANCE_US else first


def _keys(plan: Plan, jobs: IntArray) -> FloatArray:
    position = {job: i for i, job in enumerate(plan.jobs)}
    return np.array([position[int(job)] for job in jobs], dtype=np.float64)


def _first_plans(view: PlanningView, jobs: IntArray, last: Plan | None) -> list[Plan]:
    """The last plan with new jobs placed by their work, and the rules of thumb."""
    work, path = view.lookahead.remaining_us()
    plans = []
    if last is not None:
        plans.append(Plan(last.late, last.share, _merge(last.jobs, jobs, work)))
    for share in SHARES:
        for keys in (work, path, jobs):
            order = jobs[np.argsort(keys, kind="stable")]
            plans.append(Plan(True, share, tuple(order.tolist())))
    plans.append(Plan(False, 0.0, tuple(jobs.tolist())))
    return list(dict.fromkeys(plans))


def _merge(order: tuple[int, ...], jobs: IntArray, work: FloatArray) -> tuple[int, ...]:
    """Drop jobs that are complete, and put each new one before the first with more work."""
    left = dict(zip(jobs.tolist(), work.tolist(), strict=True))
    merged = [job for job in order if job in left]
    for job in jobs.tolist():
        if job not in merged:
            later = (i for i, other in enumerate(merged) if left[other] > left[job])
            merged.insert(next(later, len(merged)), job)
    return tuple(merged)


def _neighbours(plan: Plan) -> list[Plan]:
    """Each job put first, and each pair of neighbours exchanged."""
    jobs = plan.jobs
    share = plan.share if plan.late else SHARES[0]
    orders = []
    for i in range(1, len(jobs)):
        orders.append((jobs[i], *jobs[:i], *jobs[i + 1 :]))
        orders.append((*jobs[: i - 1], jobs[i], jobs[i - 1], *jobs[i + 1 :]))
    return [Plan(True, share, order) for order in dict.fromkeys(orders)]


def _best_plan(view: PlanningView, plans: list[Plan]) -> _Choice:
    """Play all plans; the first of the cheapest."""
    jobs = view.lookahead.jobs
    cost, decided = view.lookahead.rollout(
        np.full(len(plans), -1),
        np.array([plan.late for plan in plans]),
        np.array([plan.share for plan in plans]),
        np.array([_keys(plan, jobs) for plan in plans]),
    )
    i = int(cost.argmin())
    return _Choice(plans[i], float(cost[i]), int(decided[i]))
