"""Native vector environments: all rows in one kernel call, bit for bit equal to the scalar ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.rows import check_rows, chosen_rows, seed_rows
from chipgym.envs.core.spaces import LegalMultiDiscrete
from chipgym.envs.soc_scheduling.batch import SocBatch
from chipgym.envs.soc_scheduling.env import (
    SocSchedulingEnv,
    SocTaskMappingEnv,
    SocTaskOrderingEnv,
    check_task,
    draw_instance,
)
from chipgym.envs.soc_scheduling.generator import InstanceGenerator
from chipgym.envs.soc_scheduling.metrics import episode_metrics, episode_schedule
from chipgym.envs.soc_scheduling.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.soc_scheduling.problem import SocProblem, view_problem
from chipgym.envs.soc_scheduling.reward import PRIMARY_METRICS, TERMS
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.layout import F_NOW, S_COMPLETED

__all__ = ["SocSchedulingVectorEnv", "SocTaskMappingVectorEnv", "SocTaskOrderingVectorEnv"]

Floats32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Infos = dict[str, Any]


class SocSchedulingVectorEnv(VectorEnv[Any, Any, Any]):
    """N environments of `SocSchedulingEnv` in one kernel call.

    Parameters
    ----------
    num_envs : int
    autoreset_mode : AutoresetMode or str
        ``"NextStep"`` (Gymnasium's default), ``"SameStep"`` or ``"Disabled"``.
    scenario, split, objective, num_jobs, platform, applications
        As in `SocSchedulingEnv`.

    Notes
    -----
    Row i seeded with ``seed + i`` goes through the same bits as a scalar environment reset with
    that seed. Under ``NextStep`` the step after an episode's end resets the row and ignores its
    action.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}
    scalar: ClassVar[type[SocSchedulingEnv]] = SocSchedulingEnv

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        num_jobs: int | None = None,
        platform: Any = None,
        applications: Any = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        chosen, objective = check_task(scenario, split, objective)
        self.num_envs, self.autoreset_mode = check_rows(num_envs, autoreset_mode, render_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        self.generator = InstanceGenerator(chosen, num_jobs, platform, applications)
        self.scenario = self.generator.scenario
        self.split = split
        self.objective = objective
        self.primary_metric = PRIMARY_METRICS[objective]
        self._batch = SocBatch(self.generator, self.scalar.form, objective, self.num_envs)
        self._terms = [(i, key) for i, key in enumerate(TERMS) if self._batch.weights[i]]
        template = self.scalar(chosen, split, objective, num_jobs, platform, applications)
        self.single_observation_space = template.observation_space
        self.single_action_space = template.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = LegalMultiDiscrete([self._batch.num_actions] * self.num_envs)
        self.action_space.legal = self._batch.masks
        self._generators: list[np.random.Generator] = []
        self._ended = np.ones(self.num_envs, dtype=np.bool_)

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of one observation."""
        return self._batch.layout

    @property
    def problems(self) -> list[SocProblem]:
        """The present decision of each row (of an ended row: its last state)."""
        return [view_problem(self._batch, row) for row in range(self.num_envs)]

    @property
    def times_us(self) -> Floats:
        """Time of each row's present decision, shape (N,); of an ended row: of its end."""
        times: Floats = self._batch.sf[:, F_NOW].copy()
        return times

    def action_masks(self) -> Bools:
        """Legal actions, bool, shape (N, actions)."""
        return self._batch.masks.copy()

    def schedule(self, row: int) -> dict[str, list[Any]]:
        """Tasks executed in a row's episode so far, in completion order, as columns."""
        return episode_schedule(self._batch, row)

    def instance_id(self, row: int) -> str:
        """Name of a row's instance."""
        instance = self._batch.instances[row]
        return "" if instance is None else instance.name

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
        infos = self._begin(rows, options)
        return self._batch.obs.copy(), infos

    def step(self, actions: Any) -> tuple[Floats32, Floats, Bools, Bools, Infos]:
        """Take one decision in every row.

        Raises
        ------
        InvalidValueError
            An action is masked or out of range; no row has changed.
        """
        batch = self._batch
        chosen = np.asarray(actions)
        if chosen.shape != (self.num_envs,) or chosen.dtype.kind not in "iu":
            raise InvalidValueError("actions", chosen.shape, f"{self.num_envs} integers")
        ended = self._ended
        if self.autoreset_mode == AutoresetMode.DISABLED and ended.any():
            raise InvalidValueError("actions", "ended row", "reset ended rows before stepping them")
        active = ~ended
        batch.step(active, chosen.astype(np.int64))
        done = batch.done & active
        batch.rewards[ended] = 0.0
        infos = self._step_infos(active, done)
        rewards = batch.rewards.copy()
        terminated, truncated = self._ends(done)
        if self.autoreset_mode == AutoresetMode.SAME_STEP and done.any():
            infos = self._reset_same_step(done, infos)
        elif ended.any():
            for key, value in self._begin(ended, {}).items():
                self._merge(infos, key, value, ended)
        self._ended = done if self.autoreset_mode != AutoresetMode.SAME_STEP else ended & ~ended
        return batch.obs.copy(), rewards, terminated, truncated, infos

    def _begin(self, rows: Bools, options: dict[str, Any]) -> Infos:
        """Load fresh instances into some rows; return the infos of a scalar reset for them."""
        names = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(rows):
            instance = draw_instance(self.generator, self.split, self._generators[row], options)
            self._batch.load(int(row), instance)
            names[row] = instance.name
        self._batch.begin(rows)
        self._ended = self._ended & ~rows
        masks = np.where(rows[:, None], self._batch.masks, False)
        return {
            "action_mask": masks,
            "_action_mask": rows.copy(),
            "evaluations": np.zeros(self.num_envs, dtype=int),
            "_evaluations": rows.copy(),
            "instance": names,
            "_instance": rows.copy(),
        }

    def _step_infos(self, active: Bools, done: Bools) -> Infos:
        batch = self._batch
        if not active.any():
            return {}
        terms: Infos = {}
        for i, name in self._terms:
            terms[name] = np.where(active, batch.terms[:, i], 0.0)
            terms[f"_{name}"] = active.copy()
        infos: Infos = {
            "action_mask": np.where(active[:, None], batch.masks, False),
            "_action_mask": active.copy(),
            "evaluations": done.astype(int),
            "_evaluations": active.copy(),
            "reward_terms": terms,
            "_reward_terms": active.copy(),
        }
        for row in np.flatnonzero(done):
            infos = self._add_info(infos, {"metrics": episode_metrics(batch, int(row))}, int(row))
        return infos

    def _ends(self, done: Bools) -> tuple[Bools, Bools]:
        complete = self._batch.si[:, S_COMPLETED] == self._batch.totals
        return done & complete, done & ~complete

    def _reset_same_step(self, done: Bools, infos: Infos) -> Infos:
        """Move the ended rows' results to ``final_obs`` and ``final_info`` and start them anew."""
        final: Infos = {}
        for row in np.flatnonzero(done):
            info: Infos = {
                "action_mask": infos["action_mask"][row].copy(),
                "evaluations": int(infos["evaluations"][row]),
                "reward_terms": {n: float(infos["reward_terms"][n][row]) for _, n in self._terms},
                "metrics": {
                    key: value[row]
                    for key, value in infos["metrics"].items()
                    if not key.startswith("_")
                },
            }
            content = {"final_obs": self._batch.obs[row].copy(), "final_info": info}
            final = self._add_info(final, content, int(row))
        infos.pop("metrics")
        infos.pop("_metrics")
        for name in [n for _, n in self._terms]:
            infos["reward_terms"][name][done] = 0.0
            infos["reward_terms"][f"_{name}"][done] = False
        infos["_reward_terms"][done] = False
        if not infos["_reward_terms"].any():
            infos.pop("reward_terms")
            infos.pop("_reward_terms")
        for key, value in self._begin(done, {}).items():
            self._merge(infos, key, value, done)
        return infos | final

    @staticmethod
    def _merge(infos: Infos, key: str, value: Any, rows: Bools) -> None:
        """Put the given rows of `value` into ``infos[key]``."""
        if key not in infos:
            infos[key] = value
            return
        infos[key][rows] = value[rows]


class SocTaskMappingVectorEnv(SocSchedulingVectorEnv):
    """N environments of `SocTaskMappingEnv` in one kernel call."""

    scalar = SocTaskMappingEnv


class SocTaskOrderingVectorEnv(SocSchedulingVectorEnv):
    """N environments of `SocTaskOrderingEnv` in one kernel call."""

    scalar = SocTaskOrderingEnv
