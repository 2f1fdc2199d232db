"""A network that scores the candidates of a decision, each in sight of the others.

Every (task, PE) pair is embedded from its own features (its estimated finish, execution and data
delay among them), those of its task, of its PE and of the system, and from which rules would start
it. It then sees means of the embeddings under learnt attention weights: of all pairs, of the pairs
that want the same PE, and of the other PEs of its task. Scores are the same function for all pairs,
so any number of tasks and PEs will do. A learnt prior, a weight for each rule, is added; it begins
at late binding with the shortest job first.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from chipgym.agents.schedulers.candidates import (
    FIRST,
    NUM_FEATURES,
    NUM_SYSTEM,
    RULES,
    Decisions,
)

__all__ = ["PairAttention"]

MASKED = -1e8
# Attention logits stay within these bounds, so that their exponentials need no shift.
ATTENTION_RANGE = 6.0
# Rules whose plans may say that nothing starts now.
PLANS = 3
# Begins small, so that the prior decides first.
INITIAL_SCALE = 0.1


class PairAttention(nn.Module):
    """Logits of the candidates.

    Parameters
    ----------
    hidden : int
        Width of the embeddings.
    prior : float
        Initial logit of what late binding would do, over all else.
    """

    def __init__(self, hidden: int = 32, prior: float = 2.5) -> None:
        super().__init__()
        self.pair = nn.Linear(NUM_FEATURES, hidden)
        self.system = nn.Linear(NUM_SYSTEM, hidden, bias=False)
        self.attention = nn.Linear(hidden, 3)
        self.inner = nn.Linear(hidden, hidden)
        self.context = nn.Linear(hidden, hidden, bias=False)
        self.rivals = nn.Linear(hidden, hidden, bias=False)
        self.alternatives = nn.Linear(hidden, hidden, bias=False)
        self.score = nn.Linear(hidden, 1)
        self.wait_inner = nn.Linear(2 * hidden + NUM_SYSTEM, hidden)
        self.wait_score = nn.Linear(hidden, 1)
        self.pair_prior = nn.Linear(len(RULES) + 1, 1, bias=False)
        self.wait_prior = nn.Linear(PLANS, 1, bias=False)
        with torch.no_grad():
            for layer in (self.score, self.wait_score):
                layer.weight.mul_(INITIAL_SCALE)
                layer.bias.zero_()
            self.pair_prior.weight.zero_()
            self.pair_prior.weight[0, 0] = prior
            self.pair_prior.weight[0, -1] = prior / 4
            self.wait_prior.weight.zero_()
            self.wait_prior.weight[0, 0] = prior

    def forward(self, decisions: Decisions, num_slots: int, num_pes: int) -> Tensor:
        """Return logits, float32, shape (B, C + 1): pairs in order, then waiting.

        Parameters
        ----------
        decisions : Decisions
        num_slots, num_pes : int

        Notes
        -----
        What a decision does not have is `MASKED`; C is the largest number of pairs.
        """
        counts = decisions.counts
        batch = len(counts)
        rows = np.repeat(np.arange(batch), counts)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        row = torch.from_numpy(rows)
        pe = torch.from_numpy(rows * num_pes + decisions.pes)
        slot = torch.from_numpy(rows * num_slots + decisions.slots)
        system = torch.from_numpy(decisions.system)
        features = torch.from_numpy(decisions.features)
        embedded = (self.pair(features) + self.system(system).index_select(0, row)).relu()
        weights = (ATTENTION_RANGE * self.attention(embedded).tanh()).exp()
        context = _pooled(embedded, weights[:, :1], row, batch)
        rivals = _pooled(embedded, weights[:, 1:2], pe, batch * num_pes)
        others = _pooled(embedded, weights[:, 2:], slot, batch * num_slots)
        inner = (
            self.inner(embedded)
            + self.context(context).index_select(0, row)
            + self.rivals(rivals).index_select(0, pe)
            + self.alternatives(others).index_select(0, slot)
        ).relu()
        total = inner.new_zeros(batch, inner.shape[1]).index_add(0, row, inner)
        mean = total / torch.from_numpy(np.maximum(counts, 1).astype(np.float32))[:, None]
        width = int(counts.max(initial=0)) + 1
        logits = system.new_full((batch, width), MASKED)
        plan = features[:, FIRST - len(RULES) : FIRST + 1]
        logits[row, torch.from_numpy(places)] = (self.score(inner) + self.pair_prior(plan)).squeeze(
            1
        )
        seen = torch.cat((context, mean, system), dim=1)
        wait = self.wait_score(self.wait_inner(seen).relu()) + self.wait_prior(system[:, -PLANS:])
        may_wait = torch.from_numpy(decisions.may_wait)
        logits[:, -1] = torch.where(may_wait, wait.squeeze(1), logits[:, -1])
        return logits


def _pooled(values: Tensor, weights: Tensor, groups: Tensor, count: int) -> Tensor:
    """Weighted mean of the values of each group, 0 for an empty one."""
    total = weights.new_zeros(count, 1).index_add(0, groups, weights)
    summed = values.new_zeros(count, values.shape[1]).index_add(0, groups, weights * values)
    return summed / total.clamp_min(1e-12)
