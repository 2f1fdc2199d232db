"""The recurrent controller: one LSTM that decides the knobs of all segments in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

__all__ = ["Controller", "State"]

Floats32 = npt.NDArray[np.float32]
State = tuple[Floats32, Floats32]
"""Hidden state and cell of the LSTM, float32 [hidden] each."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
SMALL = 0.1


class Controller(nn.Module):
    """A policy over sequences of T choices.

    The LSTM is shared. Its input is the embedding of the choice before plus a vector of the segment
    that the next choice belongs to; each knob has its own output layer.

    Parameters
    ----------
    counts : sequence of int
        Options of each knob, T in all; at most O.
    segments : sequence of int
        Number of each knob's segment, T in all.
    hidden : int
        Width of state and embeddings.
    """

    def __init__(self, counts: Sequence[int], segments: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.counts = np.asarray(counts, dtype=np.int64)
        options = int(self.counts.max())
        places = len(counts)
        self.embedding = nn.Parameter(SMALL * torch.randn(places, options, hidden))
        self.segment = nn.Parameter(SMALL * torch.randn(max(segments) + 1, hidden))
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.head = nn.Parameter(SMALL * torch.randn(places, hidden, options) / hidden**0.5)
        self.bias = nn.Parameter(torch.zeros(places, options))
        self._segment_of = list(segments)

    @property
    def num_options(self) -> int:
        """Options O of the knob that has most."""
        return int(self.counts.max())

    def step(
        self, place: int, before: int, legal: Bools, state: State
    ) -> tuple[npt.NDArray[np.float64], State]:
        """Return the policy of one knob, float64 [O], and the next state.

        It is computed by NumPy, because PyTorch takes several times longer for single steps.

        Parameters
        ----------
        place : int
            Number of the knob.
        before : int
            The choice of the knob before; of no account for the first.
        legal : bool [O]
        state : State
            What `step` returned for the knob before; `start` for the first.
        """
        hidden, cell = state
        value = _plain(self.segment)[self._segment_of[place]]
        if place:
            value = value + _plain(self.embedding)[place - 1, before]
        gates = _plain(self.lstm.weight_ih_l0) @ value + _plain(self.lstm.weight_hh_l0) @ hidden
        gates = gates + _plain(self.lstm.bias_ih_l0) + _plain(self.lstm.bias_hh_l0)
        # PyTorch's order: input, forget, cell, output.
        admit, keep, new, show = gates.reshape(4, -1)
        cell = _sigmoid(keep) * cell + _sigmoid(admit) * np.tanh(new)
        hidden = _sigmoid(show) * np.tanh(cell)
        logits = hidden @ _plain(self.head)[place] + _plain(self.bias)[place]
        logits = np.where(legal, logits.astype(np.float64), -np.inf)
        chances = np.exp(logits - logits.max())
        return chances / chances.sum(), (hidden, cell)

    @property
    def start(self) -> State:
        """The state before the first knob."""
        nothing = np.zeros(self.lstm.hidden_size, dtype=np.float32)
        return nothing, nothing

    def forward(self, choices: Ints, legal: Bools) -> tuple[Tensor, Tensor]:
        """Return logarithms of the chances of choices, and the entropy where they were made.

        Parameters
        ----------
        choices : int64 [B, T]
        legal : bool [B, T, O]

        Returns
        -------
        (float32 [B, T], float32 [B, T])
        """
        chosen = torch.from_numpy(choices)
        places = torch.arange(chosen.shape[1])
        inputs = self.segment[self._segment_of].expand(len(chosen), -1, -1)
        before = self.embedding[places[:-1], chosen[:, :-1]]
        first = torch.zeros_like(inputs[:, :1])
        output, _ = self.lstm(inputs + torch.cat([first, before], dim=1))
        logits = torch.einsum("bth,tho->bto", output, self.head) + self.bias
        logs = logits.masked_fill(torch.from_numpy(~legal), -torch.inf).log_softmax(dim=2)
        taken = logs.gather(2, chosen[:, :, None]).squeeze(2)
        # An option that is not legal adds nothing; minus infinity times zero would be nan.
        finite = logs.masked_fill(torch.from_numpy(~legal), 0.0)
        return taken, -(finite.exp() * finite).masked_fill(torch.from_numpy(~legal), 0.0).sum(2)


def _plain(parameter: Any) -> Floats32:
    """Weights as an array; nothing is copied."""
    return np.asarray(parameter.detach().numpy())


def _sigmoid(value: Floats32) -> Floats32:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * value)))
