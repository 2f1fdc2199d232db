"""The Gymnasium environments: one command at a time, or a whole recipe at once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.envs.core.episodes import check_choice
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.envs.logic_synthesis.episode import Episode
from chipgym.envs.logic_synthesis.generator import CircuitLike, Instance, InstanceGenerator
from chipgym.envs.logic_synthesis.observation import build_layout, observe
from chipgym.envs.logic_synthesis.point import Point
from chipgym.envs.logic_synthesis.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.logic_synthesis.problem import LogicProblem, view_problem
from chipgym.envs.logic_synthesis.reward import expected_return
from chipgym.envs.logic_synthesis.task import WHERE, build_task, find_scenario
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
from chipgym.simulators.logic.aiger import Aig
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.library import Library
from chipgym.simulators.logic.shared import SharedSessions
from chipgym.simulators.logic.simulate import SIMULATOR_VERSION
from chipgym.simulators.logic.worker import Limits

__all__ = ["LogicRecipeEnv", "LogicSynthesisEnv"]

SPLITS = ("train", "test")
RENDER_MODES = ("ansi", "rgb_array")
RESET_OPTIONS = ("instance", "circuit")

Observation = npt.NDArray[np.float32]


class LogicSynthesisEnv(gym.Env[Any, Any]):
    """Build a recipe of ABC commands that makes a circuit small and fast.

    ## Description
    A circuit is an And-Inverter Graph. At each step the agent chooses one of ABC's commands, which
    rewrites the graph without changing its function. After the last step the circuit is mapped to
    the gates of a library, which gives area and delay. The commands run in the real ABC. The state
    is the AIGER file between two commands, so a recipe's result does not depend on what ran before.

    ## Action Space
    `Discrete(7)`: ``refactor``, ``refactor -z``, ``rewrite``, ``rewrite -z``, ``resub``,
    ``resub -z``, ``balance``, in ABC-RL's order. Other sets by the argument `action_set`. With
    `stop_action` one more action ends the recipe; it is masked at the first step. No other action
    is ever masked; `action_masks()` has the masks.

    ## Observation Space
    A flat `Box` of float32 with the fields ``statistics``, ``levels``, ``fanouts``, ``recipe``,
    ``steps_left`` and ``measured``; `observation_layout` names every element. The graph itself is
    given by the wrapper `chipgym.envs.logic_synthesis.graph.AigGraphObservation`.

    ## Rewards
    By `objective`; `info["reward_terms"]` holds the terms, of which the reward is the sum:

    * ``adp`` (default): at the end, minus the area-delay product in units of what ABC's script
      resyn2 reaches on the same circuit. A return of -0.9 is 10 % better than resyn2.
    * ``abc-rl``: at the end, ``max(-1, 1 - ADP / ADP of resyn2)``, as published; resyn2 gets 0.
    * ``log-adp``: at each step, ``log(ADP before / ADP after)``, as logarithms of area and delay.
    * ``nodes``: at each step, nodes saved over nodes at the start, less the average that resyn2
      saves (abcRL). The return is the lead over resyn2.
    * ``nodes-levels``: the same for nodes times levels.
    * ``drills``: at each step, DRiLLS' table of area and delay against the step before and a clock.
    * ``lut6``: at the end, minus six-input tables over resyn2's, minus levels over resyn2's
      (BOiLS); resyn2 gets -2.

    ## Starting State
    A circuit as given. Training draws one of the scenario's training circuits with `np_random`;
    test circuits are a fixed list, chosen by ``reset(options={"instance": k})`` or at random.
    ``reset(options={"circuit": …})`` takes any circuit.

    ## Episode End
    Terminated after `steps` commands, or by the stop action. `info["metrics"]` then holds the
    metrics, `info["recipe"]` the commands (`info["design_key"]` too: equal keys, equal results);
    `info["abc"]` and `info["abc_build"]` say which ABC is behind them, `info["mapper"]` and
    `info["library"]` how it mapped. `info["evaluations"]` counts evaluated recipes, 0 before the
    end and 1 at it; `info["commands"]` counts the commands that were executed.

    ## Arguments
    * `scenario`: name of a preset (`chipgym info chipgym/LogicSynthesis-v0` lists them) or a
      `Scenario`.
    * `split`: ``"train"`` or ``"test"``.
    * `objective`: see above; the scenario's own by default.
    * `circuit`: one circuit or several, for both splits, instead of the scenario's: names of
      shipped ones (``"alu-8"``), of EPFL benchmarks (``"epfl-router"``; fetch them first with
      `chipgym data fetch epfl`), or paths of AIGER, BLIF, BENCH or Verilog files.
    * `action_set`: ``"abc-rl"``, ``"abcrl-5"``, ``"boils-11"``, or a list of ABC commands.
    * `steps`: commands of a recipe.
    * `stop_action`: whether the agent may stop earlier.
    * `mapper`: ``"nf"`` (ABC's `&nf`) or ``"map"``, ABC-RL's, which is slower.
    * `library`: path of a Liberty file; a logical-effort library is bundled.
    * `buffered`: buffer and size the gates after mapping.
    * `clock_ps`: clock of the objective ``drills``; by default the delay that resyn2 reaches.
    * `abc`: path of an ABC executable; by default the one that pyosys bundles.
    * `cache`: True keeps results in the memory of the process, a path in a file too, False not.
    * `command_limit_s`: time limit of one ABC command.
    * `render_mode`: ``"ansi"`` or ``"rgb_array"`` (quality against step).

    ## Vectorized environment
    ``gym.make_vec(id, num_envs=8, vectorization_mode="vector_entry_point")`` steps all environments
    at once, over as many ABC processes as there are processors (`workers`), bit for bit equal to
    the scalar environments; `autoreset_mode` is an argument.

    ## Multi-agent
    ``chipgym.envs.logic_synthesis_v0``: an area agent and a delay agent taking turns.

    ## Version History
    * v0: first version.

    ## References
    * Chowdhury et al., Retrieval-guided reinforcement learning for Boolean circuit minimization
      (ABC-RL), ICLR 2024, arXiv 2401.12205.
    * Hosny et al., DRiLLS: deep reinforcement learning for logic synthesis, ASP-DAC 2020.
    * Zhu et al., Exploring logic optimizations with reinforcement learning and graph convolutional
      network (abcRL), MLCAD 2020.
    * Grosnit et al., BOiLS: Bayesian optimisation for logic synthesis, DATE 2022.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 2}
    reference_policy = "random-search-100"
    lower_is_better = True

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        circuit: CircuitLike | Sequence[CircuitLike] | None = None,
        action_set: str | Sequence[str] | None = None,
        steps: int | None = None,
        stop_action: bool = False,
        mapper: str | None = None,
        library: str | os.PathLike[str] | Library | None = None,
        buffered: bool = False,
        clock_ps: float | None = None,
        abc: str | os.PathLike[str] | None = None,
        cache: bool | str | os.PathLike[str] = True,
        command_limit_s: float = Limits.command_s,
        render_mode: str | None = None,
    ) -> None:
        self.scenario = find_scenario(scenario)
        check_choice("split", split, SPLITS, WHERE)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES, WHERE)
        self.split = split
        self.task = build_task(
            self.scenario,
            objective,
            action_set,
            steps,
            stop_action,
            mapper,
            library,
            buffered,
            clock_ps,
        )
        self.objective = self.task.objective
        self.primary_metric = self.task.goal.metric
        self.one_sided = self.task.goal.one_sided
        self.render_mode = render_mode
        self.sessions = SharedSessions(abc, Limits(command_s=command_limit_s), cache)
        self.generator = InstanceGenerator(self.scenario, self.task, self.sessions, circuit)
        self.observation_layout: ObservationLayout = build_layout(self.task)
        self.observation_space: spaces.Space[Any] = self.observation_layout.space()
        self.action_space: spaces.Space[Any] = self._actions()
        self._task_hash = self.task.content_hash
        self._episode: Episode | None = None

    def _actions(self) -> spaces.Space[Any]:
        return LegalDiscrete(self.task.num_actions)

    @property
    def simulator_version(self) -> str:
        """Version of the results: the simulator's, and the ABC that runs."""
        return f"{SIMULATOR_VERSION} (ABC: {self.sessions.identity})"

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return self.generator.num_test_instances

    @property
    def episode(self) -> Episode:
        """The episode: recipe and circuit so far."""
        if self._episode is None:
            raise gym.error.ResetNeeded("Call reset() first: there is no instance yet.")
        return self._episode

    @property
    def instance(self) -> Instance:
        """The episode's instance, complete and replayable."""
        return self.episode.instance

    @property
    def instance_id(self) -> str:
        """Name of the episode's circuit."""
        return self.instance.name

    @property
    def actions(self) -> list[int]:
        """Actions of the episode so far."""
        return list(self.episode.actions)

    @property
    def problem(self) -> LogicProblem:
        """The present decision, for heuristics and searchers."""
        self._check_running()
        return view_problem(self.episode)

    @property
    def aig(self) -> Aig:
        """The graph of the circuit now."""
        return self.episode.point.state.aig

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; `options`: ``instance`` (test split) or ``circuit``.

        Raises
        ------
        UnknownNameError, InvalidValueError, FileFormatError
            An option is unknown, or the circuit that it asks for does not exist.
        AbcNotFoundError
            There is no ABC.
        """
        super().reset(seed=seed)
        self._episode = Episode(self._draw(options or {}))
        info = {**self._info(), "instance": self.instance_id}
        return observe(self._episode, self.observation_layout), info

    def _draw(self, options: dict[str, Any]) -> Instance:
        for key in options:
            check_choice("reset option", key, RESET_OPTIONS, WHERE)
        if "circuit" in options:
            return self.generator.build(options["circuit"])
        if "instance" in options:
            if self.split != "test":
                raise InvalidValueError("instance", options["instance"], "only with split='test'")
            return self.generator.test(options["instance"])
        return self.generator.sample(self.np_random, self.split)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Carry out one command.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        AbcCommandError, AbcTimeoutError, AbcCrashedError
            ABC cannot carry out the command; nothing has changed.
        """
        actions = self.decode(action)
        episode = self.episode
        with self.sessions.session(episode.point.state) as session:
            points = episode.simulate(actions, session)
        return self.finish(actions, points)

    def decode(self, action: Any) -> list[int]:
        """Return the commands that an action stands for, as numbers.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range.
        """
        self._check_running()
        try:
            number = int(action)
            whole = number == action and np.ndim(action) == 0
        except (TypeError, ValueError) as error:
            raise InvalidValueError("action", action, "an integer") from error
        masks = self.episode.masks()
        if not whole or not 0 <= number < len(masks) or not masks[number]:
            legal = ", ".join(str(i) for i in np.flatnonzero(masks))
            raise InvalidValueError("action", action, f"the unmasked ones {legal}")
        return [number]

    def finish(
        self, actions: Sequence[int], points: Sequence[Point]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Carry out commands whose results are known; return what `step` returns."""
        episode = self.episode
        terms: dict[str, float] = {}
        for action, point in zip(actions, points, strict=False):
            for name, value in episode.apply(action, point).items():
                terms[name] = terms.get(name, 0.0) + value
        info = {**self._info(), "reward_terms": terms}
        if episode.ended:
            info["metrics"] = episode.metrics()
            info["recipe"] = "; ".join(episode.commands)
            info["design_key"] = info["recipe"]
            info["abc"] = episode.instance.abc
            info["abc_build"] = episode.instance.build
            info["mapper"], info["library"] = self.task.mapper, self.task.library.name
        observation = observe(episode, self.observation_layout)
        return observation, float(sum(terms.values())), episode.ended, False, info

    def _info(self) -> dict[str, Any]:
        """What is told after every call; tells the action space what is legal, too."""
        episode = self.episode
        mask = self.action_masks()
        if isinstance(self.action_space, LegalDiscrete):
            self.action_space.legal = mask.copy()
        return {
            "action_mask": mask,
            "commands": len(episode.commands),
            "evaluations": int(episode.ended),
        }

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return of an episode with these metrics: what the rewards telescope to."""
        episode = self.episode
        mapped = [(mark.area, mark.delay_ps) for mark in episode.marks[1:]]
        return expected_return(self.objective, metrics, episode.instance.baselines, mapped)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal actions, bool, shape (actions,)."""
        return self.episode.masks()

    def get_state(self) -> bytes:
        """Bytes from which `set_state` continues identically, the random generator included."""
        state = {
            "version": SIMULATOR_VERSION,
            "task": self._task_hash,
            "np_random": self.np_random.bit_generator.state,
            "episode": None if self._episode is None else self._episode.get_state(),
        }
        return pickle.dumps(state)

    def set_state(self, state: bytes) -> None:
        """Continue from `get_state`'s bytes; only for bytes of your own, they are a pickle."""
        try:
            content = pickle.loads(state)
            made_by = (content["version"], content["task"])
            held, generator = content["episode"], content["np_random"]
        except (pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError) as error:
            raise FileFormatError("state", "not made by get_state()") from error
        if made_by != (SIMULATOR_VERSION, self._task_hash):
            expected = (SIMULATOR_VERSION, self._task_hash)
            raise InvalidValueError("state", made_by, f"{expected}: version and task")
        episode = None if held is None else self._restored(held)
        self.np_random.bit_generator.state = generator
        self._episode = episode
        if episode is not None:
            self._info()

    def _restored(self, held: dict[str, Any]) -> Episode:
        name, body = held["circuit"]
        mine = self._episode.instance if self._episode is not None else None
        if mine is None or (mine.name, mine.circuit.body) != (name, body):
            mine = self.generator.build(Circuit(name, body))
        return Episode.from_state(held, mine, self.sessions.cache)

    def render(self) -> Any:
        """Return the recipe so far as text (``ansi``) or as curves (``rgb_array``)."""
        if self.render_mode is None:
            gym.logger.warn(
                "render() without render_mode does nothing; gym.make(..., render_mode=…)"
            )
            return None
        from chipgym.envs.logic_synthesis.render import render_ansi, render_rgb

        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(self.episode)

    def close(self) -> None:
        """Give the ABC processes back; the last environment of the process ends them."""
        self.sessions.close()
        super().close()

    def _check_running(self) -> None:
        if self._episode is None or self._episode.ended:
            raise gym.error.ResetNeeded("The episode is over: call reset() first.")


class LogicRecipeEnv(LogicSynthesisEnv):
    """Choose a whole recipe of ABC commands at once.

    ## Description
    The one-shot form of `chipgym/LogicSynthesis-v0`, for black-box search: one action is a design,
    one step its evaluation. Circuits, commands, objectives and metrics are the same.

    ## Action Space
    `MultiDiscrete([7] * 10)`: the command of each step. With `stop_action`, what follows the first
    stop does not count; a recipe that begins with it is empty.

    ## Observation Space
    As in `chipgym/LogicSynthesis-v0`; at the start it describes the circuit as given.

    ## Rewards
    As in `chipgym/LogicSynthesis-v0`: the sum over the recipe.

    ## Starting State
    As in `chipgym/LogicSynthesis-v0`.

    ## Episode End
    Terminated after one step. `info["evaluations"]` is 1 at the end, `info["commands"]` the
    number of commands.

    ## Arguments
    As in `chipgym/LogicSynthesis-v0`.

    ## Vectorized environment
    As in `chipgym/LogicSynthesis-v0`: the recipes of all environments are evaluated side by side.

    ## Multi-agent
    None.

    ## Version History
    * v0: first version.

    ## References
    * Grosnit et al., BOiLS: Bayesian optimisation for logic synthesis, DATE 2022.
    """

    def _actions(self) -> spaces.Space[Any]:
        return spaces.MultiDiscrete([self.task.num_actions] * self.task.steps)

    def decode(self, action: Any) -> list[int]:
        """Return the commands of a recipe, as numbers.

        Raises
        ------
        InvalidValueError
            The recipe has another length, or a number out of range.
        """
        self._check_running()
        task = self.task
        design = np.asarray(action)
        inside = design.shape == (task.steps,) and design.dtype.kind in "iu"
        if not inside or design.min() < 0 or design.max() >= task.num_actions:
            allowed = f"{task.steps} integers >= 0 and <= {task.num_actions - 1}"
            raise InvalidValueError("action", action, allowed)
        return [int(number) for number in design]

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal numbers of each position, bool, shape (steps * actions,), as sb3-contrib has it."""
        return np.full(self.task.steps * self.task.num_actions, not self.episode.ended)
