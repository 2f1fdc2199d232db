"""The policy that every score is measured from: uniform over the valid actions."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["RandomPolicy"]

# Random numbers are drawn ahead in blocks: one call to the generator costs as much as the choice.
_BLOCK = 512


class RandomPolicy:
    """Chooses uniformly among the valid actions.

    Environment i owns a generator seeded with ``(seed, i)``, so what it does is independent of the
    number of environments. What is valid is known from, in this order: the masks; the problem
    views' `action_sizes`; the action space, of which it draws samples as the space itself does
    (designs that are feasible, numbers within bounds); the number of actions.

    Parameters
    ----------
    num_actions : int, optional
        Number of actions, for environments that show nothing of the above.
    action_space : gymnasium.Space, optional
        Action space of one environment. `plan`, which the harness calls, reads it from there.
    """

    name = "random"

    def __init__(self, num_actions: int | None = None, action_space: Any = None) -> None:
        self.num_actions = num_actions
        self.action_space = action_space
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Seed one generator an environment."""
        self._generators = [np.random.default_rng([seed, i]) for i in range(num_envs)]
        self._cursor = _BLOCK
        self._seed = seed
        self._spaces: list[Any] = []

    def plan(self, env: Any, instance: int) -> None:
        """Take the action space of the environment in which the next episode is played."""
        self.action_space = env.action_space
        self._spaces = []

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Draw one valid action for each environment.

        Raises
        ------
        InvalidValueError
            A row of the masks has no valid action, or nothing tells what the actions are.
        """
        sizes = _choices(self.action_space, masks, problems)
        if masks is not None:
            if len(sizes) < 2:
                return self._among(masks)
            parts = np.split(masks, np.cumsum(sizes)[:-1], axis=1)
            return np.stack([self._among(part) for part in parts], axis=1)
        if sizes:
            columns = [(self._draw() * size).astype(np.int64) for size in sizes]
            return np.stack(columns, axis=1) if len(sizes) > 1 else columns[0]
        if self.action_space is not None:
            return self._samples()
        if self.num_actions is None:
            allowed = "a mask, or a policy made with num_actions or action_space"
            raise InvalidValueError("masks", None, allowed)
        return (self._draw() * self.num_actions).astype(np.int64)

    def _among(self, masks: Masks) -> Actions:
        """Draw one of the valid actions of each row."""
        counts = masks.sum(axis=1)
        if not counts.all():
            raise InvalidValueError("masks", "no valid action", "at least one valid action a row")
        nth = (self._draw() * counts).astype(np.int64)
        if len(masks) == 1:
            return np.asarray(np.flatnonzero(masks[0])[nth], dtype=np.int64)
        reached = masks.cumsum(axis=1) > nth[:, None]
        return np.asarray(reached.argmax(axis=1), dtype=np.int64)

    def _samples(self) -> Actions:
        """Draw from the action space, one copy of it an environment."""
        if not self._spaces:
            for i in range(len(self._generators)):
                space = copy.deepcopy(self.action_space)
                space.seed(int(np.random.SeedSequence([self._seed, i]).generate_state(1)[0]))
                self._spaces.append(space)
        return np.stack([np.asarray(space.sample()) for space in self._spaces])

    def _draw(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        if self._cursor == _BLOCK:
            self._block = np.stack([generator.random(_BLOCK) for generator in self._generators])
            self._cursor = 0
        self._cursor += 1
        return self._block[:, self._cursor - 1]


def _choices(
    space: Any, masks: Masks | None, problems: Sequence[ProblemView] | None
) -> tuple[int, ...]:
    """Return the number of options of each choice that an action makes, () where unknown."""
    if masks is None:
        return tuple(getattr(problems[0], "action_sizes", ())) if problems else ()
    sizes = tuple(int(size) for size in np.ravel(getattr(space, "nvec", ())))
    return sizes if sum(sizes) == masks.shape[1] else ()
