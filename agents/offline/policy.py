"""What an offline learner leaves: a policy, saved as plain arrays and JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from chipgym.agents.core.archive import hash_named_arrays, read_arrays, write_arrays
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.core.torch_tools import load_weights, save_weights, use_one_thread
from chipgym.agents.offline.network import OfflineNetwork
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import read_json, write_json

__all__ = ["OfflinePolicy", "load_offline_policy"]

FORMAT = "chipgym-offline-policy-1"
CONFIGURATION = "policy.json"
WEIGHTS = "weights.npz"


class OfflinePolicy:
    """Takes the allowed option of the highest score, of each choice; or the real-valued action.

    Parameters
    ----------
    network : OfflineNetwork
        It is used, not copied.
    name : str
        The algorithm.
    description : mapping, optional
        Plain facts to keep, such as the data that it was trained on.
    """

    def __init__(
        self, network: OfflineNetwork, name: str, description: Mapping[str, Any] | None = None
    ) -> None:
        self.network = network
        self.name = name
        self.description = dict(description or {})

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Choose an action for each environment; see `chipgym.agents.core.policy.Policy`."""
        use_one_thread()
        flat = np.asarray(observations, dtype=np.float32).reshape(len(observations), -1)
        with torch.inference_mode():
            scores = self.network(torch.from_numpy(flat)).numpy()
        space = self.network.action_space
        if isinstance(space, spaces.Box):
            actions = space.low.reshape(-1) + (scores + 1.0) / 2.0 * (
                space.high - space.low
            ).reshape(-1)
            return np.asarray(actions.reshape(-1, *space.shape), dtype=np.float32)
        assert self.network.counts is not None
        if masks is not None:
            scores = np.where(masks[:, : scores.shape[1]], scores, -np.inf)
        parts = np.split(scores, np.cumsum(self.network.counts)[:-1], axis=1)
        chosen = np.stack([part.argmax(axis=1) for part in parts], axis=1).astype(np.int64)
        return chosen[:, 0] if isinstance(space, spaces.Discrete) else chosen

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``policy.json`` and ``weights.npz`` (arrays only, no pickle) to a folder."""
        network = self.network
        arrays = save_weights(network, "network")
        arrays |= {
            "space/low": network.observation_space.low,
            "space/high": network.observation_space.high,
        }
        if isinstance(network.action_space, spaces.Box):
            bounds = network.action_space
            arrays |= {"action/low": bounds.low, "action/high": bounds.high}
        write_arrays(Path(folder) / WEIGHTS, arrays)
        document = {
            "format": FORMAT,
            "name": self.name,
            "hidden": list(network.hidden),
            "options": network.counts,
            "one_choice": isinstance(network.action_space, spaces.Discrete),
            "weights": hash_named_arrays(arrays),
            "description": self.description,
        }
        write_json(Path(folder) / CONFIGURATION, document)


def load_offline_policy(folder: str | os.PathLike[str]) -> OfflinePolicy:
    """Load what `OfflinePolicy.save` wrote; nothing in the files is executed.

    Raises
    ------
    FileFormatError
        A file is missing or damaged, or the two do not belong together.
    """
    path = Path(folder) / CONFIGURATION
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(path, f"is not a policy of format {FORMAT}")
    arrays = read_arrays(Path(folder) / WEIGHTS)
    try:
        if hash_named_arrays(arrays) != document["weights"]:
            raise FileFormatError(Path(folder) / WEIGHTS, f"is not what {CONFIGURATION} names")
        seen = spaces.Box(arrays["space/low"], arrays["space/high"], dtype=np.float32)
        options = document["options"]
        actions: spaces.Space[Any]
        if options is None:
            actions = spaces.Box(arrays["action/low"], arrays["action/high"], dtype=np.float32)
        elif document["one_choice"]:
            actions = spaces.Discrete(int(options[0]))
        else:
            actions = spaces.MultiDiscrete([int(count) for count in options])
        network = OfflineNetwork(seen, actions, [int(width) for width in document["hidden"]])
        load_weights(network, "network", arrays)
        return OfflinePolicy(network, str(document["name"]), document["description"])
    except (KeyError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise FileFormatError(path, f"does not describe the weights: {error}") from error
