"""A trained network as a `Policy`: saved as plain arrays and JSON, loaded without unpickling."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from chipgym.agents.core.masks import repair_actions
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.sb3.models import MASKABLE, build_network
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
from chipgym.simulators.core.files import read_json, write_bytes, write_json
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["SavedPolicy", "load_policy"]

FORMAT = "chipgym-policy-1"
CONFIGURATION = "policy.json"
WEIGHTS = "weights.npz"
_KEYS = {
    "format",
    "name",
    "algorithm",
    "network",
    "settings",
    "num_actions",
    "weights",
    "description",
}


class SavedPolicy:
    """Acts with a trained network.

    Parameters
    ----------
    network : BasePolicy
        SB3's policy; it is used, not copied.
    algorithm, kind : str
        Algorithm and network names of `chipgym.agents.sb3.models`.
    settings : mapping
        Plain `policy_kwargs` from which the network was built.
    name : str, optional
        Name of the policy, by default the algorithm.
    deterministic : bool
        Take the best action; otherwise draw from the distribution with generators seeded by
        `reset` (DQN has none and always takes the best).
    description : mapping, optional
        Plain facts to keep: environment, scenario, seed, steps, hyperparameters.

    Notes
    -----
    Exact replay needs the same batch size: the last bit of a matrix product depends on it. PyTorch
    runs with one thread, which `act` makes sure of.
    """

    def __init__(
        self,
        network: BasePolicy,
        algorithm: str,
        kind: str,
        settings: Mapping[str, Any],
        *,
        name: str | None = None,
        deterministic: bool = True,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(network.action_space, spaces.Discrete):
            raise InvalidValueError("action_space", network.action_space, "a Discrete space")
        if not isinstance(network.observation_space, spaces.Box):
            raise InvalidValueError("observation_space", network.observation_space, "a Box space")
        self.network = network
        self.algorithm = algorithm
        self.kind = kind
        self.settings = dict(settings)
        self.name = name or algorithm
        self.deterministic = deterministic
        self.description = dict(description or {})
        self._num_actions = int(network.action_space.n)
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Seed one generator an environment; a deterministic policy does not use them."""
        self._generators = [np.random.default_rng([seed, i]) for i in range(num_envs)]

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Choose an action for each environment.

        Algorithms without masks choose among all actions, and masked ones are repaired as in
        training (`repair_actions`).
        """
        scores: npt.NDArray[Any] = self.scores(observations, masks)
        if not self.deterministic and self.algorithm != "dqn":
            if len(scores) != len(self._generators):
                raise InvalidValueError(
                    "observations", len(scores), f"{len(self._generators)}, as told to reset"
                )
            # The Gumbel trick draws from the softmax of the scores.
            noise = np.stack([g.gumbel(size=self._num_actions) for g in self._generators])
            scores = scores + noise
        if masks is None:
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        if self.algorithm in MASKABLE:
            scores = np.where(masks, scores, -np.inf)
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        return repair_actions(scores.argmax(axis=1), masks)

    def scores(self, observations: Observations, masks: Masks | None) -> npt.NDArray[np.float32]:
        """Logits of the actions (action values for DQN), shape (N, A)."""
        network: Any = self.network
        batch = torch.as_tensor(np.asarray(observations, dtype=np.float32))
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        with torch.inference_mode():
            if self.algorithm == "dqn":
                found = network.q_net(batch)
            elif self.algorithm in MASKABLE:
                found = network.get_distribution(batch, masks).distribution.logits
            else:
                found = network.get_distribution(batch).distribution.logits
        return np.asarray(found.numpy(), dtype=np.float32)

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Weights by name, as arrays."""
        state = self.network.state_dict()
        return {key: value.detach().cpu().numpy() for key, value in state.items()}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``policy.json`` and ``weights.npz`` (arrays only, no pickle) to a folder."""
        space = self.network.observation_space
        assert isinstance(space, spaces.Box)
        arrays = {f"network/{key}": value for key, value in self.weights().items()}
        arrays |= {"space/low": space.low, "space/high": space.high}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        write_bytes(Path(folder) / WEIGHTS, content.getvalue())
        document = {
            "format": FORMAT,
            "name": self.name,
            "algorithm": self.algorithm,
            "network": self.kind,
            "settings": self.settings,
            "num_actions": self._num_actions,
            "weights": _hash(arrays),
            "description": self.description,
        }
        write_json(Path(folder) / CONFIGURATION, document)


def load_policy(folder: str | os.PathLike[str], *, deterministic: bool = True) -> SavedPolicy:
    """Load what `SavedPolicy.save` wrote; nothing in the files is executed.

    Parameters
    ----------
    folder : path
        The folder.
    deterministic : bool
        As in `SavedPolicy`.

    Raises
    ------
    FileFormatError
        A file is missing or damaged, or the two do not belong together.
    """
    path = Path(folder) / CONFIGURATION
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(path, f"is not a policy of format {FORMAT}")
    if set(document) != _KEYS:
        raise FileFormatError(path, f"must have exactly the keys {', '.join(sorted(_KEYS))}")
    arrays = _read_arrays(Path(folder) / WEIGHTS)
    if _hash(arrays) != document["weights"]:
        raise FileFormatError(Path(folder) / WEIGHTS, f"is not what {CONFIGURATION} names")
    try:
        box = spaces.Box(arrays["space/low"], arrays["space/high"], dtype=np.float32)
        network = build_network(
            document["algorithm"],
            document["network"],
            document["settings"],
            box,
            spaces.Discrete(document["num_actions"]),
        )
        prefix = "network/"
        state = {
            key.removeprefix(prefix): torch.from_numpy(value.copy())
            for key, value in arrays.items()
            if key.startswith(prefix)
        }
        network.load_state_dict(state)
    except (KeyError, RuntimeError, TypeError, AssertionError) as error:
        raise FileFormatError(path, f"does not describe the weights: {error}") from error
    return SavedPolicy(
        network,
        document["algorithm"],
        document["network"],
        document["settings"],
        name=document["name"],
        deterministic=deterministic,
        description=document["description"],
    )


def _read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        content = io.BytesIO(path.read_bytes())
        if not zipfile.is_zipfile(content):
            raise FileFormatError(path, "is not an archive of arrays (.npz)")
        content.seek(0)
        with np.load(content, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except FileFormatError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error


def _hash(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    names = np.frombuffer("\n".join(sorted(arrays)).encode(), dtype=np.uint8)
    return hash_arrays(names, *(arrays[key] for key in sorted(arrays)))
