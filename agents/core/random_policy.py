"""The policy that every score is measured from: uniform over the valid actions."""

from __future__ import annotations

from collections.abc import Sequence

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
    number of environments.

    Parameters
    ----------
    num_actions : int, optional
        Number of actions, for environments that give neither masks nor, in their problem views,
        the `action_sizes` of several choices.
    """

    name = "random"

    def __init__(self, num_actions: int | None = None) -> None:
        self.num_actions = num_actions
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Seed one generator an environment."""
        self._generators = [np.random.default_rng([seed, i]) for i in range(num_envs)]
        self._cursor = _BLOCK

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Draw one valid action for each environment."""
        sizes = getattr(problems[0], "action_sizes", ()) if masks is None and problems else ()
        if sizes:
            columns = [(self._draw() * size).astype(np.int64) for size in sizes]
            return np.stack(columns, axis=1) if len(sizes) > 1 else columns[0]
        uniform = self._draw()
        if masks is None:
            if self.num_actions is None:
                raise InvalidValueError("masks", None, "a mask, or a policy made with num_actions")
            return (uniform * self.num_actions).astype(np.int64)
        counts = masks.sum(axis=1)
        if not counts.all():
            raise InvalidValueError("masks", "no valid action", "at least one valid action a row")
        nth = (uniform * counts).astype(np.int64)
        if len(masks) == 1:
            return np.asarray(np.flatnonzero(masks[0])[nth], dtype=np.int64)
        reached = masks.cumsum(axis=1) > nth[:, None]
        return np.asarray(reached.argmax(axis=1), dtype=np.int64)

    def _draw(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        if self._cursor == _BLOCK:
            self._block = np.stack([generator.random(_BLOCK) for generator in self._generators])
            self._cursor = 0
        self._cursor += 1
        return self._block[:, self._cursor - 1]
