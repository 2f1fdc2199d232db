"""The Gymnasium environments that make a design: token by token, or at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.base import CoDesignBase, Info, check_masked
from chipgym.envs.codesign.design_space import Design, Parts
from chipgym.envs.codesign.estimate import estimate_costs
from chipgym.envs.codesign.evaluation import Outcome
from chipgym.envs.codesign.observation import (
    design_layout,
    observe_building,
    observe_left,
    observe_outcome,
    oneshot_layout,
)
from chipgym.envs.codesign.presets import DEFAULT_SCENARIO, Scenario
from chipgym.envs.codesign.problem import CoDesignProblem, view_problem
from chipgym.envs.codesign.reward import COSTS, PENALTY_WEIGHT, penalties
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.spaces import FeasibleMultiDiscrete, LegalDiscrete
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["CoDesignEnv", "CoDesignOneShotEnv"]

MAX_CHIPS = 1000
Floats32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Result = tuple[Floats32, float, bool, bool, Info]


class CoDesignEnv(CoDesignBase):
    """Design neural networks and the chip that runs them, token by token.

    ## Description
    A workload has some tasks; each gets a network from a space of architectures. The chip has some
    sub-accelerators, each with a dataflow, PEs and bandwidth under total budgets. The layers are
    mapped to the sub-accelerators and scheduled by a heuristic for the least energy within the
    latency limit. The design should be accurate and meet the limits of latency, energy and area:
    the problem of NASAIC. An episode decides one token after the other, first those of the
    networks, then those of the chip. Then the design is costed; its networks are trained only if it
    meets all limits.

    ## Action Space
    `Discrete(n)`, n being the options of the token that has most. Options that the token does not
    have, or that exceed the budgets, are masked.

    ## Observation Space
    A flat `Box` of float32 with the fields ``next_token``, ``choices``, ``left`` (budgets),
    ``partial_cost``, ``best`` and ``spec``; `observation_layout` names every element.

    ## Rewards
    At the end, the weighted accuracy (0 to 1) minus ten times the penalties of latency, energy and
    area. A penalty is 0 within the limit and rises linearly to 1 at a bound, beyond which it stays.
    A design that does not meet all limits is not trained and has the penalties alone. The form, the
    weight of ten and the pruning are NASAIC's; that penalties stay at 1 is ours, and so are the
    limits and bounds, except in the ``-paper`` scenarios. `info["reward_terms"]` has the terms.
    With `shaping` each step adds the change of a potential, minus ten times the penalties of
    ``partial_cost``, which sums up to a constant.

    ## Starting State
    Nothing is decided. The limits are the scenario's, or drawn (``digits-tiny-drawn``) as what a
    random design needs and up to half as much again; test limits are 50 others.

    ## Episode End
    Terminated after the last token, with `hardware_steps` after the last token of the last chip.
    `info["metrics"]` then holds the metrics, `info["design"]` the options by token,
    `info["accuracy"]` every accuracy with data set, recipe, seeds and whether it was measured.
    `info["evaluations"]` counts designs that were costed, `info["trainings"]` networks whose
    accuracy was asked for. A training that fails, or that a budget does not allow, is told by
    `info["training_failure"]`; its design has no accuracy.

    ## Arguments
    * `scenario`: name of a preset (`chipgym info chipgym/CoDesign-v0` lists them) or a `Scenario`.
    * `split`: ``"train"`` or ``"test"``.
    * `spec`: a `Spec`, or a mapping of its fields, instead of the scenario's.
    * `accuracy`: where accuracies come from: ``"measured-table"``, ``"train"``, ``"nas-bench"``, or
      an `AccuracyProvider`; the scenario's own by default.
    * `accuracy_options`: arguments of that provider, such as ``{"data": folder}`` for ``train`` and
      ``{"path": file}`` for ``nas-bench``. ``{"budget": 200}`` is the most networks that are
      trained, or looked up, as long as the environment lives; one that comes again is free.
    * `prune`: False trains designs that do not meet the limits, too.
    * `hardware_steps`: further chips that are tried for the same networks, as in NASAIC's episodes.
      The chip of the least penalty counts, and is trained if it meets the limits.
    * `shaping`: see Rewards.
    * `render_mode`: ``"ansi"`` or ``"rgb_array"`` (schedule and Pareto plot).

    ## Vectorized environment
    ``gym.make_vec(id, num_envs=64, vectorization_mode="vector_entry_point")`` costs the designs of
    all rows in parallel threads, bit for bit equal to the scalar environments.

    ## Multi-agent
    ``chipgym.envs.codesign_v0``: an architecture agent a task and an accelerator agent.

    ## Version History
    * v0: first version.

    ## References
    * Yang et al., Co-exploration of neural architectures and heterogeneous ASIC accelerator designs
      targeting multiple tasks, DAC 2020, arXiv 2002.04116.
    """

    form = "design"
    action_space: LegalDiscrete

    def __init__(
        self,
        scenario: str | Scenario = DEFAULT_SCENARIO,
        *,
        hardware_steps: int = 0,
        shaping: bool = False,
        **kwargs: Any,
    ) -> None:
        whole = isinstance(hardware_steps, int | np.integer)
        if not whole or not 0 <= hardware_steps < MAX_CHIPS:
            raise InvalidValueError("hardware_steps", hardware_steps, f">= 0 and < {MAX_CHIPS}")
        super().__init__(scenario, **kwargs)
        self.chips = 1 + int(hardware_steps)
        self.shaping = bool(shaping)
        self.one_sided = self.chips == 1 and not self.shaping
        self.action_space = LegalDiscrete(max(self.designs.num_options))
        self.parts: Parts = self.designs.empty
        self.best: Outcome | None = None
        self.evaluations = 0
        self.trainings = 0
        self._partial: tuple[float, ...] = (0.0,) * len(COSTS)

    def _layout(self) -> ObservationLayout:
        return design_layout(self.designs)

    def view(self) -> CoDesignProblem:
        """The present decision, after the end too."""
        best = self.best
        return view_problem(
            self.designs,
            self.instance,
            self.parts,
            chips_left=self.chips - self.evaluations,
            best_design=None if best is None else best.design,
            best_score=float("-inf") if best is None else best.score,
        )

    @property
    def segment(self) -> int:
        """Segment of the next token."""
        return self.designs.segment_of(self.parts)

    def _begin(self) -> Info:
        self.parts = self.designs.empty
        self.best = None
        self.evaluations = self.trainings = 0
        self._look()
        return {"action_mask": self.action_masks()}

    def _look(self) -> None:
        """Bring observation and the action space up to date."""
        spec, layout, row = self.instance.spec, self.observation_layout, self._observation
        self._partial = estimate_costs(self.designs, self.instance.technology, self.parts)
        token = None
        if not self._finished:
            segment = self.segment
            token = self.designs.starts[segment] + len(self.parts[segment])
        observe_building(layout, self.designs, self.parts, token, self._partial, spec, row)
        chips = (self.chips - self.evaluations) / self.chips
        observe_left(layout, self.designs, self.parts[-1], (chips,), row)
        observe_outcome(layout, "best", self.best, spec, row)
        self.action_space.legal = self.action_masks()

    def segment_masks(self, segment: int) -> Bools:
        """Legal options of a segment's next token, bool, shape (n,); none where it is complete."""
        mask = np.zeros(int(self.action_space.n), dtype=np.bool_)
        if not self._finished and len(self.parts[segment]) < self.designs.lengths[segment]:
            legal = self.designs.legal(self.parts, segment)
            mask[: len(legal)] = legal
        return mask

    def action_masks(self) -> Bools:
        """Legal options of the next token, bool, shape (n,)."""
        segment = 0 if self._finished else self.segment
        return self.segment_masks(segment)

    def potential(self) -> float:
        """Minus ten times the penalties of what is decided so far; 0 after the end."""
        if self._finished:
            return 0.0
        costs = dict(zip(COSTS, self._partial, strict=True))
        found = penalties(self.instance.spec, costs)
        return -PENALTY_WEIGHT * sum(found.values())

    def plan(self, action: Any) -> Design | None:
        """Return the design that an option completes, if it does."""
        self._check_running()
        option = check_masked(action, self.action_masks())
        return self.plan_moves([(self.segment, option)])

    def plan_moves(self, moves: Sequence[tuple[int, int]]) -> Design | None:
        """Return the design that some (segment, option) pairs complete, if they do."""
        parts = self._moved(moves)
        if self.designs.segment_of(parts) < len(parts):
            return None
        return tuple(choice for part in parts for choice in part)

    def _moved(self, moves: Sequence[tuple[int, int]]) -> Parts:
        parts = self.parts
        for segment, option in moves:
            parts = self.designs.extend(parts, segment, option)
        return parts

    def settle(self, action: Any, outcome: Outcome | None) -> Result:
        """Decide a token."""
        return self.settle_moves([(self.segment, int(action))], outcome)

    def settle_moves(self, moves: Sequence[tuple[int, int]], outcome: Outcome | None) -> Result:
        """Decide the next token of some segments."""
        before = self.potential()
        self.parts = self._moved(moves)
        terms = dict.fromkeys(("accuracy", *COSTS), 0.0)
        info: Info = {}
        if outcome is not None:
            terms, info = self._complete(outcome)
        self._look()
        if self.shaping:
            terms["shaping"] = self.potential() - before
        info = {
            "action_mask": self.action_masks(),
            "evaluations": self.evaluations,
            "trainings": self.trainings,
            "reward_terms": terms,
            **info,
        }
        reward = float(sum(terms.values()))
        return self._observation.copy(), reward, self._finished, False, info

    def _complete(self, outcome: Outcome) -> tuple[dict[str, float], Info]:
        """Take a chip's costs in; train after the last chip."""
        self.evaluations += 1
        terms = dict(outcome.terms)
        if self.best is not None:
            better = outcome.total_penalty < self.best.total_penalty
            gain = {name: terms[name] - old for name, old in self.best.terms.items()}
            terms = gain if better else dict.fromkeys(terms, 0.0)
            outcome = outcome if better else self.best
        self.best = outcome
        if self.evaluations < self.chips:
            self.parts = (*self.parts[:-1], ())
            return terms, {}
        self._finished = True
        if self._wants_training(outcome):
            self.trainings = len(self._networks(outcome))
            self.best = self._train(outcome)
            terms["accuracy"] = self.best.weighted_accuracy
        self.history.append(self.best)
        return terms, {"metrics": self._metrics(), **self._described(self.best)}

    def _metrics(self) -> dict[str, float]:
        assert self.best is not None
        return {**self.best.metrics, "trainings": float(self.trainings)}

    def expected_return(self, metrics: Mapping[str, float]) -> float:
        """Return that an episode with these final metrics must have had."""
        start = 0.0
        if self.shaping:
            first = estimate_costs(self.designs, self.instance.technology, self.designs.empty)
            found = penalties(self.instance.spec, dict(zip(COSTS, first, strict=True)))
            start = -PENALTY_WEIGHT * sum(found.values())
        return float(metrics["score"]) - start

    def _own_state(self) -> dict[str, Any]:
        return {
            "parts": self.parts,
            "best": self.best,
            "counts": (self.evaluations, self.trainings),
            "partial": self._partial,
        }

    def _set_own_state(self, content: dict[str, Any]) -> None:
        self.parts = content["parts"]
        self.best = content["best"]
        self.evaluations, self.trainings = content["counts"]
        self._partial = content["partial"]
        self.action_space.legal = self.action_masks()

    def _shown(self) -> Outcome | None:
        return self.best


