"""Native vector environments: all designs simulated in parallel threads, equal to the scalar ones.

Simulations are nearly all of the cost and run without the interpreter's lock; the rest of a row is
a scalar environment, so the same bits come out of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.spaces import LegalMultiDiscrete
from chipgym.envs.dram_tuning.base import DramEnv, check_choice
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


class DramVectorEnv(VectorEnv[Any, Any, Any]):
    """N environments whose simulations run in parallel threads.

    Parameters
    ----------
    num_envs : int
    autoreset_mode : AutoresetMode or str
        ``"NextStep"`` (Gymnasium's default), ``"SameStep"`` or ``"Disabled"``.
    scenario, **kwargs
        As in the scalar environment.

    Notes
    -----
    Row i seeded with ``seed + i`` goes through the same bits as a scalar environment reset with
    that seed. Under ``NextStep`` the step after an episode's end resets the row and ignores its
    action.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}
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
        if render_mode is not None:
            raise InvalidValueError("render_mode", render_mode, "None: render a scalar environment")
        if not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise InvalidValueError("num_envs", num_envs, "an integer >= 1")
        name = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        check_choice("autoreset_mode", name, [mode.value for mode in AutoresetMode])
        self.num_envs = int(num_envs)
        self.autoreset_mode = AutoresetMode(name)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        first = self.scalar(scenario, **kwargs)
        more = {**kwargs, "workload": first.generator.trace}
        self._rows = [first, *(self.scalar(scenario, **more) for _ in range(self.num_envs - 1))]
        for row in self._rows:
            row.generator = first.generator
        self.generator = first.generator
        self.scenario = first.scenario
        self.split = first.split
        self.objective = first.objective
        self.primary_metric = first.primary_metric
        self.lower_is_better = first.lower_is_better
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._seen = first.observation_layout.empty(self.num_envs)
        self._ended = np.ones(self.num_envs, dtype=np.bool_)

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

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Floats32, Infos]:
        """Start an episode in every row, or in those of ``options["reset_mask"]``."""
        seeds = self._seeds(seed)
        options = dict(options or {})
        rows = options.pop("reset_mask", None)
        rows = np.ones(self.num_envs, dtype=np.bool_) if rows is None else self._check_rows(rows)
        infos: Infos = {}
        for row, info in self._begin(rows, seeds, options).items():
            infos = self._add_info(infos, info, row)
        return self._seen.copy(), infos

    def step(self, actions: Any) -> tuple[Floats32, Floats, Bools, Bools, Infos]:
        """Evaluate one design in every row.

        Raises
        ------
        InvalidValueError
            An action is masked or out of range; no row has changed.
        """
        chosen = self._check_actions(actions)
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            raise InvalidValueError("actions", "ended row", "reset ended rows before stepping them")
        ended = self._ended.copy()
        outcomes = self._evaluate(chosen, ~ended)
        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        own: dict[int, Infos] = {}
        for row, outcome in outcomes.items():
            result = self._rows[row].settle(outcome)
            self._seen[row], rewards[row], terminated[row], truncated[row], own[row] = result
        done = terminated | truncated
        self._ended = done
        infos: Infos = {}
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            final = {row: self._seen[row].copy() for row in np.flatnonzero(done).tolist()}
            fresh = self._begin(done, [None] * self.num_envs, {})
            for row in range(self.num_envs):
                if row in fresh:
                    content = {"final_obs": final[row], "final_info": own[row]}
                    infos = self._add_info(infos, content, row)
                infos = self._add_info(infos, fresh.get(row, own[row]), row)
        else:
            own |= self._begin(ended, [None] * self.num_envs, {})
            for row in range(self.num_envs):
                infos = self._add_info(infos, own[row], row)
        return self._seen.copy(), rewards, terminated, truncated, infos

    def _check_actions(self, actions: Any) -> npt.NDArray[Any]:
        chosen = np.asarray(actions)
        shape = self.action_space.shape
        if chosen.shape != shape or chosen.dtype.kind not in "iu":
            raise InvalidValueError("actions", chosen.shape, f"integers of shape {shape}")
        return chosen

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

    def _begin(
        self, rows: Bools, seeds: Sequence[int | None], options: Mapping[str, Any]
    ) -> dict[int, Infos]:
        """Start episodes in some rows; return the infos of their scalar resets."""
        chosen = np.flatnonzero(rows).tolist()
        instances = [self._rows[row].draw(seeds[row], options) for row in chosen]
        self.generator.complete(instances)
        infos = {}
        for row, instance in zip(chosen, instances, strict=True):
            self._seen[row], infos[row] = self._rows[row].begin(instance)
        self._ended = self._ended & ~rows
        return infos

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + row for row in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise InvalidValueError("seed", len(seed), f"{self.num_envs} seeds, one a row")
        return list(seed)

    def _check_rows(self, rows: Any) -> Bools:
        if getattr(rows, "shape", None) != (self.num_envs,) or rows.dtype != np.bool_:
            raise InvalidValueError("reset_mask", rows, f"a bool array of shape ({self.num_envs},)")
        if not rows.any():
            raise InvalidValueError("reset_mask", rows, "at least one True")
        return np.asarray(rows)


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
        self.action_space = LegalMultiDiscrete([len(self.generator.design_space.edits)] * num_envs)

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
        """Take one edit in every row; see `DramVectorEnv.step`."""
        result = super().step(actions)
        self.action_space.legal = self.action_masks()
        return result
