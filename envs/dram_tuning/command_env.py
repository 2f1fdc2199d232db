"""The Gymnasium environment of per-command scheduling: the agent is the memory scheduler."""

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
from chipgym.envs.dram_tuning.command_batch import CommandBatch
from chipgym.envs.dram_tuning.command_generator import (
    NUM_TEST_INSTANCES,
    CommandGenerator,
    CommandInstance,
    find_scenario,
)
from chipgym.envs.dram_tuning.command_presets import DEFAULT_SCENARIO, CommandScenario
from chipgym.envs.dram_tuning.command_problem import CommandProblem, view_problem
from chipgym.envs.dram_tuning.command_reward import OBJECTIVES, PRIMARY_METRICS, TERMS
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

__all__ = ["DramCommandEnv", "check_task", "draw_instance"]

ENV_ID = "chipgym/DramCommand-v0"


def check_task(
    scenario: str | CommandScenario, split: str, objective: str | None
) -> tuple[CommandScenario, str]:
    """Return the scenario and the objective, by default the scenario's own.

    Raises
    ------
    UnknownNameError
        A name is not known.
    """
    chosen = find_scenario(scenario)
    check_choice("split", split, SPLITS, ENV_ID)
    objective = chosen.objective if objective is None else objective
    check_choice("objective", objective, tuple(OBJECTIVES), ENV_ID)
    return chosen, objective


def draw_instance(
    generator: CommandGenerator,
    split: str,
    rng: np.random.Generator,
    options: dict[str, Any] | None,
) -> CommandInstance:
    """Choose the next episode's instance; see `episodes.draw_instance`."""

    def build(trace: Any) -> CommandInstance:
        return generator.build(check_trace(trace), f"workload-{trace.name}")

    return episodes.draw_instance(generator, split, NUM_TEST_INSTANCES, rng, options, build, ENV_ID)


