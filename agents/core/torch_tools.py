"""What the PyTorch agents share: seeds, one thread, and weights and optimisers as plain arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["load_adam", "load_weights", "save_adam", "save_weights", "seeded", "use_one_thread"]


def use_one_thread() -> None:
    """Make PyTorch repeatable: sums over several threads depend on how many there are."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's random numbers from a seed, and leave its own generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def save_weights(module: nn.Module, prefix: str) -> dict[str, npt.NDArray[Any]]:
    """Weights of a network as arrays, named ``prefix/NAME``."""
    state = module.state_dict()
    return {f"{prefix}/{key}": value.detach().cpu().numpy().copy() for key, value in state.items()}


def load_weights(module: nn.Module, prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put back what `save_weights` gave.

    Raises
    ------
    RuntimeError
        The arrays do not fit the network.
    """
    head = f"{prefix}/"
    module.load_state_dict(
        {
            key.removeprefix(head): torch.from_numpy(np.array(value))
            for key, value in arrays.items()
            if key.startswith(head)
        }
    )


def save_adam(optimiser: torch.optim.Adam, prefix: str) -> dict[str, npt.NDArray[Any]]:
    """State of Adam as arrays: steps and both moments of each parameter, and the learning rate."""
    arrays = {f"{prefix}/rate": np.array(optimiser.param_groups[0]["lr"])}
    for index, state in optimiser.state_dict()["state"].items():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            arrays[f"{prefix}/{index}/{key}"] = state[key].numpy().copy()
    return arrays


def load_adam(
    optimiser: torch.optim.Adam, prefix: str, arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Put back what `save_adam` gave."""
    document = optimiser.state_dict()
    states: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in arrays.items():
        parts = name.removeprefix(f"{prefix}/").split("/")
        if name.startswith(f"{prefix}/") and len(parts) == 2:
            states.setdefault(int(parts[0]), {})[parts[1]] = torch.from_numpy(np.array(value))
    document["state"] = states
    document["param_groups"][0]["lr"] = float(arrays[f"{prefix}/rate"])
    optimiser.load_state_dict(document)
