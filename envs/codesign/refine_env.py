"""The Gymnasium environment that refines a design by edits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.base import CoDesignBase, Info, check_masked
from chipgym.envs.codesign.design_space import Design
from chipgym.envs.codesign.edits import apply_edit, build_edits, edit_reason
from chipgym.envs.codesign.evaluation import Outcome
from chipgym.envs.codesign.observation import (
    observe_design,
    observe_left,
    observe_outcome,
    refine_layout,
)
from chipgym.envs.codesign.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.codesign.problem import CoDesignProblem, view_problem
from chipgym.envs.codesign.session import RefineSession
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["CoDesignRefineEnv"]

MAX_BUDGET = 1_000_000
Floats32 = npt.NDArray[np.float32]


def _count(field: str, value: Any, default: int, low: int) -> int:
    value = default if value is None else value
    if not isinstance(value, int | np.integer) or not low <= value <= MAX_BUDGET:
        raise InvalidValueError(field, value, f"an integer >= {low} and <= {MAX_BUDGET}")
    return int(value)


class CoDesignRefineEnv(CoDesignBase):
    """Refine neural networks and the chip that runs them by edits.

    ## Description
    The problem of `chipgym/CoDesign-v0`, as local search: an episode starts with the default
    design (the smallest networks, equal shares of the budgets), and each step edits and costs it.
    What counts is the best design of the episode. Trainings are scarce and have a budget of their
    own: only designs that meet all limits are trained, and each network once an episode.

    ## Action Space
    `Discrete(n)`: each token one option up or down (eight, too, where it has many), and for each
    network ``wider`` (more filters everywhere) and ``deeper`` (a layer or a level more).
    `env.unwrapped.problem.edits` names them. Edits that change nothing, or break a budget, are
    masked; `env.unwrapped.mask_reasons()` says why.

    ## Observation Space
    A flat `Box` of float32 with the fields ``choices``, ``left`` (budgets), ``last``, ``best`` and
    ``spec``; `observation_layout` names every element.

    ## Rewards
    The growth of the best score so far, never negative; a design's score is its reward in
    `chipgym/CoDesign-v0`. A design whose training failed, or could not be paid for, never is the
    best.

    ## Starting State
    The default design, as far as it is known: its evaluation and training cost nothing.

    ## Episode End
    Terminated when a design needs more trainings than are left, truncated after `steps` edits.
    `info["metrics"]` then holds the metrics of the best design, `info["best_design"]` its options.
    `info["evaluations"]` counts the designs that were costed, each once.

    ## Arguments
    As in `chipgym/CoDesign-v0`, without `hardware_steps` and `shaping`, and

    * `steps`: edits of an episode, the scenario's by default.
    * `trainings`: the budget of trainings, the scenario's by default.

    ## Vectorized environment
    As in `chipgym/CoDesign-v0`.

    ## Multi-agent
    None.

    ## Version History
    * v0: first version.

    ## References
    As in `chipgym/CoDesign-v0`.
    """

    form = "refine"
    action_space: LegalDiscrete

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        *,
        steps: int | None = None,
        trainings: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scenario, **kwargs)
        self.steps = _count("steps", steps, self.scenario.steps, 1)
        self.trainings = _count("trainings", trainings, self.scenario.trainings, 0)
        self.edits = build_edits(self.designs)
        self.action_space = LegalDiscrete(len(self.edits))
        self._session: RefineSession | None = None
        self._mask = np.zeros(len(self.edits), dtype=np.bool_)
        self._start_score = 0.0

    def _layout(self) -> ObservationLayout:
        return refine_layout(self.designs)

    @property
    def session(self) -> RefineSession:
        """The episode so far."""
        if self._session is None:
            raise gym.error.ResetNeeded("Call reset() first: there is no episode yet.")
        return self._session

    def view(self) -> CoDesignProblem:
        """The problem as it stands, after the end too."""
        session = self.session
        return view_problem(
            self.designs,
            self.instance,
            self.designs.split(session.last.design),
            steps_left=session.steps_left,
            trainings_left=session.trainings_left,
            best_design=session.best.design,
            best_score=session.best.score,
            edits=tuple(edit.name for edit in self.edits),
        )

    def _begin(self) -> Info:
        first = self.cost([self.designs.canonical(self.designs.default)])[0]
        networks: set[tuple[str, str]] = set()
        if self._wants_training(first):
            networks = self._networks(first)
            first = self._train(first)
        self._session = RefineSession(first, networks, self.steps, self.trainings)
        self._start_score = first.score
        self._look()
        return {"action_mask": self._mask.copy()}

    def _look(self) -> None:
        """Bring observation and masks up to date."""
        session, layout, row = self.session, self.observation_layout, self._observation
        space, design, spec = self.designs, session.last.design, self.instance.spec
        observe_design(layout, space, design, row)
        left = (
            session.steps_left / max(session.max_steps, 1),
            session.trainings_left / max(session.budget, 1),
        )
        observe_left(layout, space, space.split(design)[-1], left, row)
        observe_outcome(layout, "last", session.last, spec, row)
        observe_outcome(layout, "best", session.best, spec, row)
        legal = [not self._finished and not edit_reason(space, design, e) for e in self.edits]
        self._mask = np.array(legal, dtype=np.bool_)
        self.action_space.legal = self._mask

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal edits, bool, shape (edits,)."""
        return self._mask.copy()

    def mask_reasons(self) -> dict[int, str]:
        """Why each masked edit is masked, by action."""
        design = self.session.last.design
        reasons = (edit_reason(self.designs, design, edit) for edit in self.edits)
        return {number: reason for number, reason in enumerate(reasons) if reason}

    def plan(self, action: Any) -> Design | None:
        """Return the edited design."""
        self._check_running()
        number = check_masked(action, self._mask)
        return apply_edit(self.designs, self.session.last.design, self.edits[number])

    def settle(
        self, action: Any, outcome: Outcome | None
    ) -> tuple[Floats32, float, bool, bool, Info]:
        """Take the edited design in."""
        assert outcome is not None
        session = self.session
        known = session.recall(outcome)
        wanted = self._wants_training(outcome)
        if known is not None and (known.trained or known.failure or not wanted):
            outcome = known
        elif wanted and session.afford(self._networks(outcome)):
            outcome = self._train(outcome)
        elif wanted:
            outcome = replace(outcome, failure=f"the budget of {session.budget} trainings is spent")
        terms = session.add(outcome, outcome.trained or not wanted)
        terminated = session.spent
        truncated = not terminated and session.steps_left <= 0
        self._finished = terminated or truncated
        self._look()
        info: Info = {
            "action_mask": self._mask.copy(),
            "evaluations": session.evaluations,
            "trainings": session.trainings,
            "reward_terms": terms,
            **self._described(outcome),
        }
        if self._finished:
            self.history.append(session.best)
            # The evaluation of the default design belongs to the instance.
            info["metrics"] = {**session.best.metrics, "trainings": float(session.trainings)}
            info["best_design"] = self.designs.decode(session.best.design)
        reward = float(sum(terms.values()))
        return self._observation.copy(), reward, terminated, truncated, info

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return that an episode with these final metrics must have had."""
        return float(metrics["score"]) - self._start_score

    def _own_state(self) -> dict[str, Any]:
        session = None if self._session is None else self._session.get_state()
        return {"session": session, "mask": self._mask, "start": self._start_score}

    def _set_own_state(self, content: dict[str, Any]) -> None:
        state = content["session"]
        self._session = None if state is None else RefineSession.from_state(state)
        self._mask = content["mask"]
        self._start_score = content["start"]
        self.action_space.legal = self._mask

    def _shown(self) -> Outcome | None:
        return self.session.best