class CoDesignOneShotEnv(CoDesignBase):
    """Design neural networks and the chip that runs them at once.

    ## Description
    The one-shot form of `chipgym/CoDesign-v0`, for black-box search: one action is a whole design,
    one step its evaluation. Workloads, limits, accuracies and metrics are the same.

    ## Action Space
    `MultiDiscrete`, the index of an option for each token; `env.unwrapped.problem.tokens` names
    them. A design that exceeds the budgets, or has no PEs, is not costed and has the largest
    penalties; `info["infeasible_reason"]` says why. `action_space.sample()` draws none of these.
    Levels below a U-Net's last, and dataflow and bandwidth of a sub-accelerator without PEs, do not
    matter.

    ## Observation Space
    A flat `Box` of float32 with the fields ``spec`` and ``default``, what the default design (the
    smallest networks, equal shares of the budgets) costs; `observation_layout` names every element.

    ## Rewards
    As in `chipgym/CoDesign-v0`, without shaping.

    ## Starting State
    As in `chipgym/CoDesign-v0`.

    ## Episode End
    Terminated after one step. `info["evaluations"]` is 1 if the design was costed, else 0. Designs
    of equal `info["design_key"]` have equal results.

    ## Arguments
    As in `chipgym/CoDesign-v0`, without `hardware_steps` and `shaping`.

    ## Vectorized environment
    As in `chipgym/CoDesign-v0`.

    ## Multi-agent
    None.

    ## Version History
    * v0: first version.

    ## References
    As in `chipgym/CoDesign-v0`.
    """

    form = "oneshot"
    action_space: FeasibleMultiDiscrete

    def __init__(self, scenario: str | Scenario = DEFAULT_SCENARIO, **kwargs: Any) -> None:
        super().__init__(scenario, **kwargs)
        self.action_space = self.designs.space()
        self._last: Outcome | None = None

    def _layout(self) -> ObservationLayout:
        return oneshot_layout(self.designs)

    def view(self) -> CoDesignProblem:
        """The problem, after the end too."""
        last = self._last
        return view_problem(
            self.designs,
            self.instance,
            self.designs.empty,
            chips_left=int(not self._finished),
            best_design=None if last is None else last.design,
            best_score=float("-inf") if last is None else last.score,
        )

    def _begin(self) -> Info:
        self._last = None
        default = self.cost([self.designs.default])[0]
        spec = self.instance.spec
        observe_outcome(self.observation_layout, "default", default, spec, self._observation)
        return {}

    def plan(self, action: Any) -> Design | None:
        """Return the design that an action stands for."""
        self._check_running()
        return self.designs.check(action, "action")

    def settle(self, action: Any, outcome: Outcome | None) -> Result:
        """End the episode with the design's outcome."""
        assert outcome is not None
        self._finished = True
        trainings = 0
        if self._wants_training(outcome):
            trainings = len(self._networks(outcome))
            outcome = self._train(outcome)
        self._last = outcome
        self.history.append(outcome)
        info = {
            "evaluations": int(outcome.result is not None),
            "trainings": trainings,
            "reward_terms": outcome.terms,
            "metrics": {**outcome.metrics, "trainings": float(trainings)},
            **self._described(outcome),
        }
        return self._observation.copy(), float(sum(outcome.terms.values())), True, False, info

    def _own_state(self) -> dict[str, Any]:
        return {"last": self._last}

    def _set_own_state(self, content: dict[str, Any]) -> None:
        self._last = content["last"]

    def _shown(self) -> Outcome | None:
        return self._last
