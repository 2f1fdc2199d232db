"""A trained network as a `Policy`: saved as plain arrays and JSON, loaded without unpickling."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from chipgym.agents.core.masks import repair_actions
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.policy_file import place_of, read_policy, write_policy
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.core.provenance import Provenance
from chipgym.agents.sb3.models import MASKABLE, build_network, check_action_space
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

__all__ = ["SavedPolicy", "load_policy"]

FORMAT = "chipgym-policy-1"
_KEYS = {
    "format",
    "name",
    "algorithm",
    "network",
    "settings",
    "num_actions",
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
        check_action_space(algorithm, network.action_space)
        if not isinstance(network.observation_space, spaces.Box):
            raise InvalidValueError("observation_space", network.observation_space, "a Box space")
        self.network = network
        self.algorithm = algorithm
        self.kind = kind
        self.settings = dict(settings)
        self._masked = algorithm in MASKABLE and self.settings.get("masked", True)
        self.name = name or algorithm
        self.deterministic = deterministic
        self.description = dict(description or {})
        self.provenance = Provenance("learned", self.description.get("steps"))
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
        training (`repair_actions`). Real-valued actions know no masks.

        Returns
        -------
        int64 array, shape (N,) or, of H choices, (N, H); or float32 array, shape (N, ...)
            The actions.
        """
        space = self.network.action_space
        if isinstance(space, spaces.Box):
            return self._real_actions(observations, space)
        scores: npt.NDArray[Any] = self.scores(observations, masks)
        if not self.deterministic and self.algorithm != "dqn":
            # The Gumbel trick draws from the softmax of the scores.
            noise = [g.gumbel(size=scores.shape[1]) for g in self._generators_for(scores)]
            scores = scores + np.stack(noise)
        if masks is not None and self._masked:
            scores = np.where(masks, scores, -np.inf)
        counts = _counts(space)
        options = counts if isinstance(counts, list) else None
        if options is None:
            actions = scores.argmax(axis=1)
        else:
            parts = np.split(scores, np.cumsum(options)[:-1], axis=1)
            actions = np.stack([part.argmax(axis=1) for part in parts], axis=1)
        if masks is None or self._masked:
            return np.asarray(actions, dtype=np.int64)
        return repair_actions(actions, masks, options)

    def scores(self, observations: Observations, masks: Masks | None) -> npt.NDArray[np.float32]:
        """Logits of the actions (action values for DQN), shape (N, A).

        Of several choices the logits of all options stand side by side.
        """
        network: Any = self.network
        with torch.inference_mode():
            batch = _batch(observations)
            if self.algorithm == "dqn":
                return np.asarray(network.q_net(batch).numpy(), dtype=np.float32)
            known = (masks,) if self.algorithm in MASKABLE else ()
            found = network.get_distribution(batch, *known)
            # sb3-contrib keeps several choices in `distributions`, SB3 in a list.
            parts = getattr(found, "distributions", None) or found.distribution
            parts = parts if isinstance(parts, list) else [parts]
            logits = torch.cat([part.logits for part in parts], dim=1)
        return np.asarray(logits.numpy(), dtype=np.float32)

    def _real_actions(self, observations: Observations, space: spaces.Box) -> Actions:
        """Real-valued actions: the mean, or a draw around it, within the bounds."""
        network: Any = self.network
        with torch.inference_mode():
            batch = _batch(observations)
            if self.algorithm == "sac":
                mean, log_std, _ = network.actor.get_action_dist_params(batch)
                deviation = log_std.exp()
            else:
                normal = network.get_distribution(batch).distribution
                mean, deviation = normal.mean, normal.stddev
        actions = mean.numpy()
        if not self.deterministic:
            noise = [g.normal(size=actions.shape[1]) for g in self._generators_for(actions)]
            actions = actions + deviation.numpy() * np.stack(noise)
        actions = actions.reshape(-1, *space.shape)
        if self.algorithm == "sac":
            actions = space.low + (np.tanh(actions) + 1.0) * (space.high - space.low) / 2.0
        return np.asarray(np.clip(actions, space.low, space.high), dtype=np.float32)

    def _generators_for(self, rows: npt.NDArray[Any]) -> list[np.random.Generator]:
        if len(rows) != len(self._generators):
            raise InvalidValueError(
                "observations", len(rows), f"{len(self._generators)}, as told to reset"
            )
        return self._generators

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Weights by name, as arrays."""
        state = self.network.state_dict()
        return {key: value.detach().cpu().numpy() for key, value in state.items()}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the policy to a folder, or to one file if its name ends in ``.safetensors``.

        See `chipgym.agents.core.policy_file`; weights are plain arrays, nothing is pickled.
        """
        space = self.network.observation_space
        assert isinstance(space, spaces.Box)
        arrays = {f"network/{key}": value for key, value in self.weights().items()}
        arrays |= {"space/low": space.low, "space/high": space.high}
        if isinstance(self.network.action_space, spaces.Box):
            bounds = self.network.action_space
            arrays |= {"action/low": bounds.low, "action/high": bounds.high}
        document = {
            "format": FORMAT,
            "name": self.name,
            "algorithm": self.algorithm,
            "network": self.kind,
            "settings": self.settings,
            "num_actions": _counts(self.network.action_space),
            "description": self.description,
        }
        write_policy(folder, document, arrays)


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
    path = place_of(folder)
    document, arrays = read_policy(folder, FORMAT, _KEYS)
    try:
        box = spaces.Box(arrays["space/low"], arrays["space/high"], dtype=np.float32)
        network = build_network(
            document["algorithm"],
            document["network"],
            document["settings"],
            box,
            _action_space(document["num_actions"], arrays),
        )
        prefix = "network/"
        state = {
            key.removeprefix(prefix): torch.from_numpy(value.copy())
            for key, value in arrays.items()
            if key.startswith(prefix)
        }
        network.load_state_dict(state)
    except (KeyError, RuntimeError, TypeError, ValueError, AssertionError) as error:
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


def _batch(observations: Observations) -> torch.Tensor:
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
    return torch.as_tensor(np.asarray(observations, dtype=np.float32))


def _counts(space: spaces.Space[Any]) -> int | list[int] | None:
    """Options of a choice, of several choices, or None for real numbers; as the file has it."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return [int(count) for count in space.nvec]
    return None


def _action_space(counts: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> spaces.Space[Any]:
    if counts is None:
        return spaces.Box(arrays["action/low"], arrays["action/high"], dtype=np.float32)
    return spaces.MultiDiscrete(counts) if isinstance(counts, list) else spaces.Discrete(counts)
