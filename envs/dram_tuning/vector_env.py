"""Native vector environments: all designs simulated in parallel threads, equal to the scalar ones.

Simulations are nearly all of the cost and run without the interpreter's lock; the rest of a row is
a scalar environment, so the same bits come out of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.rows_vector_env import RowsVectorEnv
from chipgym.envs.core.spaces import LegalMultiDiscrete
from chipgym.envs.dram_tuning.base import DramEnv
from chipgym.envs.dram_tuning.env import DramDesignEnv, DramTuningEnv
from chipgym.envs.dram_tuning.evaluation import Outcome
from chipgym.envs.dram_tuning.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.dram_tuning.problem import DramProblem
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DramDesignVectorEnv", "DramTuningVectorEnv", "DramVectorEnv"]

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Infos = dict[str, Any]


class DramVectorEnv(RowsVectorEnv):
    """N environments whose simulations run in parallel threads.

    Parameters
    ----------
    num_envs : int
    scenario, **kwargs
        As in the scalar environment.
    autoreset_mode : AutoresetMode or str
        ``"NextStep"`` (Gymnasium's default), ``"SameStep"`` or ``"Disabled"``.
    """

    scalar: ClassVar[type[DramEnv]]

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
        more = {**kwargs, "workload": first.generator.trace}
        self._rows = [first, *(self.scalar(scenario, **more) for _ in range(self.num_envs - 1))]
        for row in self._rows:
            row.generator = first.generator
        self._infos: list[Infos] = [{} for _ in self._rows]
        self.generator = first.generator
        self.scenario = first.scenario
        self.split = first.split
        self.objective = first.objective
        self.primary_metric = first.primary_metric
        self.lower_is_better = first.lower_is_better

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of one observation."""
        return self._rows[0].observation_layout

    @property
    def problems(self) -> list[DramProblem]:
        """The problem of each row (of an ended row: as it ended)."""
        return [row.view() for row in self._rows]

    def instance_id(self, row: int) -> str:
        """Name of a row's instance."""
        return self._rows[row].instance_id

    def _begin(self, rows: Bools, options: dict[str, Any]) -> None:
        chosen = np.flatnonzero(rows).tolist()
        for row in chosen:
            self._rows[row].np_random = self._generators[row]
        instances = [self._rows[row].draw(None, options) for row in chosen]
        self.generator.complete(instances)
        for row, instance in zip(chosen, instances, strict=True):
            self._obs[row], self._infos[row] = self._rows[row].begin(instance)

    def _advance(self, active: Bools, actions: npt.NDArray[Any]) -> None:
        for row, outcome in self._evaluate(actions, active).items():
            result = self._rows[row].settle(outcome)
            self._obs[row], self._rewards[row] = result[:2]
            self._terminated[row], self._truncated[row], self._infos[row] = result[2:]

    def _evaluate(self, actions: npt.NDArray[Any], active: Bools) -> dict[int, Outcome]:
        """Plan all rows, then evaluate what is not known in one batch."""
        plans = {}
        for row in np.flatnonzero(active).tolist():
            try:
                plans[row] = self._rows[row].plan(actions[row])
            except InvalidValueError as error:
                place = f"actions[{row}]"
                raise InvalidValueError(place, error.value, error.allowed) from error
        unknown = [row for row, (_, known) in plans.items() if known is None]
        first = self._rows[0]
        tasks = [(self._rows[row].instance, plans[row][0]) for row in unknown]
        found = first.evaluate(first.design_space, first.objective_entry, tasks)
        fresh = dict(zip(unknown, found, strict=True))
        return {row: known or fresh[row] for row, (_, known) in plans.items()}

    def _start_info(self, row: int) -> Infos:
        return self._infos[row]

    def _step_info(self, row: int) -> Infos:
        return self._infos[row]


class DramDesignVectorEnv(DramVectorEnv):
    """N environments of `DramDesignEnv` whose simulations run in parallel threads."""

    scalar = DramDesignEnv


class DramTuningVectorEnv(DramVectorEnv):
    """N environments of `DramTuningEnv` whose simulations run in parallel threads."""

    scalar = DramTuningEnv
    _rows: list[DramTuningEnv]  # type: ignore[assignment]
    action_space: LegalMultiDiscrete

    def __init__(
        self, num_envs: int = 1, scenario: str | Scenario = DEFAULT_SCENARIO, **kwargs: Any
    ) -> None:
        super().__init__(num_envs, scenario, **kwargs)
        lengths = [len(self.generator.design_space.edits)] * self.num_envs
        self.action_space = LegalMultiDiscrete(lengths)

    def action_masks(self) -> Bools:
        """Legal edits, bool, shape (N, edits)."""
        return np.stack([row.action_masks() for row in self._rows])

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
        """Take one edit in every row; see `RowsVectorEnv.step`."""
        result = super().step(actions)
        self.action_space.legal = self.action_masks()
        return result
