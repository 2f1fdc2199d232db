"""One run of a flow, and what the study keeps of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chipgym.envs.core.hypervolume import pareto_front
from chipgym.experiments.papers.nasaic.flows import find_flow
from chipgym.experiments.papers.nasaic.ledger import Budget, Ledger, Trial

__all__ = ["run_flow", "summary_of"]


def run_flow(
    flow: str,
    scenario: str,
    seed: int,
    evaluations: int,
    trainings: int,
    version: str,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a flow within a budget; return what `summary_of` does.

    `version` is that of the simulator: results of another one are not used again. `options` are
    further arguments of the environment.
    """
    ledger = Ledger(scenario, Budget(evaluations, trainings), **(options or {}))
    find_flow(flow).run(ledger, seed)
    return summary_of(ledger)


def summary_of(ledger: Ledger) -> dict[str, Any]:
    """Return a run as plain values.

    ``curve`` holds (evaluations, trainings, accuracy) of every improvement of the best accuracy
    that meets the specifications; ``front`` the accuracy and the costs over their limits of the
    designs that meet them and that no other one dominates; ``final`` the design that the flow ends
    with.
    """
    ranked = [trial for trial in ledger.trials if trial.ranked]
    best, curve = -math.inf, []
    for trial in ranked:
        if trial.accuracy > best:
            best = trial.accuracy
            curve.append([trial.evaluations, trial.trainings, trial.accuracy])
    meets = [trial.evaluations for trial in ledger.trials if trial.meets]
    return {
        "evaluations": len(ledger.trials),
        "trainings": ledger.provider.trainings,
        "meeting": len(meets),
        "first_meeting": meets[0] if meets else None,
        "curve": curve,
        "front": _front(ledger, ranked),
        "final": _final(ledger),
    }


def _front(ledger: Ledger, ranked: list[Trial]) -> list[list[float]]:
    if not ranked:
        return []
    rows = [[t.accuracy, *(-ratio for ratio in ledger.relative_costs(t))] for t in ranked]
    front = pareto_front(np.array(rows))
    rounded: list[list[float]] = np.column_stack([front[:, 0], -front[:, 1:]]).round(6).tolist()
    return rounded


def _final(ledger: Ledger) -> dict[str, Any]:
    trial = ledger.final()
    accuracy = ledger.weighted_accuracy(trial.design)
    known = not math.isnan(accuracy)
    return {
        "design": list(trial.design),
        "options": ledger.problem.decode(np.array(trial.design)),
        "meets": trial.meets,
        "accuracy": accuracy if known else None,
        "accuracies": ledger.accuracies(trial.design),
        "measured": ledger.measured(trial.design),
        "costs": list(trial.costs),
        "relative": list(ledger.relative_costs(trial)),
    }
