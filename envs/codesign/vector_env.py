"""Native vector environments: the designs of all rows are costed in parallel threads.

The rest of a row is a scalar environment, so the same bits come out of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from chipgym.envs.codesign.base import CoDesignBase
from chipgym.envs.codesign.env import CoDesignEnv, CoDesignOneShotEnv
from chipgym.envs.codesign.evaluation import evaluate_batch
from chipgym.envs.codesign.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.codesign.problem import CoDesignProblem
from chipgym.envs.codesign.refine_env import CoDesignRefineEnv
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.rows_vector_env import RowsVectorEnv
from chipgym.envs.core.spaces import LegalMultiDiscrete
from chipgym.simulators.core.errors import InvalidValueError

__all__ = [
    "CoDesignOneShotVectorEnv",
    "CoDesignRefineVectorEnv",
    "CoDesignRowsEnv",
    "CoDesignVectorEnv",
]

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Infos = dict[str, Any]


class CoDesignRowsEnv(RowsVectorEnv):
    """N environments whose designs are costed together.

    Parameters
    ----------
    num_envs : int
    scenario, **kwargs
        As in the scalar environment.
    autoreset_mode : AutoresetMode or str
        ``"NextStep"`` (Gymnasium's default), ``"SameStep"`` or ``"Disabled"``.
    """

    scalar: ClassVar[type[CoDesignBase]]

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        first = self.scalar(scenario, **kwargs)
        spaces = (first.observation_space, first.action_space)
        super().__init__(num_envs, autoreset_mode, render_mode, *spaces)
        self._rows = [first, *(self.scalar(scenario, **kwargs) for _ in range(self.num_envs - 1))]
        for row in self._rows:
            # One cache of trainings for all.
            row.provider = first.provider
        self._infos: list[Infos] = [{} for _ in self._rows]
        self.scenario = first.scenario
        self.split = first.split
        self.primary_metric = first.primary_metric
        self.lower_is_better = first.lower_is_better

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of one observation."""
        return self._rows[0].observation_layout

    @property
    def problems(self) -> list[CoDesignProblem]:
        """The problem of each row (of an ended row: as it ended)."""
        return [row.view() for row in self._rows]

    def instance_id(self, row: int) -> str:
        """Name of a row's instance."""
        return self._rows[row].instance_id

    def _begin(self, rows: Bools, options: dict[str, Any]) -> None:
        for row in np.flatnonzero(rows).tolist():
            self._rows[row].np_random = self._generators[row]
            self._obs[row], self._infos[row] = self._rows[row].reset(options=options)

    def _advance(self, active: Bools, actions: npt.NDArray[Any]) -> None:
        designs = {}
        chosen = np.flatnonzero(active).tolist()
        for row in chosen:
            try:
                design = self._rows[row].plan(actions[row])
            except InvalidValueError as error:
                place = f"actions[{row}]"
                raise InvalidValueError(place, error.value, error.allowed) from error
            if design is not None:
                designs[row] = design
        tasks = [(self._rows[row].instance, design) for row, design in designs.items()]
        found = evaluate_batch(self._rows[0].designs, tasks) if tasks else []
        outcomes = dict(zip(designs, found, strict=True))
        for row in chosen:
            result = self._rows[row].settle(actions[row], outcomes.get(row))
            self._obs[row], self._rewards[row] = result[:2]
            self._terminated[row], self._truncated[row], self._infos[row] = result[2:]

    def _start_info(self, row: int) -> Infos:
        return self._infos[row]

    def _step_info(self, row: int) -> Infos:
        return self._infos[row]


class CoDesignOneShotVectorEnv(CoDesignRowsEnv):
    """N environments of `CoDesignOneShotEnv` whose designs are costed together."""

    scalar = CoDesignOneShotEnv


class _MaskedRowsEnv(CoDesignRowsEnv):
    """N environments with masks."""

    action_space: LegalMultiDiscrete

    def __init__(
        self, num_envs: int = 1, scenario: str | Scenario = DEFAULT_SCENARIO, **kwargs: Any
    ) -> None:
        super().__init__(num_envs, scenario, **kwargs)
        count = self.single_action_space.n  # type: ignore[attr-defined]
        self.action_space = LegalMultiDiscrete([int(count)] * self.num_envs)

    def action_masks(self) -> Bools:
        """Legal actions, bool, shape (N, n)."""
        rows: Sequence[Any] = self._rows
        return np.stack([row.action_masks() for row in rows])

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Floats32, Infos]:
        """Start an episode in every row, or in those of ``options["reset_mask"]``."""
        result = super().reset(seed=seed, options=options)
        self.action_space.legal = self.action_masks()
        return result

    def step(self, actions: Any) -> tuple[Floats32, Floats, Bools, Bools, Infos]:
        """Take one step in every row; see `RowsVectorEnv.step`."""
        result = super().step(actions)
        self.action_space.legal = self.action_masks()
        return result


class CoDesignVectorEnv(_MaskedRowsEnv):
    """N environments of `CoDesignEnv` whose designs are costed together."""

    scalar = CoDesignEnv


class CoDesignRefineVectorEnv(_MaskedRowsEnv):
    """N environments of `CoDesignRefineEnv` whose designs are costed together."""

    scalar = CoDesignRefineEnv
