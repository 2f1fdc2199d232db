"""The learned scheduler: a pair-attention network that imitates a planner, and acts without it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from chipgym.agents.core.arrays_file import read_arrays, write_arrays
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.core.torch_tools import load_weights, save_weights, seeded, use_one_thread
from chipgym.agents.schedulers.pair_attention import PairAttention
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["LearnedScheduler", "Lessons", "imitate", "new_network"]


@dataclass(frozen=True)
class Lessons:
    """Decisions to imitate, of environments of one shape.

    Attributes
    ----------
    num_slots, num_pes : int
    observations : float32, shape (D, size)
    masks : bool, shape (D, R * P + 1)
    actions : int64, shape (D,)
    """

    num_slots: int
    num_pes: int
    observations: npt.NDArray[np.float32]
    masks: npt.NDArray[np.bool_]
    actions: npt.NDArray[np.int64]


def imitate(
    network: PairAttention,
    lessons: Sequence[Lessons],
    *,
    epochs: int,
    seed: int,
    batch_size: int = 512,
    learning_rate: float = 2e-3,
) -> list[float]:
    """Train a network to take the recorded actions; return the mean loss of each epoch.

    The learning rate falls to zero along a cosine. The same seed gives the same weights on one
    platform.
    """
    use_one_thread()
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    batches = sum(-(-len(part.actions) // batch_size) for part in lessons)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(epochs * batches, 1))
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(epochs):
        total, count = 0.0, 0
        for part, rows in _batches(lessons, batch_size, rng):
            logits = network(
                torch.from_numpy(part.observations[rows]),
                torch.from_numpy(part.masks[rows]),
                part.num_slots,
                part.num_pes,
            )
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(part.actions[rows]))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
            count += len(rows)
        losses.append(total / max(count, 1))
    return losses


def _batches(
    lessons: Sequence[Lessons], size: int, rng: np.random.Generator
) -> list[tuple[Lessons, npt.NDArray[np.int64]]]:
    """All decisions once, in batches of one shape, in random order."""
    batches = []
    for part in lessons:
        order = rng.permutation(len(part.actions))
        batches += [(part, order[i : i + size]) for i in range(0, len(order), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


class LearnedScheduler:
    """Takes the action of the highest logit; sees the observation only and simulates nothing.

    Parameters
    ----------
    path : path, optional
        File that `save` wrote.
    network : PairAttention, optional
        Instead of a file.
    num_slots, num_pes : int, optional
        Shape of the decisions; by default that of the problem views given to `act`.
    """

    name = "learned-scheduler"

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        network: PairAttention | None = None,
        num_slots: int | None = None,
        num_pes: int | None = None,
    ) -> None:
        if (path is None) == (network is None):
            raise InvalidValueError("path", path, "either a path or a network")
        use_one_thread()
        self.network = _load(path) if path is not None else network
        self.shape = None if num_slots is None or num_pes is None else (num_slots, num_pes)

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Take the best legal action of each environment."""
        shape = self.shape
        if shape is None and problems:
            shape = problems[0].num_slots, problems[0].num_pes
        if shape is None or masks is None:
            raise InvalidValueError("problems", None, "views or a given shape, and masks")
        assert self.network is not None
        legal = np.ascontiguousarray(masks[:, : shape[0] * shape[1] + 1])
        with torch.inference_mode():
            logits = self.network(
                torch.from_numpy(np.ascontiguousarray(observations)),
                torch.from_numpy(legal),
                *shape,
            )
            best: Actions = logits.argmax(dim=1).numpy()
        return best

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network's weights."""
        assert self.network is not None
        document = {"hidden": self.network.pair.out_features}
        write_arrays(path, document, save_weights(self.network, "network"))


def _load(path: str | os.PathLike[str]) -> PairAttention:
    document: Any
    document, arrays = read_arrays(path)
    network = PairAttention(int(document["hidden"]))
    load_weights(network, "network", arrays)
    return network


def new_network(hidden: int, seed: int) -> PairAttention:
    """Return an untrained network; the same seed gives the same weights."""
    with seeded(seed):
        return PairAttention(hidden)
