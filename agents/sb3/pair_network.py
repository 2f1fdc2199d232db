"""A small network that scores every (ready task, PE) pair with the same weights.

Of a decision it sees the features of the pair, of its task, of its PE and of the whole system, and
gives one number, so it is indifferent to slot numbers and works for any number of ready tasks. A
scheduler that takes the pair of least estimated finish is one weight of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chipgym.agents.sb3.pair_layout import PairLayout
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["PairNetwork"]

# Logit of an action that is masked: its probability is exactly 0 in float32.
MASKED = -1e8
# Logit of an action that is valid, but for use only where there is no other.
LAST = -1e4


class _Blocks(NamedTuple):
    """An observation cut into its blocks; B observations, R slots, P PEs."""

    pairs: Tensor  # (B, R * P, F)
    tasks: Tensor  # (B, R, Ft)
    pes: Tensor  # (B, P, Fp)
    system: Tensor  # (B, G)
    present: Tensor  # (B, R, 1): 1 where the slot holds a task


class PairNetwork(nn.Module):
    """Logits of all actions, and the value of the state.

    With h = relu(W1 pair + W2 task + W3 pe + W4 context + b), the logit of a pair is
    ``w · relu(W5 h) - c * (f - min f)``: a learnt part, nearly zero at the start, and a prior that
    prefers early finishes, where f is the (normalised) estimated finish of the pair and the minimum
    runs over the valid pairs. c starts at `eft_prior` and is learnt like the other weights. The
    context is computed from the features of the system and the means over tasks and PEs, and also
    gives the logits of the actions that are not pairs (waiting, frequencies). The value has a trunk
    of its own, from the same kind of context.

    Parameters
    ----------
    layout : PairLayout
        Where the blocks stand.
    num_actions : int
        R * P actions or more: pairs, then others. R actions: task ordering, where the logit of a
        slot is the highest one of its pairs.
    hidden : int
        Width of the layers.
    eft_prior : float
        Initial c; 0 starts from uniform choice.
    other_logit : float or None
        Initial logit of the actions that are not pairs; the best pair has 0 by the prior. None:
        they are taken only where no pair is valid. Waiting is hard to learn: the best action of a
        stochastic policy that waits now and then may be to wait for long.
    unseen : mapping, optional
        Columns, by number, of the blocks that the network does not see.
    """

    def __init__(
        self,
        layout: PairLayout,
        num_actions: int,
        hidden: int = 32,
        eft_prior: float = 0.0,
        other_logit: float | None = 0.0,
        unseen: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self._unseen = {name: list(columns) for name, columns in (unseen or {}).items()}
        self.layout = layout
        self.num_pairs = layout.num_slots * layout.num_pes
        self.by_slot = num_actions < self.num_pairs
        if self.by_slot and num_actions != layout.num_slots:
            raise InvalidValueError(
                "num_actions", num_actions, f"{layout.num_slots}, or {self.num_pairs} or more"
            )
        self.num_actions = num_actions
        self.num_others = 0 if self.by_slot else num_actions - self.num_pairs
        self.pair_in = nn.Linear(layout.pair_features, hidden)
        self.task_in = nn.Linear(layout.task_features, hidden, bias=False)
        self.pe_in = nn.Linear(layout.pe_features, hidden, bias=False)
        pooled = layout.task_features + layout.pe_features + layout.global_features
        self.context = nn.Sequential(nn.Linear(pooled + 1, hidden), nn.Tanh())
        self.context_in = nn.Linear(hidden, hidden, bias=False)
        self.pair_hidden = nn.Linear(hidden, hidden)
        self.pair_out = nn.Linear(hidden, 1, bias=False)
        self.prior = nn.Parameter(torch.tensor(float(eft_prior)))
        learns_others = self.num_others > 0 and other_logit is not None
        self.others = nn.Linear(hidden, self.num_others) if learns_others else None
        self.value = nn.Sequential(
            nn.Linear(pooled + 1, 2 * hidden), nn.Tanh(), nn.Linear(2 * hidden, hidden), nn.Tanh()
        )
        self.value_out = nn.Linear(hidden, 1)
        self._initialise(other_logit)

    def _initialise(self, other_logit: float | None) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, gain=2**0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # The learnt parts start at (almost) nothing, so that the prior decides.
        nn.init.orthogonal_(self.pair_out.weight, gain=0.01)
        if self.others is not None and other_logit is not None:
            nn.init.orthogonal_(self.others.weight, gain=0.01)
            nn.init.constant_(self.others.bias, other_logit)
        nn.init.orthogonal_(self.value_out.weight, gain=1.0)

    def blocks(self, observations: Tensor) -> _Blocks:
        """Cut flat observations, shape (B, size), into their blocks."""
        k = self.layout
        batch = len(observations)

        def block(offset: int, rows: int, features: int) -> Tensor:
            return observations[:, offset : offset + rows * features].view(batch, rows, features)

        tasks = block(k.task_offset, k.num_slots, k.task_features)
        system = observations[:, k.global_offset : k.global_offset + k.global_features]
        return _Blocks(
            self._seen("pairs", block(k.pair_offset, self.num_pairs, k.pair_features)),
            self._seen("tasks", tasks),
            self._seen("pes", block(k.pe_offset, k.num_pes, k.pe_features)),
            self._seen("globals", system),
            (tasks != 0).any(dim=2, keepdim=True).to(observations.dtype),
        )

    def _seen(self, name: str, features: Tensor) -> Tensor:
        """The features with what is not to be seen set to 0."""
        if name not in self._unseen:
            return features
        columns = torch.tensor(self._unseen[name])
        return features.index_fill(-1, columns, 0.0)

    def pooled(self, blocks: _Blocks) -> Tensor:
        """Features of the system, means over present tasks and over PEs, share of slots in use."""
        count = blocks.present.sum(dim=1)
        tasks = (blocks.tasks * blocks.present).sum(dim=1) / count.clamp(min=1.0)
        share = count / self.layout.num_slots
        return torch.cat([blocks.system, tasks, blocks.pes.mean(dim=1), share], dim=1)

    def logits(self, blocks: _Blocks, pooled: Tensor, masks: Tensor | None) -> Tensor:
        """Return the logits, shape (B, A); only valid pairs are computed, the others are `MASKED`.

        Parameters
        ----------
        blocks, pooled
            Of the same observations.
        masks : bool, shape (B, A), optional
            Valid actions.
        """
        batch = len(pooled)
        context = self.context(pooled)
        rows, pairs = self._valid_pairs(masks, batch)
        slots = torch.div(pairs, self.layout.num_pes, rounding_mode="floor")
        pes = pairs - slots * self.layout.num_pes
        features = blocks.pairs[rows, pairs]
        hidden = self.pair_in(features)
        hidden = hidden + self.task_in(blocks.tasks)[rows, slots]
        hidden = hidden + self.pe_in(blocks.pes)[rows, pes]
        hidden = torch.relu(hidden + self.context_in(context)[rows])
        learnt = self.pair_out(torch.relu(self.pair_hidden(hidden))).squeeze(1)
        finish = features[:, self.layout.finish_feature]
        least = torch.full((batch,), torch.inf).scatter_reduce(0, rows, finish, "amin")
        scores = torch.full((batch, self.num_pairs), MASKED)
        scores = scores.index_put((rows, pairs), learnt - self.prior * (finish - least[rows]))
        if self.by_slot:
            scores = scores.view(batch, self.layout.num_slots, -1).amax(dim=2)
        elif self.num_others:
            scores = torch.cat([scores, self._other_logits(context)], dim=1)
        return scores if masks is None else torch.where(masks, scores, MASKED)

    def values(self, pooled: Tensor) -> Tensor:
        """Value of each state, shape (B, 1)."""
        value: Tensor = self.value_out(self.value(pooled))
        return value

    def _other_logits(self, context: Tensor) -> Tensor:
        if self.others is None:
            return torch.full((len(context), self.num_others), LAST)
        logits: Tensor = self.others(context)
        return logits

    def _valid_pairs(self, masks: Tensor | None, batch: int) -> tuple[Tensor, Tensor]:
        if masks is None:
            every = torch.ones((batch, self.num_pairs), dtype=torch.bool)
        elif self.by_slot:
            every = masks.repeat_interleave(self.layout.num_pes, dim=1)
        else:
            every = masks[:, : self.num_pairs]
        rows, pairs = torch.nonzero(every, as_tuple=True)
        return rows, pairs
