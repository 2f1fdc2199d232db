"""What native vector environments share: seeds, autoreset, and infos."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from chipgym.envs.core.rows import check_rows, chosen_rows, seed_rows
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["RowsVectorEnv"]

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Infos = dict[str, Any]


class RowsVectorEnv(VectorEnv[Any, Any, Any]):
    """N environments stepped together; subclasses say how rows begin and go on.

    Row i seeded with ``seed + i`` goes through the same bits as a scalar environment reset with
    that seed. Under ``NextStep`` the step after an episode's end resets the row and ignores its
    action.

    Parameters
    ----------
    num_envs : int
    autoreset_mode : AutoresetMode or str
        ``"NextStep"`` (Gymnasium's default), ``"SameStep"`` or ``"Disabled"``.
    render_mode : None
        Only scalar environments are rendered.
    observation_space, action_space : Space
        Of one environment.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}

    def __init__(
        self,
        num_envs: int,
        autoreset_mode: AutoresetMode | str,
        render_mode: str | None,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
    ) -> None:
        self.num_envs, self.autoreset_mode = check_rows(num_envs, autoreset_mode, render_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        self.single_observation_space = observation_space
        self.single_action_space = action_space
        self.observation_space = batch_space(observation_space, self.num_envs)
        self.action_space = batch_space(action_space, self.num_envs)
        shape = observation_space.shape or ()
        self._obs = np.zeros((self.num_envs, *shape), dtype=np.float32)
        self._rewards = np.zeros(self.num_envs)
        self._terminated = np.zeros(self.num_envs, dtype=np.bool_)
        self._truncated = np.zeros(self.num_envs, dtype=np.bool_)
        self._ended = np.ones(self.num_envs, dtype=np.bool_)
        self._generators: list[np.random.Generator] = []

    @abstractmethod
    def _begin(self, rows: Bools, options: dict[str, Any]) -> None:
        """Start an episode in some rows, and write their observations."""

    @abstractmethod
    def _advance(self, active: Bools, actions: npt.NDArray[Any]) -> None:
        """Step the active rows: write observations, rewards and ends. Illegal actions raise."""

    @abstractmethod
    def _start_info(self, row: int) -> Infos:
        """Return the info of the scalar environment's reset."""

    @abstractmethod
    def _step_info(self, row: int) -> Infos:
        """Return the info of the scalar environment's last step."""

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Floats32, Infos]:
        """Start an episode in every row, or in those of ``options["reset_mask"]``."""
        options = dict(options or {})
        rows = chosen_rows(options.pop("reset_mask", None), self.num_envs)
        seed_rows(self._generators, seed, rows)
        infos = self._restart(rows, options, {})
        return self._obs.copy(), infos

    def step(self, actions: Any) -> tuple[Floats32, Floats, Bools, Bools, Infos]:
        """Take one step in every row.

        Raises
        ------
        InvalidValueError
            An action is illegal or out of range; no row has changed.
        """
        chosen = np.asarray(actions)
        shape = (self.num_envs, *(self.single_action_space.shape or ()))
        if chosen.shape != shape or chosen.dtype.kind not in "iu":
            raise InvalidValueError("actions", chosen.shape, f"integers of shape {shape}")
        ended = self._ended
        if self.autoreset_mode == AutoresetMode.DISABLED and ended.any():
            raise InvalidValueError("actions", "ended row", "reset ended rows before stepping them")
        active = ~ended
        self._rewards[:] = 0.0
        self._terminated[:] = False
        self._truncated[:] = False
        if active.any():
            self._advance(active, chosen)
        rewards, terminated = self._rewards.copy(), self._terminated.copy()
        truncated = self._truncated.copy()
        done = terminated | truncated
        if self.autoreset_mode == AutoresetMode.SAME_STEP and done.any():
            infos = self._reset_same_step(done)
        else:
            infos = self._step_infos(active)
            self._ended = done
            if ended.any():
                infos = self._restart(ended, {}, infos)
        return self._obs.copy(), rewards, terminated, truncated, infos

    def _step_infos(self, rows: Bools) -> Infos:
        infos: Infos = {}
        for row in np.flatnonzero(rows):
            infos = self._add_info(infos, self._step_info(int(row)), int(row))
        return infos

    def _restart(self, rows: Bools, options: dict[str, Any], infos: Infos) -> Infos:
        """Begin anew in some rows and add their infos."""
        self._begin(rows, options)
        self._ended = self._ended & ~rows
        for row in np.flatnonzero(rows):
            infos = self._add_info(infos, self._start_info(int(row)), int(row))
        return infos

    def _reset_same_step(self, done: Bools) -> Infos:
        """Keep the ended rows' results as ``final_obs`` and ``final_info`` and start them anew."""
        infos: Infos = {}
        for row in np.flatnonzero(done):
            final = {"final_obs": self._obs[row].copy(), "final_info": self._step_info(int(row))}
            infos = self._add_info(infos, final, int(row))
        for row in np.flatnonzero(~done):
            infos = self._add_info(infos, self._step_info(int(row)), int(row))
        infos = self._restart(done, {}, infos)
        self._ended = np.zeros(self.num_envs, dtype=np.bool_)
        return infos
