"""From a scenario to instances: platform, applications, workload, and the scales of the reward."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.presets import SCENARIOS, Scenario
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.arrivals import RoundRobin, generate_workload
from chipgym.simulators.soc.engine import Run, build_static
from chipgym.simulators.soc.layout import F_AREA, F_ENERGY, F_MAKESPAN
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.parametric import parametric_platform
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.random_dag import generate_dag
from chipgym.simulators.soc.scheduling import SCHEDULERS
from chipgym.simulators.soc.static import heft, optimistic_cost_table
from chipgym.simulators.soc.workload import Workload

__all__ = ["Instance", "InstanceGenerator", "build_platform", "find_scenario"]

NUM_TEST_INSTANCES = 100
# Tags that keep the seeds of the two splits apart whatever the caller's seed is.
TRAIN_TAG, TEST_TAG = 0x7261, 0x7465


@dataclass(frozen=True, eq=False)
class Instance:
    """One episode's problem, complete and replayable.

    Attributes
    ----------
    name : str
        Split and number or key.
    platform, applications, workload, options
        What `chipgym.simulators.soc.simulate.simulate` takes.
    ki, kf : arrays
        The same, lowered (`chipgym.simulators.soc.layout`).
    etf_latency_us, etf_makespan_us, etf_energy_j : float
        Total job latency, makespan and energy of earliest task first on
        this instance: the units of the reward.
    """

    name: str
    platform: Platform
    applications: tuple[Application, ...]
    workload: Workload
    options: SocOptions
    ki: npt.NDArray[np.int64]
    kf: npt.NDArray[np.float64]
    etf_latency_us: float
    etf_makespan_us: float
    etf_energy_j: float


def find_scenario(scenario: str | Scenario) -> Scenario:
    """Return a scenario by name, or the scenario itself.

    Raises
    ------
    UnknownNameError
        No such scenario; the nearest name is suggested.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        raise UnknownNameError("scenario", scenario, SCENARIOS, "chipgym/SocScheduling-v0")
    return SCENARIOS[scenario]


def build_platform(platform: str | os.PathLike[str] | Platform) -> Platform:
    """Return a platform by shipped name, by path of a JSON file, or by ``"parametric:a=1,b=2"``.

    The parameters are those of `chipgym.simulators.soc.parametric.parametric_platform`.
    """
    if isinstance(platform, Platform):
        return platform
    text = os.fspath(platform)
    if text.startswith("parametric:"):
        return parametric_platform(**_parameters(text))
    if text.endswith(".json"):
        return Platform.load(text)
    return Platform.named(text)


def _parameters(text: str) -> dict[str, Any]:
    """Read ``"parametric:a=1,b=2"``."""
    known = [name for name in signature(parametric_platform).parameters if name.startswith("num_")]
    parameters: dict[str, Any] = {}
    for part in text.removeprefix("parametric:").split(","):
        name, _, value = part.partition("=")
        if not value.isdigit():
            raise InvalidValueError("platform", text, "parametric:name=count,…")
        if name not in known:
            raise UnknownNameError("parameter", name, known, "a parametric platform")
        parameters[name] = int(value)
    return parameters


def _build_application(application: str | os.PathLike[str] | Application) -> Application:
    if isinstance(application, Application):
        return application
    text = os.fspath(application)
    return Application.load(text) if text.endswith(".json") else Application.named(text)


@lru_cache(maxsize=512)
def _plan(platform: Platform, application: Application) -> tuple[Any, Any, float]:
    """HEFT's PE of each task, the optimistic cost table, and HEFT's makespan in µs."""
    schedule = heft(platform, application)
    return schedule.pe, optimistic_cost_table(platform, application), schedule.makespan_us


