"""sb3-contrib's maskable actor-critic policy around the pair network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor

from chipgym.agents.sb3.pair_layout import PairLayout
from chipgym.agents.sb3.pair_network import PairNetwork
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["PairPolicy"]

Masks = npt.NDArray[np.bool_] | Tensor | None


class PairPolicy(MaskableActorCriticPolicy):
    """Scores every (ready task, PE) pair with one small shared network; see `PairNetwork`.

    Parameters
    ----------
    observation_space, action_space, lr_schedule
        As SB3 passes them: a flat `Box`, a `Discrete`.
    layout : dict
        `PairLayout.to_dict` of the environment's observation layout.
    hidden : int
        Width of the layers.
    eft_prior : float
        Initial preference for pairs of low estimated finish.
    other_logit : float or None
        Initial logit of waiting and other actions that are not pairs; None: only in need.
    masked : bool
        False: all actions are candidates, and whoever acts repairs those that are masked.
    unseen : mapping, optional
        Columns, by number, of the blocks ``pairs``, ``tasks``, ``pes`` and ``globals`` that the
        network does not see.
    **kwargs
        The rest of SB3's arguments; of these the optimiser's count.
    """

    def __init__(
        self,
        observation_space: spaces.Box,
        action_space: spaces.Discrete,
        lr_schedule: Any,
        layout: dict[str, int],
        hidden: int = 32,
        eft_prior: float = 0.0,
        other_logit: float | None = 0.0,
        masked: bool = True,
        unseen: Mapping[str, Sequence[int]] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(action_space, spaces.Discrete):
            raise InvalidValueError("action_space", action_space, "a Discrete space")
        self._network_arguments = {
            "layout": PairLayout.from_dict(layout),
            "num_actions": int(action_space.n),
            "hidden": hidden,
            "eft_prior": eft_prior,
            "other_logit": other_logit,
            "unseen": unseen,
        }
        self.masked = masked
        super().__init__(observation_space, action_space, lr_schedule, net_arch=[], **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        self.network = PairNetwork(**self._network_arguments)  # type: ignore[arg-type]
        make_optimizer: Any = self.optimizer_class
        self.optimizer = make_optimizer(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def forward(
        self, obs: Tensor, deterministic: bool = False, action_masks: Masks = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions (B,), values (B, 1) and log probabilities (B,)."""
        log_prob, values = self._evaluate(obs, action_masks)
        if deterministic:
            actions = log_prob.argmax(dim=1)
        else:
            actions = torch.multinomial(log_prob.exp(), 1).squeeze(1)
        return actions, values, log_prob.gather(1, actions[:, None]).squeeze(1)

    def evaluate_actions(
        self, obs: Tensor, actions: Tensor, action_masks: Masks = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return values (B, 1), log probabilities and entropies (B,)."""
        log_prob, values = self._evaluate(obs, action_masks)
        chosen = log_prob.gather(1, actions.long().view(-1, 1)).squeeze(1)
        # Masked actions have probability 0 and a huge log probability: 0 * 1e8 = 0.
        entropy = -(log_prob.exp() * log_prob).sum(dim=1)
        return values, chosen, entropy

    def get_distribution(self, obs: Any, action_masks: Masks = None) -> Any:
        """Return sb3-contrib's distribution over the actions."""
        action_masks = action_masks if self.masked else None
        blocks = self.network.blocks(obs)
        logits = self.network.logits(blocks, self.network.pooled(blocks), _tensor(action_masks))
        distribution = self.action_dist.proba_distribution(action_logits=logits)
        if action_masks is not None:
            distribution.apply_masking(action_masks)
        return distribution

    def predict_values(self, obs: Any) -> Tensor:
        """Return the value of each state, shape (B, 1)."""
        return self.network.values(self.network.pooled(self.network.blocks(obs)))

    def _evaluate(self, obs: Tensor, action_masks: Masks) -> tuple[Tensor, Tensor]:
        blocks = self.network.blocks(obs)
        pooled = self.network.pooled(blocks)
        logits = self.network.logits(blocks, pooled, _tensor(action_masks))
        return torch.log_softmax(logits, dim=1), self.network.values(pooled)


def _tensor(masks: Masks) -> Tensor | None:
    return None if masks is None else torch.as_tensor(masks, dtype=torch.bool)
