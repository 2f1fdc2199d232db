"""State of N environments of one scenario, as rows of plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.generator import Instance, InstanceGenerator
from chipgym.envs.soc_scheduling.observation import build_layout
from chipgym.envs.soc_scheduling.reward import TERMS, cost_scales, term_weights
from chipgym.envs.soc_scheduling.stepping import FORMS, step_batch
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.kernel import initialise
from chipgym.simulators.soc.layout import new_state

__all__ = ["SocBatch"]


class SocBatch:
    """Rows of states, all of one scenario and one form of action.

    Parameters
    ----------
    generator : InstanceGenerator
    form : {"scheduling", "mapping", "ordering"}
    objective : str
    num_envs : int

    Attributes
    ----------
    layout : ObservationLayout
    num_slots, num_pes, num_actions : int
    obs, masks, rewards, terms, done : arrays
        Results of the last call for every row; overwritten by the next one.
    """

    def __init__(
        self, generator: InstanceGenerator, form: str, objective: str, num_envs: int
    ) -> None:
        self.generator = generator
        self.form = FORMS[form]
        self.weights = term_weights(objective)
        scenario = generator.scenario
        platform = generator.platform
        self.num_envs = num_envs
        self.num_pes = platform.num_pes
        self.num_slots = 1 if form == "mapping" else scenario.num_slots
        self.opps = [len(c.operating_points) for c in platform.clusters]
        self.dvfs = int(scenario.explicit_dvfs and form == "scheduling")
        self.num_actions = self._count_actions(form)
        self.layout = build_layout(self.num_slots, self.num_pes)
        self.instances: list[Instance | None] = [None] * num_envs
        self.shared = bool(generator.applications)

        jobs = scenario.num_jobs
        slots = min(scenario.options.max_in_flight, jobs)
        si, sf = new_state(slots, generator.max_tasks, self.num_pes, len(platform.clusters))
        self._fresh = si, sf
        rows = jobs * generator.max_tasks
        self.si = np.tile(si, (num_envs, 1))
        self.sf = np.tile(sf, (num_envs, 1))
        self.ki = np.zeros((1, 0), dtype=np.int64)
        self.kf = np.zeros((1, 0))
        self._stored: npt.NDArray[np.int64] | None = None
        self.static_row = np.zeros(num_envs, dtype=np.int64)
        if not self.shared:
            self.static_row = np.arange(num_envs)
        self.totals = np.full(num_envs, jobs, dtype=np.int64)
        self.apps = np.zeros((num_envs, jobs), dtype=np.int64)
        self.gaps = np.zeros((num_envs, jobs))
        self.jobs = np.full((num_envs, jobs, 2), np.nan)
        self.trace_i = np.zeros((num_envs, rows, 4), dtype=np.int64)
        self.trace_f = np.zeros((num_envs, rows, 5))
        self.cost_scale = np.ones((num_envs, len(TERMS)))
        self.obs = np.zeros((num_envs, self.layout.size), dtype=np.float32)
        self.masks: npt.NDArray[np.bool_] = np.zeros((num_envs, self.num_actions), dtype=np.bool_)
        self.rewards = np.zeros(num_envs)
        self.terms = np.zeros((num_envs, len(TERMS)))
        self.done = np.zeros(num_envs, dtype=np.bool_)

    def _count_actions(self, form: str) -> int:
        if form == "mapping":
            return self.num_pes
        if form == "ordering":
            return self.num_slots
        points = sum(n for n in self.opps if n > 1) if self.dvfs else 0
        return self.num_slots * self.num_pes + 1 + points

    def _store_static(self, row: int, ki: npt.NDArray[Any], kf: npt.NDArray[Any]) -> None:
        rows = 1 if self.shared else self.num_envs
        for name, values in (("ki", ki), ("kf", kf)):
            buffer = getattr(self, name)
            if buffer.shape[0] != rows or buffer.shape[1] < len(values):
                wider = np.zeros((rows, len(values)), dtype=values.dtype)
                wider[: buffer.shape[0], : buffer.shape[1]] = buffer
                buffer = wider
                setattr(self, name, buffer)
            buffer[row, : len(values)] = values

    def load(self, row: int, instance: Instance) -> None:
        """Put a fresh instance into a row; `begin` brings it to its first decision."""
        if len(instance.workload) > self.apps.shape[1]:
            raise InvalidValueError(
                "instance", len(instance.workload), f"<= {self.apps.shape[1]} jobs"
            )
        self.instances[row] = instance
        if self._stored is not instance.ki:
            self._store_static(int(self.static_row[row]), instance.ki, instance.kf)
            self._stored = instance.ki if self.shared else None
        jobs = len(instance.workload)
        self.totals[row] = jobs
        self.apps[row, :jobs] = instance.workload.app_index
        self.gaps[row, :jobs] = instance.workload.gap_us
        self.jobs[row] = np.nan
        self.si[row], self.sf[row] = self._fresh
        self.cost_scale[row] = cost_scales(instance)
        initialise(instance.ki, instance.kf, self.si[row], self.sf[row], instance.workload.key)

    def begin(self, active: npt.NDArray[np.bool_]) -> None:
        """Run the active rows to their first decision."""
        self._run(True, active, np.zeros(self.num_envs, dtype=np.int64))
        self.done[active] = False

    def step(self, active: npt.NDArray[np.bool_], actions: npt.NDArray[np.int64]) -> None:
        """Take one decision in every active row.

        Raises
        ------
        InvalidValueError
            An action is out of range or masked; no row has been changed.
        """
        bad = self._run(False, active, actions)
        if bad >= 0:
            allowed = np.flatnonzero(self.masks[bad])
            shown = ", ".join(map(str, allowed[:12])) + (", …" if len(allowed) > 12 else "")
            place = f"action[{bad}]" if self.num_envs > 1 else "action"
            raise InvalidValueError(place, int(actions[bad]), f"the unmasked actions {shown}")

    def _run(
        self, fresh: bool, active: npt.NDArray[np.bool_], actions: npt.NDArray[np.int64]
    ) -> int:
        return step_batch(
            fresh,
            self.form,
            self.dvfs,
            self.num_slots,
            self.generator.time_scale_us,
            self.weights,
            active,
            actions,
            self.totals,
            self.cost_scale,
            self.static_row,
            self.ki,
            self.kf,
            self.si,
            self.sf,
            self.apps,
            self.gaps,
            self.jobs,
            self.trace_i,
            self.trace_f,
            self.obs,
            self.masks,
            self.rewards,
            self.terms,
            self.done,
        )

    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays that make up the state of the rows."""
        return (
            "ki",
            "kf",
            "si",
            "sf",
            "totals",
            "apps",
            "gaps",
            "jobs",
            "trace_i",
            "trace_f",
            "cost_scale",
            "obs",
            "masks",
            "rewards",
            "terms",
            "done",
        )

    def get_state(self) -> dict[str, Any]:
        """Copy everything that changes."""
        arrays = {name: getattr(self, name).copy() for name in self.array_names()}
        return {"arrays": arrays, "instances": list(self.instances)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` copied."""
        for name, array in state["arrays"].items():
            setattr(self, name, array.copy())
        self.instances = list(state["instances"])
        self._stored = None
