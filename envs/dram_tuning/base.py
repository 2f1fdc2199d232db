"""What the design and the tuning environment share: arguments, instances, state, rendering."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.envs.core.episodes import (
    RENDER_MODES,
    SPLITS,
    check_choice,
    draw_instance,
    pack_state,
    unpack_state,
    warn_of_no_render_mode,
)
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.dram_tuning.design_space import Design
from chipgym.envs.dram_tuning.evaluation import Evaluate, Outcome, default_outcome, evaluate_batch
from chipgym.envs.dram_tuning.generator import Instance, InstanceGenerator, find_scenario
from chipgym.envs.dram_tuning.observation import build_layout, observe_context
from chipgym.envs.dram_tuning.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.dram_tuning.problem import DramProblem
from chipgym.envs.dram_tuning.reward import INFEASIBLE, clipped, find_objective
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION, simulate
from chipgym.simulators.dram.trace import Trace

__all__ = ["FAMILY", "DramEnv", "Info", "check_trace", "score_of"]

FAMILY = "DRAM tuning"
Floats32 = npt.NDArray[np.float32]
Info = dict[str, Any]


def check_trace(value: Any) -> Trace:
    """Return a workload of the user's own, or raise `InvalidValueError` if it is not a `Trace`."""
    if not isinstance(value, Trace):
        raise InvalidValueError("workload", type(value).__name__, "a Trace")
    return value


