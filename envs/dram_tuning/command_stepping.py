"""The kernel of per-command scheduling: one decision in every row of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.envs.dram_tuning.command_observation import observe, write_mask
from chipgym.envs.dram_tuning.command_reward import costs
from chipgym.simulators.core.numba import kernel
from chipgym.simulators.dram.command_kernel import advance, carry_out
from chipgym.simulators.dram.command_layout import C_STATUS, DECISION
from chipgym.simulators.dram.pointers import pointer

__all__ = ["step_rows"]


@kernel
def step_rows(
    fresh: bool,
    weights: Any,
    active: Any,
    actions: Any,
    scales: Any,
    static: Any,
    state: Any,
    control: Any,
    trace: Any,
    requests: Any,
    records: Any,
    obs: Any,
    masks: Any,
    rewards: Any,
    terms: Any,
    done: Any,
) -> int:
    """Carry out a legal action in every active row and run on to its next decision.

    Parameters
    ----------
    fresh : bool
        The active rows stand at their first decision: only observe them.
    weights : float64, shape (terms,)
    active : bool, shape (N,)
    actions : int64, shape (N,)
    scales : float64, shape (N, terms)
    static, state, control, trace, requests : int64, shape (N, words)
        Buffers of each row.
    records : int64
        An empty buffer: commands are not kept.
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
    before, after = np.empty(len(weights)), np.empty(len(weights))
    rec = pointer(records)
    for n in range(len(active)):
        if not active[n]:
            continue
        k, s, c = pointer(static[n]), pointer(state[n]), pointer(control[n])
        tr, rq = pointer(trace[n]), pointer(requests[n])
        costs(c, before)
        if not fresh:
            carry_out(k, s, c, tr, rq, rec, actions[n])
            advance(k, s, c, tr, rq, rec)
        costs(c, after)
        rewards[n] = 0.0
        for i in range(len(weights)):
            terms[n, i] = 0.0
            if weights[i] != 0.0:
                terms[n, i] = weights[i] * (before[i] - after[i]) / scales[n, i]
            rewards[n] += terms[n, i]
        done[n] = c[C_STATUS] != DECISION
        observe(k, s, c, tr, obs[n])
        write_mask(k, c, masks[n])
    return -1
