"""What a dataset consists of: its head, and episodes as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pydantic import Field

from chipgym.agents.offline.data import Transitions
from chipgym.experiments.suite import TaskSpec
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DatasetHead", "Episode", "OfflineDataset"]


class DatasetHead(Description):
    """What is known of a dataset as a whole.

    Attributes
    ----------
    name : str
        Minari's id, such as ``chipgym/soc-scheduling/canonical-etf-v0``.
    task : dict
        The `TaskSpec` that was played; its instances are those of the episodes.
    env_spec : dict
        Gymnasium's EnvSpec.
    agents : tuple of str
        Who played.
    metric, lower_is_better, simulator_version : str, bool, str
        The primary metric, its direction, and the version of the results.
    reference_policy : str
        The method whose return is `ref_max_score`.
    ref_min_score, ref_max_score : float or None
        Mean return of the random policy and of the reference method on `reference_instances` of the
        recorded instances; None where they were not asked for. A normalised return is
        ``(return - ref_min_score) / (ref_max_score - ref_min_score)``, as Minari defines it.
    total_episodes, total_steps : int
    package_version, commit, command : str
        What made it.
    """

    format: Literal[1] = 1
    name: str
    task: dict[str, Any]
    env_spec: dict[str, Any]
    agents: tuple[str, ...]
    metric: str
    lower_is_better: bool
    simulator_version: str
    reference_policy: str
    ref_min_score: float | None = None
    ref_max_score: float | None = None
    reference_instances: Annotated[int, Field(ge=0)] = 0
    total_episodes: Annotated[int, Field(ge=0)]
    total_steps: Annotated[int, Field(ge=0)]
    package_version: str
    commit: str | None = None
    command: str = ""

    @property
    def task_spec(self) -> TaskSpec:
        """The task."""
        return TaskSpec.parse(self.task)


@dataclass(frozen=True, eq=False)
class Episode:
    """One recorded episode of T steps.

    Attributes
    ----------
    agent, seed : str, int
        Who played, and its seed.
    instance, instance_id : int, str
        What was played; of a train split the seed of the reset.
    observations : float32 array, shape (T + 1, ...)
        The last one is that after the last step.
    actions : int64 or float32 array, shape (T, ...)
    rewards : float64 array, shape (T,)
    terminations, truncations : bool array, shape (T,)
    masks : bool array, shape (T + 1, A), or None
        What was allowed.
    metrics : dict
        Metrics at the end, units in their names.
    evaluations : int
        Simulator evaluations of the episode.
    """

    agent: str
    seed: int
    instance: int
    instance_id: str
    observations: npt.NDArray[Any]
    actions: npt.NDArray[Any]
    rewards: npt.NDArray[np.float64]
    terminations: npt.NDArray[np.bool_]
    truncations: npt.NDArray[np.bool_]
    masks: npt.NDArray[np.bool_] | None
    metrics: dict[str, float | None] = field(default_factory=dict)
    evaluations: int = 0

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def episode_return(self) -> float:
        """Sum of the rewards, added one after the other, as the environment's records do."""
        return float(sum(self.rewards.tolist()))

    def equals(self, other: Episode) -> bool:
        """Whether two episodes are the same to the bit."""
        names = ("observations", "actions", "rewards", "terminations", "truncations")
        facts = ("agent", "seed", "instance", "instance_id", "metrics", "evaluations")
        if (self.masks is None) != (other.masks is None):
            return False
        masks = self.masks is None or np.array_equal(self.masks, np.asarray(other.masks))
        return (
            masks
            and all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)
            and all(getattr(self, n) == getattr(other, n) for n in facts)
        )


@dataclass(frozen=True, eq=False)
class OfflineDataset:
    """Episodes of one task.

    Attributes
    ----------
    head : DatasetHead
    episodes : tuple of Episode
    observation_space, action_space : gymnasium.Space
        Of one environment.
    """

    head: DatasetHead
    episodes: tuple[Episode, ...]
    observation_space: spaces.Box
    action_space: spaces.Space[Any]

    def transitions(self) -> Transitions:
        """All steps as flat arrays, for offline learners.

        Raises
        ------
        InvalidValueError
            There is no episode, or only some of them have masks.
        """
        if not self.episodes:
            raise InvalidValueError("episodes", 0, "at least one episode")
        masked = [episode.masks is not None for episode in self.episodes]
        if any(masked) != all(masked):
            raise InvalidValueError("masks", "of some episodes only", "masks of all or of none")
        kind = np.float32 if isinstance(self.action_space, spaces.Box) else np.int64
        flat = [e.observations.reshape(len(e) + 1, -1).astype(np.float32) for e in self.episodes]
        actions = np.concatenate([e.actions for e in self.episodes]).astype(kind)
        real = kind is np.float32
        return Transitions(
            observation_space=self.observation_space,
            action_space=self.action_space,
            observations=np.concatenate([part[:-1] for part in flat]),
            next_observations=np.concatenate([part[1:] for part in flat]),
            actions=actions.reshape(len(actions), -1) if real else actions,
            masks=self._masks(0) if all(masked) else None,
            next_masks=self._masks(1) if all(masked) else None,
            rewards=np.concatenate([e.rewards for e in self.episodes]).astype(np.float32),
            terminated=np.concatenate([e.terminations for e in self.episodes]),
            episodes=np.repeat(np.arange(len(self.episodes)), [len(e) for e in self.episodes]),
        )

    def _masks(self, first: int) -> npt.NDArray[np.bool_]:
        """Masks before (0) or after (1) each step."""
        parts = [np.asarray(e.masks)[first : first + len(e)] for e in self.episodes]
        return np.concatenate(parts).astype(np.bool_)


def check_spaces(env: gymnasium.Env[Any, Any]) -> tuple[spaces.Box, spaces.Space[Any]]:
    """Spaces of an environment whose episodes can be kept.

    Raises
    ------
    InvalidValueError
        Observations are no Box, or actions none of Discrete, MultiDiscrete and Box.
    """
    if not isinstance(env.observation_space, spaces.Box):
        raise InvalidValueError("observation_space", str(env.observation_space), "a Box")
    allowed = (spaces.Discrete, spaces.MultiDiscrete, spaces.Box)
    if not isinstance(env.action_space, allowed):
        names = "Discrete, MultiDiscrete or Box"
        raise InvalidValueError("action_space", str(env.action_space), names)
    return env.observation_space, env.action_space


def episode_rows(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """One row an episode, without its steps."""
    return [
        {
            "episode": number,
            "agent": episode.agent,
            "seed": episode.seed,
            "instance": episode.instance,
            "instance_id": episode.instance_id,
            "steps": len(episode),
            "episode_return": episode.episode_return,
            "evaluations": episode.evaluations,
            "metrics": episode.metrics,
        }
        for number, episode in enumerate(episodes)
    ]
