"""A network that scores the legal (task, PE) pairs of a decision, each in sight of the others.

Every pair is embedded from its own features (its estimated finish, execution and data delay among
them), those of its task, of its PE and of the system. The decision's context is the mean of the
embeddings under learnt attention weights; a pair's score and that of waiting follow from it. The
weights are the same for all pairs, so any number of slots and PEs will do. Pairs that are not legal
are never computed, which is most of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["FEATURES", "PairAttention"]

# Features of a pair, a task, a PE and the system in the scheduling observation.
FEATURES = (6, 7, 6, 7)
MASKED = -1e8
# Attention logits stay within these bounds, so that their exponentials need no shift.
ATTENTION_RANGE = 6.0


class PairAttention(nn.Module):
    """Logits of the R * P pairs and of waiting.

    Parameters
    ----------
    hidden : int
        Width of the embeddings.
    """

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        pair, task, pe, system = FEATURES
        self.pair = nn.Linear(pair, hidden)
        self.task = nn.Linear(task, hidden, bias=False)
        self.pe = nn.Linear(pe, hidden, bias=False)
        self.system = nn.Linear(system, hidden, bias=False)
        self.attention = nn.Linear(hidden, 1)
        self.inner = nn.Linear(hidden, hidden)
        self.context = nn.Linear(hidden, hidden, bias=False)
        self.score = nn.Linear(hidden, 1)
        self.wait = nn.Sequential(
            nn.Linear(hidden + system, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )

    def forward(self, observations: Tensor, masks: Tensor, num_slots: int, num_pes: int) -> Tensor:
        """Return logits.

        Parameters
        ----------
        observations : float32, shape (B, size)
        masks : bool, shape (B, R * P + 1)
        num_slots, num_pes : int

        Returns
        -------
        float32, shape (B, R * P + 1)
            What is masked has `MASKED`.
        """
        pairs, tasks, pes, system = _split(observations, num_slots, num_pes)
        count = num_slots * num_pes
        row, index = masks[:, :count].nonzero(as_tuple=True)
        slot = row * num_slots + torch.div(index, num_pes, rounding_mode="floor")
        pe = row * num_pes + index % num_pes
        embedded = (
            self.pair(pairs[row * count + index])
            + self.task(tasks)[slot]
            + self.pe(pes)[pe]
            + self.system(system)[row]
        ).relu()
        weight = (ATTENTION_RANGE * self.attention(embedded).tanh()).exp()
        width = embedded.shape[1]
        total = embedded.new_zeros(len(system), 1).index_add(0, row, weight)
        context = embedded.new_zeros(len(system), width).index_add(0, row, weight * embedded)
        context = context / total.clamp_min(1e-12)
        inner = (self.inner(embedded) + self.context(context)[row]).relu()
        logits = observations.new_full(masks.shape, MASKED)
        logits[row, index] = self.score(inner).squeeze(1)
        wait = self.wait(torch.cat((context, system), dim=1)).squeeze(1)
        logits[:, count] = torch.where(masks[:, count], wait, logits[:, count])
        return logits


def _split(observations: Tensor, slots: int, pes: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Blocks of the observations, one row a pair, a task, a PE, a decision."""
    pair, task, pe, system = FEATURES
    sizes = (slots * pes * pair, slots * task, pes * pe, system)
    parts = observations.split(sizes, dim=1)
    return (
        parts[0].reshape(-1, pair),
        parts[1].reshape(-1, task),
        parts[2].reshape(-1, pe),
        parts[3],
    )