class DramCommandEnv(gym.Env[Any, Any]):
    """Choose every command of a DRAM channel: the agent is the memory scheduler.

    ## Description
    Requests of a trace enter a transaction queue, one a cycle and as long as it has space. At every
    cycle at which the timing rules of the device allow a command for one of them, the agent issues
    one or none: precharge, activate, read or write. The clock then goes on to the next cycle at
    which something is legal. Refreshes are forced when they are due. After Ipek et al., with the
    devices, timing rules and energy model of the family's controller.

    ## Action Space
    `Discrete(2 Q + 1)` for a queue of Q entries, oldest first: action ``q`` issues the next command
    of entry q (PRE where another row is open, ACT where none is, else RD or WR), ``Q + q`` its RD
    or WR with auto-precharge, and ``2 Q`` none, until more becomes legal or a request comes.
    `action_masks()` says what the timing rules allow, and `action_space.sample()` draws among
    that; an illegal action raises `InvalidValueError` and changes nothing.

    ## Observation Space
    A flat `Box` of float32 in [0, 1] with the fields ``entries`` (Q, 11), of which row q describes
    action q, and ``globals`` (9); `observation_layout` names every element. Cycles are squashed.

    ## Rewards
    Minus the growth of the objective's costs since the last decision, in units of what FR-FCFS
    needs on the same instance: an episode's return of -0.9 is 10 % better than FR-FCFS. ``latency``
    is the sum of the times from the requests' times in the trace to the end of their data,
    ``time`` the end of the last. ``ipek`` is that paper's reward, positive for each RD and WR,
    scaled to 1 an episode. `info["reward_terms"]` holds the terms.

    ## Starting State
    The first request has just come; all banks are closed. Training instances come from `np_random`;
    test instances are a fixed list of 50, chosen by ``reset(options={"instance": k})`` or at
    random.

    ## Episode End
    Terminated when all requests are served; truncated at ten times FR-FCFS's time.
    `info["metrics"]` then holds the metrics, with units in their names.

    ## Arguments
    * `scenario`: name of a preset (`chipgym info chipgym/DramCommand-v0` lists them) or a
      `CommandScenario`.
    * `split`: ``"train"`` or ``"test"``.
    * `objective`: ``time``, ``latency``, ``balanced`` or ``ipek``; the scenario's own by default.
    * `num_requests`, `entries`: instead of the scenario's.
    * `render_mode`: ``"ansi"`` or ``"rgb_array"`` (banks, rows and the command bus over time).

    ## Vectorized environment
    ``gym.make_vec(id, num_envs=64, vectorization_mode="vector_entry_point")`` steps all
    environments in one kernel call, bit for bit equal to the scalar environments;
    `autoreset_mode` is an argument.

    ## Multi-agent
    None.

    ## Version History
    * v0: first version.

    ## References
    * Ipek, Mutlu, Martínez and Caruana, Self-optimizing memory controllers: a reinforcement
      learning approach, ISCA 2008.
    * Rixner et al., Memory access scheduling, ISCA 2000 (FR-FCFS).
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}
    action_space: LegalDiscrete
    simulator_version = SIMULATOR_VERSION
    reference_policy = "FR_FCFS"

    def __init__(
        self,
        scenario: str | CommandScenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        num_requests: int | None = None,
        entries: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        chosen, objective = check_task(scenario, split, objective)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES, ENV_ID)
        self.generator = CommandGenerator(chosen, num_requests, entries)
        self.scenario = self.generator.scenario
        self.split = split
        self.objective = objective
        self.primary_metric = PRIMARY_METRICS[objective]
        self.lower_is_better = objective != "ipek"
        self.render_mode = render_mode
        self._batch = CommandBatch(self.generator, objective, 1)
        self._row = np.ones(1, dtype=np.bool_)
        self._action = np.zeros(1, dtype=np.int64)
        self._terms = [(i, name) for i, name in enumerate(TERMS) if self._batch.weights[i]]
        self.actions: list[int] = []
        self._finished = True
        self.observation_space: spaces.Space[Any] = self._batch.layout.space()
        self.action_space = LegalDiscrete(self._batch.num_actions)

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of the observation."""
        return self._batch.layout

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return NUM_TEST_INSTANCES

    @property
    def instance(self) -> CommandInstance:
        """The episode's instance, complete and replayable."""
        instance = self._batch.instances[0]
        if instance is None:
            raise gym.error.ResetNeeded("Call reset() first: there is no instance yet.")
        return instance

    @property
    def instance_id(self) -> str:
        """Name of the episode's instance."""
        return self.instance.name

    @property
    def problem(self) -> CommandProblem:
        """The present decision, for heuristics and solvers."""
        self._check_running()
        return view_problem(self._batch, 0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; `options`: ``instance`` (test split) or ``workload`` (a `Trace`)."""
        super().reset(seed=seed)
        instance = draw_instance(self.generator, self.split, self.np_random, options)
        self._batch.load(0, instance)
        self._batch.begin(self._row)
        self.actions = []
        self._finished = False
        self.action_space.legal = self._batch.masks[0]
        info = {
            "action_mask": self._batch.masks[0].copy(),
            "evaluations": 0,
            "instance": instance.name,
        }
        return self._batch.obs[0].copy(), info

    def step(
        self, action: np.int64 | int
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Issue a command, or none.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        self._check_running()
        batch = self._batch
        try:
            self._action[0] = action
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidValueError("action", action, "an integer") from error
        if self._action[0] != action:
            raise InvalidValueError("action", action, "an integer")
        batch.step(self._row, self._action)
        self.actions.append(int(action))
        self.action_space.legal = batch.masks[0]
        done = bool(batch.done[0])
        info: dict[str, Any] = {
            "action_mask": batch.masks[0].copy(),
            "evaluations": int(done),
            "reward_terms": {name: float(batch.terms[0, i]) for i, name in self._terms},
        }
        terminated = truncated = False
        if done:
            self._finished = True
            info["metrics"] = batch.metrics(0)
            terminated = batch.complete(0)
            truncated = not terminated
        return batch.obs[0].copy(), float(batch.rewards[0]), terminated, truncated, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal actions, bool, shape (2 Q + 1,)."""
        return np.array(self._batch.masks[0])

    def get_state(self) -> bytes:
        """Bytes from which `set_state` continues identically, the random generator included."""
        state = {
            "batch": self._batch.get_state(),
            "np_random": self.np_random.bit_generator.state,
            "actions": list(self.actions),
            "finished": self._finished,
        }
        return pack_state(SIMULATOR_VERSION, ENV_ID, state)

    def set_state(self, state: bytes) -> None:
        """Continue from `get_state`'s bytes; only for bytes of your own, they are a pickle."""
        content = unpack_state(state, SIMULATOR_VERSION, ENV_ID)
        self._batch.set_state(content["batch"])
        self.np_random.bit_generator.state = content["np_random"]
        self.actions = list(content["actions"])
        self._finished = content["finished"]
        self.action_space.legal = self._batch.masks[0]

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
        run = self.instance.start(record=True)
        for action in self.actions:
            run.step(action)
        return run.workload, run.base.result()

    def _check_running(self) -> None:
        if self._finished:
            raise gym.error.ResetNeeded("The episode is over: call reset() first.")
