"""From a scenario to instances: the workload, and the specification of an episode."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.envs.codesign.accuracy.provider import Task
from chipgym.envs.codesign.design_space import DesignSpace
from chipgym.envs.codesign.evaluation import Outcome, evaluate_batch
from chipgym.envs.codesign.hardware import HARDWARE
from chipgym.envs.codesign.presets import Scenario
from chipgym.envs.codesign.reward import COSTS, Spec
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError
from chipgym.simulators.core.files import read_json
from chipgym.simulators.core.hashing import content_hash

__all__ = ["NUM_TEST_INSTANCES", "SPECS_FILE", "Instance", "InstanceGenerator", "read_spec"]

SPECS_FILE = Path(__file__).parent / "data" / "specs.json"
NUM_TEST_INSTANCES = 50
TEST_TAG = 0x7465
# A drawn specification is what some design needs, and up to so much more.
SLACK = (1.0, 1.5)
# Bounds of a drawn specification are at least so far above its limits.
MIN_BOUND = 1.5


@dataclass(frozen=True, eq=False)
class Instance:
    """One episode's problem.

    Attributes
    ----------
    name : str
    tasks : tuple of Task
    hardware, technology : str
        Space of chips and constant set, by name.
    spec : Spec
    """

    name: str
    tasks: tuple[Task, ...]
    hardware: str
    technology: str
    spec: Spec

    @cached_property
    def content_hash(self) -> str:
        """Hash of everything that decides results, the accuracies excepted."""
        tasks = [vars(task) for task in self.tasks]
        return content_hash([tasks, self.hardware, self.technology, vars(self.spec)])


@lru_cache(maxsize=8)
def _read_specs(path: Path) -> dict[str, Any]:
    try:
        return dict(read_json(path)["specs"])
    except (KeyError, TypeError) as error:
        raise FileFormatError(path, "not a file of specifications") from error


def read_spec(name: str, path: Path = SPECS_FILE) -> Spec:
    """Return a shipped specification, or raise `UnknownNameError`."""
    specs = _read_specs(path)
    if name not in specs:
        raise UnknownNameError("specification", name, specs, str(path))
    return Spec(*map(float, specs[name]["limits"]), *map(float, specs[name]["bounds"]))


class InstanceGenerator:
    """Makes instances of a scenario.

    Parameters
    ----------
    scenario : Scenario
    spec : Spec, optional
        Instead of the scenario's.
    """

    def __init__(self, scenario: Scenario, spec: Spec | None = None) -> None:
        if scenario.hardware not in HARDWARE:
            raise UnknownNameError("hardware", scenario.hardware, HARDWARE, "co-design")
        if spec is not None and not isinstance(spec, Spec):
            raise InvalidValueError("spec", type(spec).__name__, "a Spec")
        self.scenario = scenario
        self.design_space = DesignSpace(scenario.tasks, HARDWARE[scenario.hardware])
        self.spec = read_spec(scenario.spec_name) if spec is None else spec
        self.drawn = scenario.drawn and spec is None

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return NUM_TEST_INSTANCES if self.drawn else 1

    def sample(self, rng: np.random.Generator) -> Instance:
        """Return a training instance."""
        if not self.drawn:
            return self._instance("fixed", self.spec)
        spec = self._draw(rng)
        return self._instance(f"train-{content_hash(vars(spec))[:8]}", spec)

    def test(self, number: Any) -> Instance:
        """Return a test instance by number."""
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not whole or not 0 <= number < self.num_instances:
            raise InvalidValueError("instance", number, f">= 0 and <= {self.num_instances - 1}")
        if not self.drawn:
            return self._instance("fixed", self.spec)
        return self._instance(
            f"test-{number}", self._draw(np.random.default_rng([TEST_TAG, int(number)]))
        )

    def _instance(self, name: str, spec: Spec) -> Instance:
        scenario = self.scenario
        return Instance(name, scenario.tasks, scenario.hardware, scenario.technology, spec)

    def _draw(self, rng: np.random.Generator) -> Spec:
        """Take what a random design needs, so that the specification can be met, and slack."""
        design = self.design_space.sample(rng)
        slack = rng.uniform(*SLACK, size=len(COSTS))
        outcome = self.cost(design)
        limits = [outcome.costs[name] * float(s) for name, s in zip(COSTS, slack, strict=True)]
        bounds = [
            max(bound, MIN_BOUND * limit)
            for bound, limit in zip(self.spec.bounds, limits, strict=True)
        ]
        return Spec(*limits, *bounds)

    def cost(self, design: tuple[int, ...]) -> Outcome:
        """Cost a design for the scenario's own specification."""
        return evaluate_batch(self.design_space, [(self._instance("fixed", self.spec), design)])[0]