class InstanceGenerator:
    """Draws the instances of a scenario.

    Parameters
    ----------
    scenario : Scenario
    num_jobs : int, optional
        Jobs of an episode, instead of the scenario's.
    platform : str, path or Platform, optional
        Instead of the scenario's.
    applications : sequence of str, path or Application, optional
        Instead of the scenario's; they arrive in turn.
    """

    def __init__(
        self,
        scenario: Scenario,
        num_jobs: int | None = None,
        platform: str | os.PathLike[str] | Platform | None = None,
        applications: Sequence[str | os.PathLike[str] | Application] | None = None,
    ) -> None:
        if num_jobs is not None:
            if not isinstance(num_jobs, int | np.integer) or not 1 <= num_jobs <= 100_000:
                raise InvalidValueError("num_jobs", num_jobs, "an integer >= 1 and <= 100000")
            scenario = replace(scenario, num_jobs=int(num_jobs))
        if applications is not None:
            if isinstance(applications, str) or not applications:
                raise InvalidValueError("applications", applications, "a list of applications")
            names = tuple(_build_application(a) for a in applications)
            scenario = replace(scenario, mix=RoundRobin(len(names)), random_dag=None)
        else:
            names = tuple(Application.named(name) for name in scenario.applications)
        self.scenario = scenario
        self.platform = build_platform(scenario.platform if platform is None else platform)
        self.applications = names
        self.time_scale_us = self._time_scale()
        # Fixed applications are lowered once; only random graphs differ from episode to episode.
        self._static = self._lower(self.applications) if self.applications else None

    def _time_scale(self) -> float:
        """Typical time of a job alone: the unit of the observation's times."""
        if self.applications:
            return float(np.mean([_plan(self.platform, a)[2] for a in self.applications]))
        graph = generate_dag(self._random_dag(), self.platform, np.random.default_rng(0))
        return float(_plan(self.platform, graph)[2])

    def _random_dag(self) -> Any:
        if self.scenario.random_dag is None:
            raise InvalidValueError("applications", (), "at least one application or random_dag")
        return self.scenario.random_dag

    @property
    def max_tasks(self) -> int:
        """Tasks of the largest application."""
        if not self.applications:
            return int(self._random_dag().num_tasks)
        return max(len(application.tasks) for application in self.applications)

    def sample(self, rng: np.random.Generator, gap_factor: float = 1.0) -> Instance:
        """Draw a training instance; `rng` gives its seed and nothing else.

        Parameters
        ----------
        rng : numpy.random.Generator
        gap_factor : float
            Factor on the gaps between arrivals, which are then rounded down to whole µs.
        """
        seed = int(rng.integers(2**63))
        name = f"train-{seed:016x}" + ("" if gap_factor == 1.0 else f"-x{gap_factor:g}")
        return self._build(np.random.default_rng([TRAIN_TAG, seed]), name, gap_factor)

    def test(self, index: int) -> Instance:
        """Return a test instance; the list is the same for everybody.

        Raises
        ------
        InvalidValueError
            The index is not one of the test instances.
        """
        if not isinstance(index, int | np.integer) or not 0 <= index < NUM_TEST_INSTANCES:
            raise InvalidValueError("instance", index, f">= 0 and <= {NUM_TEST_INSTANCES - 1}")
        return self._build(np.random.default_rng([TEST_TAG, int(index)]), f"test-{index}")

    def build(self, workload: Workload, name: str, applications: Any = None) -> Instance:
        """Complete a workload to an instance."""
        apps: tuple[Application, ...] = applications or self.applications
        ki, kf = self._static or self._lower(apps)
        reference = Run(ki, kf, workload)
        reference.run(SCHEDULERS["ETF"])
        return Instance(
            name=name,
            platform=self.platform,
            applications=apps,
            workload=workload,
            options=self.scenario.options,
            ki=ki,
            kf=kf,
            etf_latency_us=float(reference.sf[F_AREA]),
            etf_makespan_us=float(reference.sf[F_MAKESPAN]),
            etf_energy_j=float(reference.sf[F_ENERGY]),
        )

    def _lower(
        self, apps: tuple[Application, ...]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        scenario = self.scenario
        plans = [_plan(self.platform, application) for application in apps]
        factor = scenario.deadline_factor
        return build_static(
            self.platform,
            apps,
            scenario.options,
            table=[plan[0] for plan in plans],
            oct_us=np.concatenate([plan[1] for plan in plans]),
            deadline_us=np.array([np.inf if factor is None else factor * p[2] for p in plans]),
            power_cap_w=np.inf if scenario.power_cap_w is None else scenario.power_cap_w,
        )

    def _build(self, rng: np.random.Generator, name: str, gap_factor: float = 1.0) -> Instance:
        scenario = self.scenario
        apps = self.applications
        if not apps:
            apps = (generate_dag(self._random_dag(), self.platform, rng),)
        workload = generate_workload(scenario.arrivals, scenario.mix, scenario.num_jobs, rng)
        if gap_factor != 1.0:
            gaps = np.floor(workload.gap_us * gap_factor)
            workload = Workload(workload.app_index, gaps, workload.key)
        return self.build(workload, name, apps)
