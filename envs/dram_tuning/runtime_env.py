"""The Gymnasium environment of control at run time: new settings before each window."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.envs.core import episodes
from chipgym.envs.core.episodes import (
    RENDER_MODES,
    SPLITS,
    check_choice,
    pack_state,
    unpack_state,
    warn_of_no_render_mode,
)
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.envs.dram_tuning.base import check_trace
from chipgym.envs.dram_tuning.runtime_generator import (
    NUM_TEST_INSTANCES,
    RuntimeGenerator,
    RuntimeInstance,
    find_scenario,
)
from chipgym.envs.dram_tuning.runtime_knobs import PRESETS, RUNTIME_KNOBS
from chipgym.envs.dram_tuning.runtime_observation import LAYOUT
from chipgym.envs.dram_tuning.runtime_presets import DEFAULT_SCENARIO, RuntimeScenario
from chipgym.envs.dram_tuning.runtime_problem import RuntimeProblem, view_problem
from chipgym.envs.dram_tuning.runtime_reward import (
    OBJECTIVES,
    PRIMARY_METRICS,
    TERMS,
    term_weights,
)
from chipgym.envs.dram_tuning.runtime_session import RuntimeSession, WindowLength
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

__all__ = ["DramRuntimeEnv", "RuntimeTask"]

ENV_ID = "chipgym/DramRuntime-v0"
ACTION_FORMS = ("settings", "presets")


class RuntimeTask:
    """The checked arguments that the scalar, the vector and the multi-agent form share.

    Parameters
    ----------
    scenario, split, objective, action_form, num_requests, window_requests, window_cycles
        As in `DramRuntimeEnv`.
    """

    def __init__(
        self,
        scenario: str | RuntimeScenario,
        split: str,
        objective: str | None,
        action_form: str,
        num_requests: int | None,
        window_requests: int | None,
        window_cycles: int | None,
    ) -> None:
        chosen = find_scenario(scenario)
        check_choice("split", split, SPLITS, ENV_ID)
        check_choice("action_form", action_form, ACTION_FORMS, ENV_ID)
        self.objective = chosen.objective if objective is None else objective
        check_choice("objective", self.objective, tuple(OBJECTIVES), ENV_ID)
        self.generator = RuntimeGenerator(chosen, num_requests)
        self.scenario = self.generator.scenario
        self.split = split
        self.presets = action_form == "presets"
        self.length = _window_length(chosen, window_requests, window_cycles)
        self.weights = term_weights(self.objective)
        self.terms = [(i, name) for i, name in enumerate(TERMS) if self.weights[i]]

    def action_space(self) -> spaces.Discrete | spaces.MultiDiscrete:
        """Return the space of one environment's actions."""
        if self.presets:
            return LegalDiscrete(len(PRESETS))
        return spaces.MultiDiscrete([len(knob) for knob in RUNTIME_KNOBS])

    def choice(self, action: Any) -> tuple[int, ...]:
        """Return the option of each knob that an action names.

        Raises
        ------
        InvalidValueError
            The action is out of range or of another form.
        """
        values = np.asarray(action)
        if self.presets:
            if values.shape != () or values.dtype.kind not in "iu":
                raise InvalidValueError("action", action, "an integer")
            if not 0 <= values < len(PRESETS):
                raise InvalidValueError("action", int(values), f">= 0 and <= {len(PRESETS) - 1}")
            return tuple(PRESETS.values())[int(values)]
        if values.shape != (len(RUNTIME_KNOBS),) or values.dtype.kind not in "iu":
            raise InvalidValueError("action", action, f"{len(RUNTIME_KNOBS)} integers")
        for knob, option in zip(RUNTIME_KNOBS, values.tolist(), strict=True):
            if not 0 <= option < len(knob):
                raise InvalidValueError(knob.name, option, f">= 0 and <= {len(knob) - 1}")
        return tuple(values.tolist())

    def draw(self, rng: np.random.Generator, options: dict[str, Any] | None) -> RuntimeInstance:
        """Choose the next episode's instance; see `episodes.draw_instance`."""

        def build(trace: Any) -> RuntimeInstance:
            return self.generator.build(check_trace(trace), f"workload-{trace.name}")

        return episodes.draw_instance(
            self.generator, self.split, NUM_TEST_INSTANCES, rng, options, build, ENV_ID
        )

    def start(self, instance: RuntimeInstance) -> RuntimeSession:
        """Return a fresh session."""
        return RuntimeSession(instance, self.length, self.weights)

    def start_info(self, session: RuntimeSession) -> dict[str, Any]:
        """Return the info of a reset."""
        info: dict[str, Any] = {"evaluations": 0, "instance": session.instance.name}
        return info | self.mask_info(session)

    def step_info(self, session: RuntimeSession, terms: npt.NDArray[np.float64]) -> dict[str, Any]:
        """Return the info of a step."""
        info: dict[str, Any] = {
            "evaluations": int(session.finished),
            "reward_terms": {name: float(terms[i]) for i, name in self.terms},
        }
        if session.finished:
            info["metrics"] = session.metrics()
        return info | self.mask_info(session)

    def mask_info(self, session: RuntimeSession) -> dict[str, Any]:
        """Return the mask of the form ``presets``; every preset is legal until the end."""
        if not self.presets:
            return {}
        return {"action_mask": np.full(len(PRESETS), not session.finished)}


