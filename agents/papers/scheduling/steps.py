"""Gradient steps of an update, and the seeds of its streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from chipgym.agents.core.torch_tools import load_adam, save_adam

__all__ = ["Adam", "StepSettings", "stream_seeds"]

Ints = npt.NDArray[np.int64]


class StepSettings(Protocol):
    """What of the settings of a learner concerns its steps."""

    @property
    def learning_rate(self) -> float:
        """Step size at the start."""
        ...

    @property
    def learning_rate_end(self) -> float | None:
        """Step size at the end of the training, reached along a line; None: as at the start."""
        ...

    @property
    def minibatch(self) -> int:
        """Decisions of a gradient step; 0: all of an update."""
        ...

    @property
    def batch_size(self) -> int:
        """Decisions that are in memory at a time."""
        ...

    @property
    def max_grad_norm(self) -> float:
        """Longest gradient; 0: any."""
        ...


class Adam:
    """Takes the decisions of an update in one step or in several, each decision once.

    With several steps the decisions are shuffled; how depends on the number of the update alone.

    Parameters
    ----------
    network : module
        What is learnt of it are the weights that require gradients.
    settings : StepSettings
    """

    def __init__(self, network: nn.Module, settings: StepSettings) -> None:
        self._settings = settings
        self._weights = [weight for weight in network.parameters() if weight.requires_grad]
        self._optimiser = torch.optim.Adam(self._weights, lr=settings.learning_rate)

    def take(
        self, loss_of: Callable[[Ints], Tensor], count: int, update: int, progress: float
    ) -> None:
        """Step down the mean loss of `count` decisions.

        Parameters
        ----------
        loss_of : callable
            Given numbers of decisions, returns the sum of their losses.
        count : int
        update : int
            Number of the update.
        progress : float
            Share of the training that is done.
        """
        settings = self._settings
        end = settings.learning_rate_end
        if end is not None:
            rate = settings.learning_rate + (end - settings.learning_rate) * progress
            self._optimiser.param_groups[0]["lr"] = rate
        size = settings.minibatch or count
        order = np.arange(count)
        if size < count:
            order = np.random.default_rng([update, count]).permutation(count)
        for rows in np.array_split(order, -(-count // size)):
            self._step(loss_of, rows)

    def _step(self, loss_of: Callable[[Ints], Tensor], rows: Ints) -> None:
        self._optimiser.zero_grad()
        for start in range(0, len(rows), self._settings.batch_size):
            loss = loss_of(rows[start : start + self._settings.batch_size]) / len(rows)
            loss.backward()  # type: ignore[no-untyped-call]
        if self._settings.max_grad_norm > 0.0:
            torch.nn.utils.clip_grad_norm_(self._weights, self._settings.max_grad_norm)
        self._optimiser.step()

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of the optimiser."""
        return save_adam(self._optimiser, "optimiser")

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put back what `save` gave."""
        load_adam(self._optimiser, "optimiser", arrays)


def stream_seeds(update: int, seed: int, num_envs: int, group: int) -> list[int]:
    """Seeds of the copies' streams in an update; every `group` neighbours share one."""
    words = np.random.SeedSequence([seed, update]).generate_state(num_envs)
    return [int(words[i - i % group] >> 1) for i in range(num_envs)]
