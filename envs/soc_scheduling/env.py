"""The Gymnasium environments: thin, one decision at a time, over the batched kernel."""

from __future__ import annotations

from typing import Any, ClassVar

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
from chipgym.envs.soc_scheduling.batch import SocBatch
from chipgym.envs.soc_scheduling.generator import (
    NUM_TEST_INSTANCES,
    Instance,
    InstanceGenerator,
    find_scenario,
)
from chipgym.envs.soc_scheduling.metrics import episode_metrics, episode_schedule
from chipgym.envs.soc_scheduling.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.soc_scheduling.problem import SocProblem, view_problem
from chipgym.envs.soc_scheduling.reward import OBJECTIVES, PRIMARY_METRICS, TERMS
from chipgym.simulators.core.errors import InvalidValueError, check_range
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION
from chipgym.simulators.soc.workload import Workload

__all__ = [
    "SocSchedulingEnv",
    "SocTaskMappingEnv",
    "SocTaskOrderingEnv",
    "check_task",
    "draw_instance",
]

ENV_ID = "chipgym/SocScheduling-v0"
GAP_FACTOR = "gap_factor"


def check_task(scenario: str | Scenario, split: str, objective: str | None) -> tuple[Scenario, str]:
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
    generator: InstanceGenerator,
    split: str,
    rng: np.random.Generator,
    options: dict[str, Any] | None,
) -> Instance:
    """Choose the next episode's instance; see `episodes.draw_instance`.

    The option ``gap_factor`` stretches the gaps between the arrivals of a drawn training instance.
    """
    others = dict(options or {})
    factor = others.pop(GAP_FACTOR, None)
    if factor is not None:
        if split != "train" or others:
            allowed = "only with split='train' and no other option"
            raise InvalidValueError(GAP_FACTOR, factor, allowed)
        check_range(GAP_FACTOR, factor, 0.0, 1000.0)
        return generator.sample(rng, factor)

    def build(workload: Any) -> Instance:
        if not isinstance(workload, Workload):
            raise InvalidValueError("workload", type(workload).__name__, "a Workload")
        return generator.build(workload, f"workload-{workload.content_hash}")

    return episodes.draw_instance(generator, split, NUM_TEST_INSTANCES, rng, others, build, ENV_ID)


class SocSchedulingEnv(gym.Env[Any, Any]):
    """Map the ready tasks of streaming jobs onto the processing elements of a heterogeneous SoC.

    ## Description
    Jobs, each a graph of tasks, arrive over time. Whenever tasks are ready, the agent chooses one
    of them and a processing element (PE), until none is left or it decides to wait; then time runs
    on to the next event. A PE executes one task at a time without preemption, in the order of jobs;
    data take time to move between PEs. The clock advances only between decisions. The model is that
    of DS3 in the clean event order.

    ## Action Space
    `Discrete(R * P + 1)` for R slots and P PEs: action ``slot * P + pe`` assigns the ready task of
    a slot, action ``R * P`` waits until the next event. In scenarios with explicit frequencies one
    action for each operating point of each scalable cluster follows. `action_masks()` says which
    are legal, and `action_space.sample()` draws among those; an illegal action raises
    `InvalidValueError` and changes nothing.

    ## Observation Space
    A flat `Box` of float32 with the fields ``pairs`` (R, P, 6), ``tasks`` (R, 7), ``pes`` (P, 6)
    and ``globals`` (7); `observation_layout` names every element. Row ``slot * P + pe`` of
    ``pairs`` describes that action. Times are squashed to [0, 1).

    ## Rewards
    Minus the growth of the objective's costs since the last decision, in units of what earliest
    task first (ETF) needs on the same instance: an episode's return of -0.9 is 10 % better than
    ETF. The default ``latency`` is minus the integral of the jobs in the system, which is the total
    latency. `info["reward_terms"]` holds the terms.

    ## Starting State
    The first job has just arrived. Training instances come from `np_random`; test instances are a
    fixed list of 100, chosen by ``reset(options={"instance": k})`` or at random.

    ## Episode End
    Terminated when all jobs of the episode are completed; truncated at the scenario's horizon,
    where it has one. `info["metrics"]` then holds the metrics, with units in their names.

    ## Arguments
    * `scenario`: name of a preset (`chipgym info chipgym/SocScheduling-v0` lists them) or a
      `Scenario`.
    * `split`: ``"train"`` or ``"test"``.
    * `objective`: ``latency``, ``makespan``, ``energy``, ``edp``, ``deadlines``,
      ``capped-latency``; the scenario's own by default.
    * `num_jobs`: jobs of an episode.
    * `platform`, `applications`: names of shipped ones, paths of JSON files, or objects, instead of
      the scenario's; given applications arrive in turn.
    * `render_mode`: ``"ansi"`` or ``"rgb_array"`` (a Gantt chart).

    ## Vectorized environment
    ``gym.make_vec(id, num_envs=64, vectorization_mode="vector_entry_point")`` steps all
    environments in one kernel call, bit for bit equal to the scalar environments;
    `autoreset_mode` is an argument.

    ## Multi-agent
    ``chipgym.envs.soc_scheduling_v0``: one agent a PE cluster.

    ## Version History
    * v0: first version.

    ## References
    * Arda et al., DS3: A system-level domain-specific system-on-chip simulation framework, IEEE
      Transactions on Computers 2020.
    * Sung et al., DeepSoCS: a neural scheduler for heterogeneous system-on-chip resource
      scheduling, Electronics 2020.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}
    form: ClassVar[str] = "scheduling"
    action_space: LegalDiscrete
    simulator_version = SIMULATOR_VERSION

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        num_jobs: int | None = None,
        platform: Any = None,
        applications: Any = None,
        render_mode: str | None = None,
    ) -> None:
        chosen, objective = check_task(scenario, split, objective)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES, ENV_ID)
        self.generator = InstanceGenerator(chosen, num_jobs, platform, applications)
        self.scenario = self.generator.scenario
        self.split = split
        self.objective = objective
        self.render_mode = render_mode
        self.primary_metric = PRIMARY_METRICS[objective]
        self._batch = SocBatch(self.generator, self.form, objective, 1)
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
    def instance(self) -> Instance:
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
    def problem(self) -> SocProblem:
        """The present decision, for heuristics and solvers."""
        self._check_running()
        return view_problem(self._batch, 0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode.

        `options` may hold ``instance`` (test split), ``workload`` (a `Workload`), or ``gap_factor``
        (training split), a factor on the gaps between arrivals, as a curriculum needs it.
        """
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
        """Take one decision.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        self._check_running()
        batch = self._batch
        try:
            self._action[0] = action
        except (TypeError, ValueError) as error:
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
            info["metrics"] = episode_metrics(batch, 0)
            terminated = bool(info["metrics"]["completed_jobs"] == batch.totals[0])
            truncated = not terminated
        return batch.obs[0].copy(), float(batch.rewards[0]), terminated, truncated, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal actions, bool, shape (actions,)."""
        return np.array(self._batch.masks[0])

    def schedule(self) -> dict[str, list[Any]]:
        """Tasks executed in the episode so far, in completion order, as columns."""
        return episode_schedule(self._batch, 0)

    def get_state(self) -> bytes:
        """Bytes from which `set_state` continues identically, the random generator included."""
        state = {
            "batch": self._batch.get_state(),
            "np_random": self.np_random.bit_generator.state,
            "actions": list(self.actions),
            "finished": self._finished,
        }
        return pack_state(SIMULATOR_VERSION, self.form, state)

    def set_state(self, state: bytes) -> None:
        """Continue from `get_state`'s bytes; only for bytes of your own, they are a pickle."""
        content = unpack_state(state, SIMULATOR_VERSION, self.form)
        self._batch.set_state(content["batch"])
        self.np_random.bit_generator.state = content["np_random"]
        self.actions = list(content["actions"])
        self._finished = content["finished"]
        self.action_space.legal = self._batch.masks[0]

    def render(self) -> Any:
        """Return the schedule so far as text (``ansi``) or as a Gantt chart (``rgb_array``)."""
        if self.render_mode is None:
            warn_of_no_render_mode()
            return None
        from chipgym.envs.soc_scheduling.render import render_ansi, render_rgb

        instance = self.instance
        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(instance, self._batch, 0)

    def _check_running(self) -> None:
        if self._finished:
            raise gym.error.ResetNeeded("The episode is over: call reset() first.")