class DramEnv(gym.Env[Any, Any]):
    """What both forms share: instances, observations, and steps in three parts.

    A step is `plan` (check the action, say which design to evaluate), an evaluation, and `settle`
    (take its outcome in). A vector environment evaluates the designs of all rows at once.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}
    form: ClassVar[str]
    sequential: ClassVar[bool]
    simulator_version = SIMULATOR_VERSION
    reference_policy = "random-search-100"

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        num_requests: int | None = None,
        knobs: str | None = None,
        device: Any = None,
        address_map: Any = None,
        workload: Any = None,
        trace_format: str = "dramsys",
        render_mode: str | None = None,
        evaluate: Evaluate | None = None,
    ) -> None:
        chosen = find_scenario(scenario)
        check_choice("split", split, SPLITS, FAMILY)
        self.objective_entry = find_objective(chosen.objective if objective is None else objective)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES, FAMILY)
        self.generator = InstanceGenerator(
            chosen, num_requests, knobs, device, address_map, workload, trace_format
        )
        self._check_energy()
        self.evaluate = evaluate_batch if evaluate is None else evaluate
        self.scenario = self.generator.scenario
        self.split = split
        self.render_mode = render_mode
        self.design_space = self.generator.design_space
        self.observation_layout: ObservationLayout = build_layout(
            self.design_space.knobs, sequential=self.sequential
        )
        self.observation_space: spaces.Space[Any] = self.observation_layout.space()
        self._observation = self.observation_layout.empty()
        self._instance: Instance | None = None
        self._finished = True

    @property
    def objective(self) -> str:
        """Name of the objective."""
        return self.objective_entry.name

    @property
    def primary_metric(self) -> str:
        """The metric that ranks designs."""
        return self.objective_entry.metric

    @property
    def lower_is_better(self) -> bool:
        """Direction of the primary metric."""
        return self.objective_entry.lower_is_better

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return self.generator.num_instances

    @property
    def instance(self) -> Instance:
        """The episode's instance, complete and replayable."""
        if self._instance is None:
            raise gym.error.ResetNeeded("Call reset() first: there is no instance yet.")
        return self._instance

    @property
    def instance_id(self) -> str:
        """Name of the episode's instance."""
        return self.instance.name

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats32, Info]:
        """Start an episode; `options`: ``instance`` (test split) or ``workload`` (a `Trace`)."""
        instance = self.draw(seed, options)
        self.generator.complete([instance])
        return self.begin(instance)

    def draw(self, seed: int | None, options: Mapping[str, Any] | None) -> Instance:
        """Seed the generator, and choose the next episode's instance: drawn, or as `options` say.

        Raises
        ------
        UnknownNameError, InvalidValueError
            An option is unknown, or an instance is asked of a split that has none.
        """
        super().reset(seed=seed)

        def build(trace: Any) -> Instance:
            return self.generator.build(check_trace(trace), f"workload-{trace.name}")

        return draw_instance(
            self.generator, self.split, self.num_instances, self.np_random, options, build, FAMILY
        )

    def begin(self, instance: Instance) -> tuple[Floats32, Info]:
        """Start an episode on a completed instance."""
        self._instance = instance
        self._finished = False
        self._observation = self.observation_layout.empty()
        observe_context(self.observation_layout, instance, self.objective, self._observation)
        info = self._begin(instance)
        return self._observation.copy(), {"evaluations": 0, "instance": instance.name, **info}

    def step(self, action: Any) -> tuple[Floats32, float, bool, bool, Info]:
        """Evaluate a design.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        design, known = self.plan(action)
        if known is None:
            tasks = [(self.instance, design)]
            known = self.evaluate(self.design_space, self.objective_entry, tasks)[0]
        return self.settle(known)

    def plan(self, action: Any) -> tuple[Design, Outcome | None]:
        """Return the design that an action stands for, and its outcome where it is known.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        raise NotImplementedError

    def settle(self, outcome: Outcome) -> tuple[Floats32, float, bool, bool, Info]:
        """Take the outcome of the planned design in; returns what `step` does."""
        raise NotImplementedError

    def view(self) -> DramProblem:
        """The problem as it stands, after the end too."""
        raise NotImplementedError

    def _begin(self, instance: Instance) -> Info:
        """Set up the episode; return what the form adds to the info."""
        raise NotImplementedError

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return that an episode with these final metrics must have had."""
        raise NotImplementedError

    def get_state(self) -> bytes:
        """Bytes from which `set_state` continues identically, the random generator included."""
        state = {
            "np_random": self.np_random.bit_generator.state,
            "instance": self._instance,
            "finished": self._finished,
            "observation": self._observation,
            **self._own_state(),
        }
        return pack_state(SIMULATOR_VERSION, self._state_form(), state)

    def set_state(self, state: bytes) -> None:
        """Continue from `get_state`'s bytes; only for bytes of your own, they are a pickle."""
        content = unpack_state(state, SIMULATOR_VERSION, self._state_form())
        self.np_random.bit_generator.state = content["np_random"]
        self._instance = content["instance"]
        self._finished = content["finished"]
        self._observation = content["observation"]
        self._set_own_state(content)

    def _state_form(self) -> tuple[str, str, str]:
        """What a state must have been made by, to fit."""
        return self.form, self.scenario.knobs, self.objective

    def _own_state(self) -> dict[str, Any]:
        return {}

    def _set_own_state(self, content: dict[str, Any]) -> None:
        pass

    def _shown_design(self) -> Design:
        """Design that `render` shows."""
        raise NotImplementedError

    def simulate(self, design: Any) -> tuple[Workload, DramResult]:
        """Simulate a design on the episode's instance, every command recorded; costs nothing.

        Raises
        ------
        InvalidValueError
            It is not a design, or breaks a rule between knobs.
        """
        config, address_map = self.design_space.config(self.design_space.check(design))
        workload = self.instance.workload(address_map)
        return workload, simulate(workload, config, record_trace=True)

    def render(self) -> Any:
        """Return what the shown design does, as text (``ansi``) or a timeline (``rgb_array``)."""
        if self.render_mode is None:
            warn_of_no_render_mode()
            return None
        from chipgym.envs.dram_tuning.render import render_ansi, render_rgb

        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(*self.replay())

    def replay(self) -> tuple[Workload, DramResult]:
        """Simulate the shown design once more, every command recorded; costs nothing."""
        return self.simulate(self._shown_design())

    def _check_energy(self) -> None:
        entry, device = self.objective_entry, self.generator.device
        if not device.has_energy and entry.needs_energy:
            raise InvalidValueError(
                "objective", entry.name, f"one without energy: {device.name} has no currents"
            )

    def _check_running(self) -> None:
        if self._finished:
            raise gym.error.ResetNeeded("The episode is over: call reset() first.")


def score_of(env: DramEnv, metrics: Mapping[str, float]) -> float:
    """Score that the primary metric stands for."""
    value = metrics[env.primary_metric]
    if not env.lower_is_better:
        return value
    if not metrics["feasible"]:
        return INFEASIBLE
    default = default_outcome(env.design_space, env.objective_entry, env.instance)
    return clipped(math.log(default.metrics[env.primary_metric] / value))
