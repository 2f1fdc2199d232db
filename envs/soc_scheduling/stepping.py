"""One decision of many environments at once: the kernel under the scalar and the vector form.

An action under the scheduling form is ``slot * P + pe``, or R * P to wait, or beyond that one of
the operating points (clusters in order, points in order). Under the mapping form it is a PE for the
first ready task, under the ordering form a slot whose task goes where it finishes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.envs.soc_scheduling.observation import estimate_row, observe, ready_position
from chipgym.envs.soc_scheduling.reward import costs
from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.kernel import (
    DECISION,
    advance,
    commit,
    defer,
    set_operating_point,
    wait_allowed,
)
from chipgym.simulators.soc.layout import (
    EXEC,
    F_NOW,
    FAILED,
    K_CLUSTERS,
    K_PES,
    LAST_CHANGE,
    NUM_OPPS,
    READY,
    REQUESTED_OPP,
)
from chipgym.simulators.soc.tasks import task_row

__all__ = [
    "FORMS",
    "MAPPING",
    "ORDERING",
    "SCHEDULING",
    "step_batch",
]

SCHEDULING, MAPPING, ORDERING = range(3)
FORMS = {"scheduling": SCHEDULING, "mapping": MAPPING, "ordering": ORDERING}


@merged
def _write_mask(
    form: int, dvfs: int, num_slots: int, total: int, ki: Any, kf: Any, si: Any, sf: Any, mask: Any
) -> None:
    pes = ki[K_PES]
    for action in range(len(mask)):
        mask[action] = False
    for r in range(num_slots):
        position = ready_position(ki, kf, si, r)
        if position < 0:
            break
        if form == ORDERING:
            mask[r] = True
            continue
        row = task_row(ki, si, si[si[READY] + position])
        for p in range(pes):
            usable = kf[ki[EXEC] + row * pes + p] < np.inf and not si[si[FAILED] + p]
            mask[r * pes + p] = usable
    if form != SCHEDULING:
        return
    mask[num_slots * pes] = wait_allowed(ki, kf, si, sf, total)
    if dvfs:
        at = num_slots * pes + 1
        for c in range(ki[K_CLUSTERS]):
            # One change a cluster and instant, so that an instant ends.
            open_now = sf[si[LAST_CHANGE] + c] < sf[F_NOW]
            for o in range(ki[ki[NUM_OPPS] + c]):
                if ki[ki[NUM_OPPS] + c] > 1:
                    mask[at] = open_now and o != si[si[REQUESTED_OPP] + c]
                    at += 1


@merged
def _apply(
    form: int, num_slots: int, action: int, ki: Any, kf: Any, si: Any, sf: Any, scratch: Any
) -> bool:
    """Carry out a legal action; whether the scheduling pass may go on at this instant."""
    pes = ki[K_PES]
    slot, pe = action // pes, action % pes
    if form == SCHEDULING and action == num_slots * pes:
        defer(si, sf)
        return False
    if form == SCHEDULING and action > num_slots * pes:
        at = num_slots * pes + 1
        for c in range(ki[K_CLUSTERS]):
            points = ki[ki[NUM_OPPS] + c]
            if points > 1:
                if action < at + points:
                    set_operating_point(ki, kf, si, sf, c, action - at)
                    break
                at += points
        return True
    if form == MAPPING:
        slot, pe = 0, action
    elif form == ORDERING:
        slot = action
    position = ready_position(ki, kf, si, slot)
    finish_us = scratch[0]
    estimate_row(
        ki,
        kf,
        si,
        sf,
        si[si[READY] + position],
        scratch[1, :pes],
        scratch[2, :pes],
        finish_us[:pes],
    )
    if form == ORDERING:
        pe = 0
        for p in range(1, pes):
            if finish_us[p] < finish_us[pe]:
                pe = p
    commit(ki, kf, si, sf, position, pe, finish_us[pe])
    return True


@kernel
def step_batch(
    fresh: bool,
    form: int,
    dvfs: int,
    num_slots: int,
    scale: float,
    weights: Any,
    active: Any,
    actions: Any,
    totals: Any,
    cost_scale: Any,
    static_row: Any,
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    apps: Any,
    gaps: Any,
    jobs: Any,
    trace_i: Any,
    trace_f: Any,
    obs: Any,
    masks: Any,
    rewards: Any,
    terms: Any,
    done: Any,
) -> int:
    """Take one legal decision in every active row and run on to its next one.

    Parameters
    ----------
    fresh : bool
        The active rows hold fresh states: only bring them to their first decision.
    weights : float64, shape (terms,)
    active : bool, shape (N,)
    actions, totals, static_row : int64, shape (N,)
        Action, jobs of the episode, and row of the static buffers of each environment.
    cost_scale : float64, shape (N, terms)
    obs : float32 (N, size); masks : bool (N, actions); rewards : float64 (N,);
    terms : float64 (N, terms); done : bool (N,)
        Written for active rows.

    Returns
    -------
    int
        -1, or the first row whose action is not legal; nothing has been changed then.
    """
    for n in range(len(active)):
        if fresh:
            break
        if active[n] and not (0 <= actions[n] < masks.shape[1] and masks[n, actions[n]]):
            return n
    pes = ki[0, K_PES]
    scratch = np.empty((3 * num_slots + 1, max(pes, num_slots)))
    before = np.empty(len(weights))
    after = np.empty(len(weights))
    for n in range(len(active)):
        if not active[n]:
            continue
        total = totals[n]
        kin, kfn, sin, sfn = ki[static_row[n]], kf[static_row[n]], si[n], sf[n]
        costs(sin, sfn, before)
        more = not fresh and _apply(form, num_slots, actions[n], kin, kfn, sin, sfn, scratch)
        if not more or ready_position(kin, kfn, sin, 0) < 0:
            status = advance(
                kin,
                kfn,
                sin,
                sfn,
                apps[n, :total],
                gaps[n, :total],
                jobs[n],
                trace_i[n],
                trace_f[n],
            )
            done[n] = status != DECISION
        else:
            done[n] = False
        costs(sin, sfn, after)
        rewards[n] = 0.0
        for i in range(len(weights)):
            terms[n, i] = weights[i] * (before[i] - after[i]) / cost_scale[n, i]
            rewards[n] += terms[n, i]
        observe(kin, kfn, sin, sfn, total, num_slots, scale, scratch, obs[n])
        if done[n]:
            for action in range(masks.shape[1]):
                masks[n, action] = False
        else:
            _write_mask(form, dvfs, num_slots, total, kin, kfn, sin, sfn, masks[n])
    return -1
