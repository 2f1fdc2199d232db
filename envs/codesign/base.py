"""What all forms share: arguments, instances, steps in three parts, state, rendering."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.envs.codesign.accuracy import AccuracyProvider, make_provider
from chipgym.envs.codesign.design_space import Design, DesignSpace
from chipgym.envs.codesign.evaluation import Outcome, evaluate_batch, train
from chipgym.envs.codesign.generator import Instance, InstanceGenerator
from chipgym.envs.codesign.observation import observe_spec
from chipgym.envs.codesign.presets import DEFAULT_SCENARIO, Scenario, find_scenario
from chipgym.envs.codesign.problem import CoDesignProblem
from chipgym.envs.codesign.reward import Spec
from chipgym.envs.core.fields import ObservationLayout
from chipgym.simulators.accelerator.simulate import SIMULATOR_VERSION
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

__all__ = ["RESET_OPTIONS", "CoDesignBase", "Info", "check_choice", "check_masked"]

SPLITS = ("train", "test")
RENDER_MODES = ("ansi", "rgb_array")
RESET_OPTIONS = ("instance",)
HISTORY = 512
UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    IndexError,
    ImportError,
)

Floats32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Info = dict[str, Any]


def check_choice(field: str, value: object, known: Sequence[str]) -> None:
    """Raise `UnknownNameError` unless the value is one of the known names."""
    if value not in known:
        raise UnknownNameError(field, value, known, "co-design")


def check_masked(action: Any, mask: Bools) -> int:
    """Return an action as an integer, or raise `InvalidValueError` where it is not legal."""
    try:
        number = int(action)
        whole = number == action and np.ndim(action) == 0
    except (TypeError, ValueError) as error:
        raise InvalidValueError("action", action, "an integer") from error
    if not whole or not 0 <= number < len(mask) or not mask[number]:
        legal = ", ".join(map(str, np.flatnonzero(mask)))
        raise InvalidValueError("action", action, f"the unmasked ones {legal}")
    return number


def _spec(spec: Spec | Mapping[str, float] | None) -> Spec | None:
    if spec is None or isinstance(spec, Spec):
        return spec
    try:
        return Spec(**spec)
    except TypeError as error:
        raise InvalidValueError("spec", spec, f"the fields of a Spec ({error})") from error


class CoDesignBase(gym.Env[Any, Any]):
    """Steps in three parts: `plan` checks an action, the design is costed, `settle` goes on.

    A vector environment costs the designs of all rows at once.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 2}
    form: ClassVar[str]
    simulator_version = SIMULATOR_VERSION
    primary_metric = "score"
    lower_is_better = False
    # The score of a design that misses a limit is as low as it misses it: it counts as a result.
    penalised_metric = True
    reference_policy = "random-search-100"
    one_sided = True
    observation_layout: ObservationLayout

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        split: str = "train",
        spec: Spec | Mapping[str, float] | None = None,
        accuracy: str | AccuracyProvider | None = None,
        accuracy_options: Mapping[str, Any] | None = None,
        prune: bool = True,
        render_mode: str | None = None,
    ) -> None:
        self.scenario = find_scenario(scenario)
        check_choice("split", split, SPLITS)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES)
        self.generator = InstanceGenerator(self.scenario, _spec(spec))
        self.provider = make_provider(
            self.scenario.accuracy if accuracy is None else accuracy, accuracy_options
        )
        for task in self.scenario.tasks:
            self.provider.check(task)
        self.split = split
        self.prune = bool(prune)
        self.render_mode = render_mode
        self.designs: DesignSpace = self.generator.design_space
        self.observation_layout = self._layout()
        self.observation_space: spaces.Space[Any] = self.observation_layout.space()
        self._observation = self.observation_layout.empty()
        self._instance: Instance | None = None
        self._finished = True
        self.history: deque[Outcome] = deque(maxlen=HISTORY)

    def _layout(self) -> ObservationLayout:
        raise NotImplementedError

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

    @property
    def problem(self) -> CoDesignProblem:
        """The present decision, for heuristics and searchers."""
        self._check_running()
        return self.view()

    def view(self) -> CoDesignProblem:
        """The same, after the end too."""
        raise NotImplementedError

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats32, Info]:
        """Start an episode; `options`: ``instance`` (test split).

        Raises
        ------
        UnknownNameError, InvalidValueError
            An option is unknown, or an instance is asked of a split that has none.
        """
        super().reset(seed=seed)
        options = options or {}
        for key in options:
            check_choice("reset option", key, RESET_OPTIONS)
        if "instance" in options:
            if self.split != "test":
                raise InvalidValueError("instance", options["instance"], "only with split='test'")
            instance = self.generator.test(options["instance"])
        elif self.split == "test":
            instance = self.generator.test(int(self.np_random.integers(self.num_instances)))
        else:
            instance = self.generator.sample(self.np_random)
        self._instance = instance
        self._finished = False
        self._observation = self.observation_layout.empty()
        layout, own = self.observation_layout, self.generator.spec
        observe_spec(layout, instance.spec, own, self._observation)
        info = self._begin()
        return self._observation.copy(), {
            "evaluations": 0,
            "trainings": 0,
            "instance": instance.name,
            **info,
        }

    def step(self, action: Any) -> tuple[Floats32, float, bool, bool, Info]:
        """Take an action.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        design = self.plan(action)
        return self.settle(action, None if design is None else self.cost([design])[0])

    def cost(self, designs: Sequence[Design]) -> list[Outcome]:
        """Cost designs for the episode's instance; nothing is trained."""
        return evaluate_batch(self.designs, [(self.instance, design) for design in designs])

    def plan(self, action: Any) -> Design | None:
        """Return the design that is to be costed when an action is taken, None if there is none.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        raise NotImplementedError

    def settle(
        self, action: Any, outcome: Outcome | None
    ) -> tuple[Floats32, float, bool, bool, Info]:
        """Take an action whose design was costed; returns what `step` does."""
        raise NotImplementedError

    def _begin(self) -> Info:
        """Set up the episode; return what the form adds to the info."""
        raise NotImplementedError

    def _wants_training(self, outcome: Outcome) -> bool:
        """Whether a design's networks are to be trained: not where no specification can be met."""
        return not outcome.reason and (outcome.meets or not self.prune)

    def _train(self, outcome: Outcome) -> Outcome:
        return train(self.designs, self.provider, outcome)

    @property
    def paid_trainings(self) -> int | None:
        """Trainings that were paid for so far; None where they have no budget."""
        provider: Any = self.provider
        return None if getattr(provider, "budget", None) is None else int(provider.trainings)

    def begin_search(self) -> None:
        """Give back the budget of trainings: every search has its own."""
        if self.paid_trainings is not None:
            provider: Any = self.provider
            provider.begin()

    def recall(self, action: Any, trainings: int) -> None:
        """Pay for a design's networks without asking for their accuracies.

        Parameters
        ----------
        action : array-like of int
            A whole design, whose outcome is known from the record of a search.
        trainings : int
            `paid_trainings` after it.
        """
        design = self.designs.check(action, "action")
        if self.paid_trainings is None:
            return
        provider: Any = self.provider
        for task, network in zip(self.designs.tasks, self.designs.networks_of(design), strict=True):
            provider.restore(task, network, trainings)

    def _networks(self, outcome: Outcome) -> set[tuple[str, str]]:
        """Networks of a design, each once: data set and architecture."""
        found = self.designs.networks_of(outcome.design)
        return {(t.data_set, a.key) for t, a in zip(self.designs.tasks, found, strict=True)}

    def _described(self, outcome: Outcome) -> Info:
        """What the info says of a design."""
        info: Info = {
            "design": self.designs.decode(outcome.design),
            "design_key": outcome.key,
            "feasible": outcome.meets,
            "infeasible_reason": outcome.reason,
            "training_failure": outcome.failure,
        }
        if outcome.trained:
            info["accuracy"] = outcome.labels
        return info

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return that an episode with these final metrics must have had."""
        return float(metrics["score"])

    def get_state(self) -> bytes:
        """Bytes from which `set_state` continues identically, the random generator included."""
        state = {
            "version": SIMULATOR_VERSION,
            "form": (self.form, self.scenario.name),
            "np_random": self.np_random.bit_generator.state,
            "instance": self._instance,
            "finished": self._finished,
            "observation": self._observation,
            "own": self._own_state(),
        }
        return pickle.dumps(state)

    def set_state(self, state: bytes) -> None:
        """Continue from `get_state`'s bytes; only for bytes of your own, they are a pickle."""
        try:
            content = pickle.loads(state)
            made_by = content["version"], content["form"]
            own = content["own"]
        except UNREADABLE as error:
            raise FileFormatError("state", "not made by get_state()") from error
        mine = SIMULATOR_VERSION, (self.form, self.scenario.name)
        if made_by != mine:
            raise InvalidValueError("state", made_by, repr(mine))
        self.np_random.bit_generator.state = content["np_random"]
        self._instance = content["instance"]
        self._finished = content["finished"]
        self._observation = content["observation"]
        self._set_own_state(own)

    def _own_state(self) -> dict[str, Any]:
        raise NotImplementedError

    def _set_own_state(self, content: dict[str, Any]) -> None:
        raise NotImplementedError

    def _shown(self) -> Outcome | None:
        """Design that `render` shows."""
        raise NotImplementedError

    def render(self) -> Any:
        """Return mapping and schedule, as text (``ansi``) or with a Pareto plot (``rgb_array``)."""
        if self.render_mode is None:
            gym.logger.warn(
                "render() without render_mode does nothing; gym.make(..., render_mode=…)"
            )
            return None
        from chipgym.envs.codesign.render import render_ansi, render_rgb

        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(self.designs, self.instance, self._shown(), list(self.history))

    def _check_running(self) -> None:
        if self._finished:
            raise gym.error.ResetNeeded("The episode is over: call reset() first.")