class SocTaskMappingEnv(SocSchedulingEnv):
    """Choose the processing element of each ready task, tasks in first-in first-out order.

    ## Description
    The form of SoCRATES: of the ready tasks the first one is offered, the agent chooses its PE.
    Every ready task is placed at once; there is no waiting. Everything else is as in
    `chipgym/SocScheduling-v0`.

    ## Action Space
    `Discrete(P)`: the PE. PEs that do not support the task or have failed are masked.

    ## Observation Space
    As in `chipgym/SocScheduling-v0` with one slot.

    ## Rewards
    As in `chipgym/SocScheduling-v0`.

    ## Starting State
    As in `chipgym/SocScheduling-v0`.

    ## Episode End
    As in `chipgym/SocScheduling-v0`.

    ## Arguments
    As in `chipgym/SocScheduling-v0`.

    ## Vectorized environment
    As in `chipgym/SocScheduling-v0`.

    ## Multi-agent
    None.

    ## Version History
    * v0: first version.

    ## References
    * Sung and Ryu, SoCRATES: system-on-chip resource adaptive scheduling using deep reinforcement
      learning, ICMLA 2021.
    """

    form = "mapping"


class SocTaskOrderingEnv(SocSchedulingEnv):
    """Choose which ready task to place next; it goes where it is estimated to finish first.

    ## Description
    The form of DeepSoCS: the agent orders the ready tasks, the PE is that of earliest finish. Every
    ready task is placed at once; there is no waiting. Everything else is as in
    `chipgym/SocScheduling-v0`.

    ## Action Space
    `Discrete(R)`: the slot. Empty slots are masked.

    ## Observation Space
    As in `chipgym/SocScheduling-v0`.

    ## Rewards
    As in `chipgym/SocScheduling-v0`.

    ## Starting State
    As in `chipgym/SocScheduling-v0`.

    ## Episode End
    As in `chipgym/SocScheduling-v0`.

    ## Arguments
    As in `chipgym/SocScheduling-v0`.

    ## Vectorized environment
    As in `chipgym/SocScheduling-v0`.

    ## Multi-agent
    None.

    ## Version History
    * v0: first version.

    ## References
    * Sung et al., DeepSoCS: a neural scheduler for heterogeneous system-on-chip resource
      scheduling, Electronics 2020.
    """

    form = "ordering"