def _window_length(
    scenario: RuntimeScenario, requests: int | None, cycles: int | None
) -> WindowLength:
    for field, value in (("window_requests", requests), ("window_cycles", cycles)):
        if value is not None and not (isinstance(value, int | np.integer) and value >= 1):
            raise InvalidValueError(field, value, "an integer >= 1")
    if requests is not None and cycles is not None:
        raise InvalidValueError("window_cycles", cycles, "None where window_requests is given")
    if requests is None and cycles is None:
        requests, cycles = scenario.window_requests, scenario.window_cycles
    if (requests is None) == (cycles is None):
        raise InvalidValueError("window_requests", requests, "a window of requests or of cycles")
    return WindowLength(requests, cycles)


class DramRuntimeEnv(gym.Env[Any, Any]):
    """Set a running memory controller anew before each window of its traffic.

    ## Description
    A memory controller serves a trace whose character changes: bursts and pauses, reads and writes,
    streams and random requests. Before each window the agent sees what the last one was like and
    chooses page policy, scheduler, write watermarks, refresh flexibility and power-down. The
    simulation goes on where it was: open rows, queued requests and owed refreshes stay. The model
    is that of DRAMSys v4.0, cycle by cycle.

    ## Action Space
    `MultiDiscrete([4, 5, 4, 4, 4, 2])`: an option of each of page policy, scheduler, watermarks,
    refreshes that may be postponed, refreshes that may be pulled in, and power-down; all 0 is the
    default controller. With ``action_form="presets"``, `Discrete(11)`: named combinations
    (`runtime_knobs.PRESETS`). Every action is legal.

    ## Observation Space
    A flat `Box` of float32 in [0, 1] with the fields ``settings`` (one-hot), ``window`` (what the
    last window was like), ``queues`` (the present state) and ``traffic`` (workload features of the
    requests that came in the last window); `observation_layout` names every element.

    ## Rewards
    Minus the growth of the objective's costs within the window, in units of what the default
    controller spends on the whole of the same trace: an episode's return of -0.9 is 10 % better
    than never changing the default. ``latency`` counts from the time in the trace, so that refusing
    requests gains nothing, and refreshes still owed at the end are settled with their time and
    energy. `info["reward_terms"]` holds the terms.

    ## Starting State
    Nothing has been sent yet; the settings are the default's. Training instances come from
    `np_random`; test instances are a fixed list of 50, chosen by
    ``reset(options={"instance": k})`` or at random.

    ## Episode End
    Terminated when all requests are answered. `info["metrics"]` then holds the metrics, with units
    in their names.

    ## Arguments
    * `scenario`: name of a preset (`chipgym info chipgym/DramRuntime-v0` lists them) or a
      `RuntimeScenario`.
    * `split`: ``"train"`` or ``"test"``.
    * `objective`: ``time``, ``latency``, ``energy``, ``edp`` or ``balanced`` (latency and energy);
      the scenario's own by default.
    * `action_form`: ``"settings"`` or ``"presets"``.
    * `num_requests`: requests of an episode.
    * `window_requests` or `window_cycles`: length of a window, instead of the scenario's.
    * `render_mode`: ``"ansi"`` or ``"rgb_array"`` (banks, rows and the command bus over time).

    ## Vectorized environment
    ``gym.make_vec(id, num_envs=64, vectorization_mode="vector_entry_point")`` simulates the windows
    of all environments in parallel threads, bit for bit equal to the scalar environments;
    `autoreset_mode` is an argument.

    ## Multi-agent
    ``chipgym.envs.dram_runtime_v0``: one agent each for page policy and scheduler, watermarks,
    refresh, and power-down.

    ## Version History
    * v0: first version.

    ## References
    * Steiner et al., DRAMSys4.0: a fast and cycle-accurate SystemC/TLM-based DRAM simulator, SAMOS
      2020.
    * Ipek et al., Self-optimizing memory controllers: a reinforcement learning approach, ISCA 2008.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}
    simulator_version = SIMULATOR_VERSION
    reference_policy = "default-settings"

    def __init__(
        self,
        scenario: str | RuntimeScenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        action_form: str = "settings",
        num_requests: int | None = None,
        window_requests: int | None = None,
        window_cycles: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES, ENV_ID)
        self.task = RuntimeTask(
            scenario, split, objective, action_form, num_requests, window_requests, window_cycles
        )
        self.generator = self.task.generator
        self.scenario = self.task.scenario
        self.split = split
        self.objective = self.task.objective
        self.primary_metric = PRIMARY_METRICS[self.objective]
        self.render_mode = render_mode
        self._session: RuntimeSession | None = None
        self.observation_space: spaces.Space[Any] = LAYOUT.space()
        self.action_space: spaces.Space[Any] = self.task.action_space()

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of the observation."""
        return LAYOUT

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return NUM_TEST_INSTANCES

    @property
    def session(self) -> RuntimeSession:
        """The episode."""
        if self._session is None:
            raise gym.error.ResetNeeded("Call reset() first: there is no instance yet.")
        return self._session

    @property
    def instance(self) -> RuntimeInstance:
        """The episode's instance, complete and replayable."""
        return self.session.instance

    @property
    def instance_id(self) -> str:
        """Name of the episode's instance."""
        return self.instance.name

    @property
    def problem(self) -> RuntimeProblem:
        """The present decision, for policies that read it."""
        self._check_running()
        return view_problem(self.session, presets=self.task.presets)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; `options`: ``instance`` (test split) or ``workload`` (a `Trace`)."""
        super().reset(seed=seed)
        self._session = self.task.start(self.task.draw(self.np_random, options))
        return self._session.observe(), self.task.start_info(self._session)

    def step(
        self, action: Any
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Set all knobs and simulate a window.

        Raises
        ------
        InvalidValueError
            The action is out of range; nothing has changed.
        """
        self._check_running()
        session = self.session
        session.play(self.task.choice(action))
        terms = session.account()
        info = self.task.step_info(session, terms)
        return session.observe(), float(terms.sum()), session.finished, False, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal actions, all of them until the end; those of several knobs stand side by side."""
        over = self._session is None or self._session.finished
        count = len(PRESETS) if self.task.presets else sum(len(knob) for knob in RUNTIME_KNOBS)
        return np.full(count, not over)

    def get_state(self) -> bytes:
        """Bytes from which `set_state` continues identically, the random generator included."""
        state = {
            "session": self._session,
            "np_random": self.np_random.bit_generator.state,
        }
        return pack_state(SIMULATOR_VERSION, ENV_ID, state)

    def set_state(self, state: bytes) -> None:
        """Continue from `get_state`'s bytes; only for bytes of your own, they are a pickle."""
        content = unpack_state(state, SIMULATOR_VERSION, ENV_ID)
        self._session = content["session"]
        self.np_random.bit_generator.state = content["np_random"]

    def render(self) -> Any:
        """Return the commands so far as text (``ansi``) or as an image (``rgb_array``)."""
        if self.render_mode is None:
            warn_of_no_render_mode()
            return None
        from chipgym.envs.dram_tuning.render import render_ansi, render_rgb

        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(*self.replay())

    def replay(self) -> tuple[Workload, DramResult]:
        """Simulate the episode so far once more, every command recorded."""
        return self.session.instance.workload, self.session.replay()

    def _check_running(self) -> None:
        if self.session.finished:
            raise gym.error.ResetNeeded("The episode is over: call reset() first.")
