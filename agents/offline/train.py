"""Training on recorded steps, with the signature that the harness asks of a trainer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.settings import make_settings, plain_settings
from chipgym.agents.core.torch_tools import use_one_thread
from chipgym.agents.offline.data import Transitions, option_counts
from chipgym.agents.offline.losses import cloning_loss, conservative_loss, unit_actions
from chipgym.agents.offline.names import ALGORITHMS
from chipgym.agents.offline.network import OfflineNetwork, new_network
from chipgym.agents.offline.policy import OfflinePolicy
from chipgym.agents.offline.settings import CloningSettings, ConservativeSettings
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["OfflineResult", "train_offline"]

Batch = dict[str, torch.Tensor | None]


@dataclass(frozen=True)
class OfflineResult:
    """What a training returns.

    Attributes
    ----------
    policy : OfflinePolicy
        The trained policy.
    steps : int
        Updates of the network; the environment was not stepped.
    losses : tuple of float
        Mean loss between two records.
    """

    policy: OfflinePolicy
    steps: int
    losses: tuple[float, ...]


def train_offline(
    algorithm: str,
    data: Transitions,
    total_steps: int,
    seed: int,
    hyperparams: Mapping[str, Any] | None = None,
    callback: Callable[[Mapping[str, float]], None] | None = None,
    evaluate: Callable[[OfflinePolicy], Mapping[str, float]] | None = None,
    record_every: int = 1000,
    description: Mapping[str, Any] | None = None,
) -> OfflineResult:
    """Train a policy on recorded steps.

    Parameters
    ----------
    algorithm : str
        ``behaviour_cloning`` or ``discrete_cql``.
    data : Transitions
        The recorded steps.
    total_steps : int
        Updates of the network.
    seed : int
        The same seed, data and settings give the same weights on one platform.
    hyperparams : mapping, optional
        Fields of the algorithm's settings.
    callback, evaluate : callable, optional
        Called every `record_every` updates: `evaluate` with the policy so far, `callback` with a
        record of ``steps``, ``episodes`` (0: none are played) and ``loss``, and what `evaluate`
        found under ``evaluation/``.
    description : mapping, optional
        Plain facts to keep with the policy.

    Raises
    ------
    UnknownNameError, InvalidValueError
        No such algorithm; a setting is out of range; the action space does not fit.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    if not len(data):
        raise InvalidValueError("data", 0, "at least one recorded step")
    use_one_thread()
    settings = make_settings(ALGORITHMS[algorithm], hyperparams or {})
    network = new_network(data.observation_space, data.action_space, settings.hidden, seed)
    network.standardise(data.observations)
    facts = {**dict(description or {}), "settings": plain_settings(settings), "seed": seed}
    policy = OfflinePolicy(network, algorithm, facts)
    learner = _learner(settings, network, data, total_steps)
    rows = data.best_episodes(getattr(settings, "best_fraction", 1.0))
    rng = np.random.default_rng(seed)
    losses: list[float] = []
    recent: list[float] = []
    for step in range(1, total_steps + 1):
        recent.append(learner.update(rows[rng.integers(len(rows), size=settings.batch_size)]))
        if step % record_every and step != total_steps:
            continue
        losses.append(float(np.mean(recent)))
        recent.clear()
        found = {} if evaluate is None else evaluate(policy)
        if callback is not None:
            record = {"steps": float(step), "episodes": 0.0, "loss": losses[-1]}
            callback({**record, **{f"evaluation/{name}": value for name, value in found.items()}})
    return OfflineResult(policy, total_steps, tuple(losses))


def _learner(
    settings: Any, network: OfflineNetwork, data: Transitions, total_steps: int
) -> _Cloning | _Conservative:
    if isinstance(settings, CloningSettings):
        return _Cloning(settings, network, data, total_steps)
    return _Conservative(settings, network, data)


class _Cloning:
    """Updates of behaviour cloning."""

    def __init__(
        self, settings: CloningSettings, network: OfflineNetwork, data: Transitions, total: int
    ) -> None:
        self.network, self.data = network, data
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, total)

    def update(self, rows: npt.NDArray[np.int64]) -> float:
        """One step of the optimiser; returns the loss before it."""
        data, space = self.data, self.data.action_space
        actions = torch.from_numpy(data.actions[rows])
        if self.network.counts is None:
            actions = unit_actions(actions, space)  # type: ignore[arg-type]
        elif actions.ndim == 1:
            actions = actions[:, None]
        masks = None if data.masks is None else torch.from_numpy(data.masks[rows])
        observations = torch.from_numpy(data.observations[rows])
        loss = cloning_loss(self.network, observations, actions, masks)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.schedule.step()
        return float(loss.detach())


class _Conservative:
    """Updates of conservative Q-learning."""

    def __init__(
        self, settings: ConservativeSettings, network: OfflineNetwork, data: Transitions
    ) -> None:
        counts = option_counts(data.action_space)
        if counts is None or data.actions.ndim != 1:
            raise InvalidValueError(
                "algorithm",
                "discrete_cql",
                "for actions of one choice; behaviour_cloning takes any",
            )
        self.settings, self.network, self.data = settings, network, data
        self.target = copy.deepcopy(network)
        self.optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        self.updates = 0

    def update(self, rows: npt.NDArray[np.int64]) -> float:
        """One step of the optimiser; returns the loss before it."""
        settings = self.settings
        batch = self._batch(rows)
        loss = conservative_loss(self.network, self.target, batch, settings.gamma, settings.alpha)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.updates += 1
        if self.updates % settings.target_interval == 0:
            self.target.load_state_dict(self.network.state_dict())
        return float(loss.detach())

    def _batch(self, rows: npt.NDArray[np.int64]) -> Batch:
        data = self.data
        masks, following = data.masks, data.next_masks
        return {
            "observations": torch.from_numpy(data.observations[rows]),
            "next_observations": torch.from_numpy(data.next_observations[rows]),
            "actions": torch.from_numpy(data.actions[rows])[:, None],
            "rewards": torch.from_numpy(
                data.rewards[rows] * np.float32(self.settings.reward_scale)
            ),
            "terminated": torch.from_numpy(data.terminated[rows]),
            "masks": None if masks is None else torch.from_numpy(masks[rows]),
            "next_masks": None if following is None else torch.from_numpy(following[rows]),
        }
