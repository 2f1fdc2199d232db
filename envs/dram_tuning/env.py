"""The Gymnasium environments of design and tuning: thin, over `evaluation` and `session`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from chipgym.envs.core.spaces import FeasibleMultiDiscrete, LegalDiscrete
from chipgym.envs.dram_tuning.base import DramEnv, Info, score_of
from chipgym.envs.dram_tuning.design_space import Design
from chipgym.envs.dram_tuning.evaluation import Outcome, default_outcome
from chipgym.envs.dram_tuning.generator import Instance
from chipgym.envs.dram_tuning.observation import observe_session
from chipgym.envs.dram_tuning.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.dram_tuning.problem import (
    DramProblem,
    view_design_problem,
    view_tuning_problem,
)
from chipgym.envs.dram_tuning.session import STEPS_PER_EVALUATION, TuningSession
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DramDesignEnv", "DramTuningEnv"]

MAX_BUDGET = 1_000_000
Floats32 = npt.NDArray[np.float32]


class DramDesignEnv(DramEnv):
    """Set all knobs of a memory controller at once for a workload.

    ## Description
    An episode is one workload, a trace of memory requests, and one decision: a value for each knob
    of the controller. The design is simulated command by command on the trace, with the model of
    DRAMSys v4.0, and the episode ends: a contextual bandit, the form of ArchGym. Search algorithms
    reset to the same instance again and again.

    ## Action Space
    `MultiDiscrete`, the index of a value for each knob; `env.unwrapped.problem.knobs` names knobs
    and values. Combinations that cannot be simulated or that lose data are *infeasible*: they are
    not simulated (designs without refresh are), have the lowest reward, and
    `info["infeasible_reason"]` says why. `action_space.sample()` draws feasible designs.

    ## Observation Space
    A flat `Box` of float32 with the fields ``workload`` (features of the trace), ``device``,
    ``objective`` (one-hot) and ``default`` (results of the default design, which belong to the
    instance); `observation_layout` names every element.

    ## Rewards
    The score of the design: the logarithm of the default design's cost over its own, clipped to
    ±4. 0 is the default, 0.69 half its cost. Infeasible designs have -5. Under ``multi`` the reward
    is the hypervolume of the design's vector score, which `info["reward_vector"]` holds.

    ## Starting State
    A trace drawn from `np_random`, or one of 50 fixed test traces; ArchGym's scenarios have one
    trace each.

    ## Episode End
    Terminated after the one step. `info` holds `metrics` with units in their names, the `design`
    by knob, whether it is `feasible`, and `design_key`: designs of equal key have equal results, so
    a search that keeps them needs to simulate one of them only. `evaluations` is 1 if the design
    was simulated, else 0.

    ## Arguments
    * `scenario`: name of a preset (`chipgym info chipgym/DramDesign-v0` lists them) or a
      `Scenario`.
    * `split`: ``"train"`` or ``"test"``.
    * `objective`: ``low-latency``, ``low-time``, ``low-energy``, ``power-under-time``, ``edp``,
      ``archgym-power``, ``archgym-latency``, ``archgym-joint``, ``multi``; the scenario's own by
      default.
    * `num_requests`: requests of a trace.
    * `knobs`: knob set: ``archgym``, ``archgym-ga``, ``archgym-aco`` or ``full``.
    * `device`, `address_map`: names of shipped ones, paths of JSON files, or objects.
    * `workload`: a trace of your own, a `Trace` or the path of a file in the format `trace_format`
      (``dramsys``, ``ramulator``, ``dramsim3``).
    * `render_mode`: ``"ansi"`` or ``"rgb_array"`` (timeline of banks and rows).
    * `evaluate`: what evaluates designs instead of the simulator, such as a table of all outcomes;
      has the form of `chipgym.envs.dram_tuning.evaluation.evaluate_batch`.

    ## Vectorized environment
    ``gym.make_vec(id, num_envs=64, vectorization_mode="vector_entry_point")`` simulates the designs
    of all rows in parallel threads, bit for bit equal to the scalar environments.

    ## Multi-agent
    See `chipgym/DramTuning-v0`.

    ## Version History
    * v0: first version.

    ## References
    * Krishnan et al., ArchGym: an open-source gymnasium for machine learning assisted architecture
      design, ISCA 2023.
    * Steiner et al., DRAMSys4.0: an open-source simulation framework for in-depth DRAM analyses,
      International Journal of Parallel Programming 2022.
    """

    form = "design"
    sequential = False
    action_space: FeasibleMultiDiscrete

    def __init__(self, scenario: str | Scenario = DEFAULT_SCENARIO, **kwargs: Any) -> None:
        super().__init__(scenario, **kwargs)
        self.action_space = self.design_space.space()
        self._design = self.design_space.default

    @property
    def problem(self) -> DramProblem:
        """The problem at hand, for heuristics and searchers."""
        self._check_running()
        return self.view()

    def view(self) -> DramProblem:
        """The same, after the end too."""
        return view_design_problem(self.design_space, self.objective_entry, self.instance)

    def _begin(self, instance: Instance) -> Info:
        self._design = self.design_space.default
        return {}

    def plan(self, action: Any) -> tuple[Design, Outcome | None]:
        """Return the design that an action stands for."""
        self._check_running()
        return self.design_space.check(action, "action"), None

    def settle(self, outcome: Outcome) -> tuple[Floats32, float, bool, bool, Info]:
        """End the episode with the design's outcome."""
        self._finished = True
        if outcome.simulated:
            self._design = outcome.design
        info: Info = {
            "evaluations": int(outcome.simulated),
            "reward_terms": dict(outcome.terms),
            "metrics": dict(outcome.metrics),
            "design": self.design_space.decode(outcome.design),
            "design_key": outcome.key,
            "feasible": outcome.feasible,
            "infeasible_reason": outcome.reason,
        }
        if not self.objective_entry.factors:
            info["reward_vector"] = outcome.vector.copy()
        return self._observation.copy(), outcome.score, True, False, info

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return that an episode with these final metrics must have had."""
        return score_of(self, metrics)

    def _own_state(self) -> dict[str, Any]:
        return {"design": self._design}

    def _set_own_state(self, content: dict[str, Any]) -> None:
        self._design = content["design"]

    def _shown_design(self) -> Design:
        return self._design


class DramTuningEnv(DramEnv):
    """Change one knob of a memory controller after the other, under a budget of evaluations.

    ## Description
    An episode is one workload and starts with the default design. Each step sets one knob to a
    value and evaluates the new design on the trace, with the model of DRAMSys v4.0. What counts is
    the best design found until the budget is spent: the fair comparison with black-box search.

    ## Action Space
    `Discrete(n)`: one action for each value of each knob; `env.unwrapped.problem.edits` lists them
    as (knob, value). Masked are edits that change nothing and those that lead to an infeasible
    design; `env.unwrapped.mask_reasons()` says why. `action_space.sample()` draws legal edits.

    ## Observation Space
    A flat `Box` of float32 with the fields of `chipgym/DramDesign-v0` and ``design`` and
    ``best_design`` (one-hot), ``results`` and ``best_results`` (relative to the default design),
    ``scores`` and ``budget``; `observation_layout` names every element. Element i of ``design``
    belongs to action i.

    ## Rewards
    The growth of the best score so far, never negative, so that an episode's return is the score of
    the best design (see `chipgym/DramDesign-v0`; the default's is 0). Under ``multi`` it is the
    hypervolume that the design adds to all found so far.

    ## Starting State
    As in `chipgym/DramDesign-v0`.

    ## Episode End
    Terminated when the budget is spent. A design whose canonical configuration was evaluated before
    in the episode (ignored knobs set to a fixed value) costs no evaluation, and neither does the
    default. Truncated after four steps for each evaluation of the budget. `info["metrics"]` then
    holds the metrics of the best design.

    ## Arguments
    As in `chipgym/DramDesign-v0`, and

    * `budget`: evaluations of an episode, the scenario's by default.

    ## Vectorized environment
    As in `chipgym/DramDesign-v0`.

    ## Multi-agent
    ``chipgym.envs.dram_tuning_v0``: one agent a knob (``agents="knob"``) or a subsystem
    (``agents="group"``); all set their knobs at once, every step is an evaluation.

    ## Version History
    * v0: first version.

    ## References
    As in `chipgym/DramDesign-v0`, and

    * Krishnan et al., Multi-agent reinforcement learning for microprocessor design space
      exploration, arXiv 2211.16385.
    """

    form = "tuning"
    sequential = True
    action_space: LegalDiscrete

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        *,
        budget: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scenario, **kwargs)
        budget = self.scenario.budget if budget is None else budget
        if not isinstance(budget, int | np.integer) or not 1 <= budget <= MAX_BUDGET:
            raise InvalidValueError("budget", budget, f"an integer >= 1 and <= {MAX_BUDGET}")
        self.budget = int(budget)
        self.steps_per_evaluation = STEPS_PER_EVALUATION
        self.action_space = LegalDiscrete(len(self.design_space.edits))
        self._session: TuningSession | None = None
        self._mask = np.zeros(len(self.design_space.edits), dtype=np.bool_)

    @property
    def session(self) -> TuningSession:
        """The episode so far."""
        if self._session is None:
            raise gym.error.ResetNeeded("Call reset() first: there is no episode yet.")
        return self._session

    @property
    def problem(self) -> DramProblem:
        """The problem as it stands, for heuristics and searchers."""
        self._check_running()
        return self.view()

    def view(self) -> DramProblem:
        """The same, after the end too."""
        return view_tuning_problem(self.session)

    def _begin(self, instance: Instance) -> Info:
        steps = self.steps_per_evaluation * self.budget
        self._session = TuningSession(
            self.design_space, self.objective_entry, instance, self.budget, steps
        )
        self._look()
        return {"action_mask": self._mask.copy()}

    def _look(self) -> None:
        """Bring observation and masks up to date."""
        observe_session(self.observation_layout, self.session, self._observation)
        if self._finished:
            self._mask = np.zeros_like(self._mask)
        else:
            self._mask = self.session.edit_mask()
        self.action_space.legal = self._mask

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal edits, bool, shape (edits,)."""
        return self._mask.copy()

    def mask_reasons(self) -> dict[int, str]:
        """Why each masked edit is masked, by action."""
        return {i: reason for i, reason in enumerate(self.session.edit_reasons()) if reason}

    def plan(self, action: Any) -> tuple[Design, Outcome | None]:
        """Return the design after an edit, and its outcome where it is known."""
        self._check_running()
        try:
            index = int(action)
        except (TypeError, ValueError) as error:
            raise InvalidValueError("action", action, "an integer") from error
        session = self.session
        if index != action or not 0 <= index < len(self._mask):
            raise InvalidValueError("action", action, f">= 0 and <= {len(self._mask) - 1}")
        if not self._mask[index]:
            knob, value = session.space.edits[index]
            edit = f"{session.space.knobs[knob].name}={session.space.knobs[knob].values[value]}"
            reason = session.edit_reasons()[index]
            raise InvalidValueError("action", index, f"the unmasked edits; {edit}: {reason}")
        design = session.edit(session.space.edits[index])
        return design, session.recall(design)

    def settle(self, outcome: Outcome) -> tuple[Floats32, float, bool, bool, Info]:
        """Take the outcome of the edit in."""
        session = self.session
        reward, terms = session.add(outcome)
        terminated = session.spent
        truncated = not terminated and session.steps_left <= 0
        self._finished = terminated or truncated
        self._look()
        info: Info = {
            "action_mask": self._mask.copy(),
            "evaluations": session.evaluations,
            "reward_terms": terms,
            "design": self.design_space.decode(outcome.design),
            "design_key": outcome.key,
            "feasible": outcome.feasible,
            "infeasible_reason": outcome.reason,
        }
        if not self.objective_entry.factors:
            info["reward_vector"] = outcome.vector.copy()
        if self._finished:
            info["metrics"] = session.metrics()
            info["best_design"] = self.design_space.decode(session.best.design)
        return self._observation.copy(), reward, terminated, truncated, info

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return that an episode with these final metrics must have had."""
        first = default_outcome(self.design_space, self.objective_entry, self.instance)
        return score_of(self, metrics) - first.score

    def _own_state(self) -> dict[str, Any]:
        session = None if self._session is None else self._session.get_state()
        return {"session": session, "mask": self._mask}

    def _set_own_state(self, content: dict[str, Any]) -> None:
        state = content["session"]
        if state is not None:
            state = TuningSession.from_state(self.design_space, self.objective_entry, state)
        self._session = state
        self._mask = content["mask"]
        self.action_space.legal = self._mask

    def _shown_design(self) -> Design:
        return self.session.best.design
