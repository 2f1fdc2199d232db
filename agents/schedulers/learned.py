"""The learned scheduler: a network that compares what list schedulers would do, and decides.

It sees the observation only and simulates nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.policy_file import read_policy, write_policy
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.core.provenance import Provenance
from chipgym.agents.core.torch_tools import load_weights, save_weights, seeded, use_one_thread
from chipgym.agents.schedulers.candidates import Decisions, candidates
from chipgym.agents.schedulers.pair_attention import PairAttention
from chipgym.simulators.core.errors import InvalidValueError

__all__ = [
    "NAME",
    "SHIPPED",
    "LearnedScheduler",
    "actions_of",
    "load_learned_scheduler",
    "new_network",
]

NAME = "learned-scheduler"
FORMAT = "chipgym-learned-scheduler-1"
SHIPPED = Path(__file__).parent / "data" / "learned_scheduler.safetensors"
"""Weights of the study `deepsocs`, training seed 0."""
SHIPPED_STEPS = 2_000_000
"""Decisions of their training, as the study states them."""

OTHER_PROVENANCE = Provenance("learned", None, "Compares what list schedulers would start now.")
SHIPPED_PROVENANCE = Provenance(
    "learned",
    SHIPPED_STEPS,
    "Compares what list schedulers would start now; the weights that ship, of training seed 0.",
)
TOLERANCE = 1e-4
"""Logits closer than this count as equal: their last bits depend on how many decisions are taken
at once, and a policy must not."""

Ints = npt.NDArray[np.int64]


class LearnedScheduler:
    """Takes the candidate of the highest logit.

    Parameters
    ----------
    path : path, optional
        What `save` wrote; by default the weights that ship, `SHIPPED`.
    network : PairAttention, optional
        Instead of a path.
    num_slots, num_pes : int, optional
        Shape of the decisions; by default that of the problem views given to `act`.
    """

    name = NAME

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        network: PairAttention | None = None,
        num_slots: int | None = None,
        num_pes: int | None = None,
    ) -> None:
        if path is not None and network is not None:
            raise InvalidValueError("path", path, "either a path or a network")
        use_one_thread()
        self.network = _load(SHIPPED if path is None else path) if network is None else network
        self.shape = None if num_slots is None or num_pes is None else (num_slots, num_pes)
        self.provenance = (
            SHIPPED_PROVENANCE if path is None and network is None else OTHER_PROVENANCE
        )

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing is remembered, and nothing is random."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Take the best candidate of each decision."""
        shape = self.shape
        if shape is None and problems:
            shape = problems[0].num_slots, problems[0].num_pes
        if shape is None or masks is None:
            raise InvalidValueError("problems", None, "views or a given shape, and masks")
        decisions = candidates(observations, masks, *shape)
        chosen = np.zeros(len(masks), dtype=np.int64)
        several = np.flatnonzero(decisions.choices > 1)
        if len(several):
            part = decisions if len(several) == len(masks) else decisions.take(several)
            with torch.inference_mode():
                logits = self.network(part, *shape)
                best = logits.amax(dim=1, keepdim=True) - TOLERANCE
                chosen[several] = (logits >= best).to(torch.uint8).argmax(dim=1).numpy()
            # Waiting stands behind the pairs of the decision with the most of them.
            chosen[several] = np.minimum(chosen[several], part.counts)
        return actions_of(decisions, chosen, masks, *shape)

    def save(self, place: str | os.PathLike[str]) -> None:
        """Write a folder, or one file that ends in ``.safetensors``."""
        document = {"format": FORMAT, "hidden": self.network.inner.out_features}
        write_policy(place, document, save_weights(self.network, "network"))


def actions_of(
    decisions: Decisions, chosen: Ints, masks: Masks, num_slots: int, num_pes: int
) -> Actions:
    """Return the environment's actions for chosen candidates.

    Parameters
    ----------
    decisions : Decisions
    chosen : int64, shape (B,)
        Number of the pair within the decision; the number of its pairs: waiting.
    masks : bool, shape (B, actions)
    num_slots, num_pes : int
    """
    wait = num_slots * num_pes
    starts = np.cumsum(decisions.counts) - decisions.counts
    pair = np.flatnonzero(chosen < decisions.counts)
    index = starts[pair] + chosen[pair]
    actions = np.full(len(chosen), wait, dtype=np.int64)
    actions[pair] = decisions.slots[index] * num_pes + decisions.pes[index]
    # Where no rule proposes anything and waiting is not legal, such as in an ended episode.
    none = np.flatnonzero((decisions.counts == 0) & ~decisions.may_wait)
    actions[none] = masks[none].argmax(axis=1)
    return actions


def new_network(hidden: int, prior: float, seed: int) -> PairAttention:
    """Return an untrained network; the same seed gives the same weights."""
    with seeded(seed):
        return PairAttention(hidden, prior)


def load_learned_scheduler(place: str | os.PathLike[str]) -> LearnedScheduler:
    """Read what `LearnedScheduler.save` wrote.

    Raises
    ------
    FileFormatError
        A file is missing or damaged.
    """
    return LearnedScheduler(place)


def _load(place: str | os.PathLike[str]) -> PairAttention:
    document, arrays = read_policy(place, FORMAT, ("format", "hidden"))
    network = PairAttention(int(document["hidden"]))
    load_weights(network, "network", arrays)
    return network
