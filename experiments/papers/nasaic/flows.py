"""The flows that are compared, one table to be read like a menu.

Each is given a ledger and a seed, and spends the ledger's budget of evaluations and trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces

from chipgym.agents.core.searcher import Searcher
from chipgym.agents.search.errors import NoAllowedDesignError, SearchExhaustedError
from chipgym.agents.search.registry import make_searcher, searcher_hyperparameters
from chipgym.envs.codesign.accuracy import TrainingError
from chipgym.experiments.papers.nasaic.ledger import ENV_ID, Ledger, Trial
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["ASIC_FIRST", "FLOWS", "NASAIC", "NAS_FIRST", "Flow", "find_flow"]

Score = Callable[[Any], float]
Run = Callable[[Ledger, int], None]

NASAIC, NAS_FIRST, ASIC_FIRST = "nasaic", "nas-asic", "asic-nas"
ASKS_PER_EVALUATION = 4
"""A search that proposes known designs again and again ends after so many for each evaluation."""

CHIP_SHARE = 0.5
"""Share of the evaluations that ASIC -> HW-NAS spends on finding a chip."""


def _drive(ledger: Ledger, searcher: Searcher[Any], score: Score, asks: int) -> None:
    """Ask and tell until the evaluations are spent."""
    for _ in range(asks):
        if ledger.done:
            return
        try:
            design = searcher.ask()
        except (SearchExhaustedError, NoAllowedDesignError):
            return
        searcher.tell(design, score(design))


def _searcher(name: str, space: spaces.Space[Any], seed: int, **kwargs: Any) -> Searcher[Any]:
    stored = searcher_hyperparameters(name, ENV_ID).values
    return make_searcher(name, space, seed, **{**stored, **kwargs})


def whole_designs(ledger: Ledger, seed: int, name: str, **kwargs: Any) -> None:
    """Search networks and chip together."""
    searcher = _searcher(name, ledger.problem.space, seed, **kwargs)
    _drive(ledger, searcher, ledger.score, ASKS_PER_EVALUATION * ledger.budget.evaluations)


def constrained(ledger: Ledger, seed: int, name: str) -> None:
    """The same by a searcher that does not decide token by token: it asks what is allowed."""
    whole_designs(ledger, seed, name, constraint=ledger.allows)


def _chip_search(ledger: Ledger, seed: int, networks: Sequence[int]) -> None:
    """Search a chip for some networks by regularised evolution."""
    counts = ledger.problem.space.nvec[ledger.networks_end :]

    def whole(chip: Any) -> Any:
        return np.concatenate([np.asarray(networks, dtype=np.int64), chip])

    searcher = _searcher(
        "regularised-evolution",
        spaces.MultiDiscrete(counts),
        seed,
        constraint=lambda chip: ledger.allows(whole(chip)),
    )
    asks = ASKS_PER_EVALUATION * ledger.budget.evaluations
    _drive(ledger, searcher, lambda chip: ledger.score(whole(chip)), asks)


def _best_networks(ledger: Ledger, seed: int) -> list[int]:
    """Search each task's most accurate network, whatever it costs, with all trainings."""
    chosen: list[int] = []
    problem, provider = ledger.problem, ledger.provider
    for number, task in enumerate(ledger.tasks):
        space = problem.architectures[number]
        counts = [len(token.options) for token in space.tokens]
        searcher = _searcher("regularised-evolution", spaces.MultiDiscrete(counts), seed + number)
        left = len(ledger.tasks) - number
        end = provider.trainings + (provider.budget - provider.trainings) // left
        best = space.complete(()), -1.0
        for _ in range(ASKS_PER_EVALUATION * provider.budget):
            if provider.trainings >= end:
                break
            choices = tuple(int(choice) for choice in searcher.ask())
            if space.reason(choices):
                searcher.tell(np.array(choices), float("nan"))
                continue
            try:
                value = provider.accuracy(task, ledger.architecture(number, choices)).value
            except TrainingError:
                value = float("nan")
            searcher.tell(np.array(choices), value)
            if value > best[1]:
                best = choices, value
        chosen += best[0]
    return chosen


def nas_then_asic(ledger: Ledger, seed: int) -> None:
    """NAS -> ASIC: the most accurate networks first, then the best chip for them."""
    _chip_search(ledger, seed, _best_networks(ledger, seed))


def _closeness(ledger: Ledger, trial: Trial) -> tuple[float, float]:
    """How far a design is from the specifications: its penalty, then what it leaves unused."""
    return trial.penalty, sum(abs(1.0 - ratio) for ratio in ledger.relative_costs(trial))


def asic_then_nas(ledger: Ledger, seed: int) -> None:
    """ASIC -> HW-NAS: by Monte Carlo the chip closest to the specifications, then networks for it.

    The chips are tried with random networks, and nothing is trained for that.
    """
    problem = ledger.problem
    random = _searcher("random-search", problem.space, seed, constraint=ledger.allows)
    for _ in range(int(CHIP_SHARE * ledger.budget.evaluations)):
        ledger.cost([tuple(int(number) for number in random.ask())])
    nearest = min(ledger.trials, key=lambda trial: _closeness(ledger, trial))
    chip = np.array(nearest.design[ledger.networks_end :])

    def whole(networks: Any) -> Any:
        return np.concatenate([networks, chip])

    counts = problem.space.nvec[: ledger.networks_end]
    searcher = _searcher(
        "regularised-evolution",
        spaces.MultiDiscrete(counts),
        seed,
        constraint=lambda networks: ledger.allows(whole(networks)),
    )
    asks = ASKS_PER_EVALUATION * ledger.budget.evaluations
    _drive(ledger, searcher, lambda networks: ledger.score(whole(networks)), asks)


def _ppo(ledger: Ledger, seed: int) -> None:
    from chipgym.experiments.papers.nasaic.ppo import masked_ppo

    masked_ppo(ledger, seed)


@dataclass(frozen=True)
class Flow:
    """One flow.

    Attributes
    ----------
    name, title : str
    run : callable
        Spends a ledger's budget.
    most_evaluations : int or None
        A smaller budget, where proposals cost much more than evaluations.
    """

    name: str
    title: str
    run: Run = field(compare=False)
    most_evaluations: int | None = None


_ALL = (
    Flow("monte-carlo", "Monte Carlo", partial(constrained, name="random-search")),
    Flow("evolution", "regularised evolution", partial(constrained, name="regularised-evolution")),
    Flow("tpe", "Bayesian optimisation (TPE)", partial(constrained, name="tpe")),
    Flow(
        "bayesian",
        "Bayesian optimisation (Gaussian process)",
        partial(constrained, name="bayesian"),
        most_evaluations=100,
    ),
    Flow(NAS_FIRST, "NAS -> ASIC", nas_then_asic),
    Flow(ASIC_FIRST, "ASIC -> HW-NAS", asic_then_nas),
    Flow("maskable-ppo", "MaskablePPO", _ppo),
    Flow(
        "nasaic-joint",
        "NASAIC, joint steps only",
        partial(whole_designs, name=NASAIC, hardware_steps=0),
    ),
    Flow(NASAIC, "NASAIC", partial(whole_designs, name=NASAIC)),
)

FLOWS: dict[str, Flow] = {flow.name: flow for flow in _ALL}
"""Flows by name, in the order of the tables."""


def find_flow(name: str) -> Flow:
    """Return a flow by name, or raise `UnknownNameError`."""
    if name not in FLOWS:
        raise UnknownNameError("flow", name, FLOWS)
    return FLOWS[name]
