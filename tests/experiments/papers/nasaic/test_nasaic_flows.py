"""The flows of co-design: budgets are kept, seeds decide, searches on the environment work."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from chipgym.agents.search.registry import make_searcher
from chipgym.experiments.papers.nasaic.flows import FLOWS, find_flow
from chipgym.experiments.papers.nasaic.grid import best_of_grid, chip_grid, every_network
from chipgym.experiments.papers.nasaic.ledger import Budget, Ledger
from chipgym.experiments.papers.nasaic.runs import run_flow
from chipgym.experiments.search import run_search
from chipgym.simulators.core.errors import UnknownNameError

SCENARIO = "digits-tiny"
EVALUATIONS, TRAININGS = 40, 12


@pytest.mark.parametrize("flow", FLOWS)
def test_flows_keep_to_both_budgets(flow: str) -> None:
    evaluations = 11 if flow == "bayesian" else EVALUATIONS
    ledger = Ledger(SCENARIO, Budget(evaluations, TRAININGS))
    find_flow(flow).run(ledger, 0)
    assert 0 < len(ledger.trials) <= evaluations
    assert ledger.provider.trainings <= TRAININGS
    assert [trial.evaluations for trial in ledger.trials] == list(range(1, len(ledger.trials) + 1))
    for trial in ledger.trials:
        assert ledger.allows(np.array(trial.design))
        assert trial.meets == all(ratio <= 1.0 for ratio in ledger.relative_costs(trial))
        assert math.isnan(trial.accuracy) or trial.meets
    assert len({trial.design for trial in ledger.trials}) == len(ledger.trials)


@pytest.mark.parametrize("flow", ["nas-asic", "asic-nas", "maskable-ppo", "nasaic"])
def test_the_seed_decides(flow: str) -> None:
    arguments = (SCENARIO, 3, EVALUATIONS, TRAININGS, "0")
    first = run_flow(flow, *arguments)
    assert first == run_flow(flow, *arguments)
    assert first != run_flow(flow, SCENARIO, 4, EVALUATIONS, TRAININGS, "0")


def test_unknown_flows_get_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nasaic'"):
        find_flow("nasaik")


def test_nasaic_meets_the_specifications_more_often_than_random_designs() -> None:
    shares: dict[str, list[float]] = {"monte-carlo": [], "nasaic": []}
    for flow, found in shares.items():
        for seed in range(2):
            run = run_flow(flow, SCENARIO, seed, 250, 60, "0")
            found.append(run["meeting"] / run["evaluations"])
    assert min(shares["nasaic"]) > 2 * max(shares["monte-carlo"])


def test_a_final_design_is_the_most_accurate_within_the_limits() -> None:
    run = run_flow("evolution", SCENARIO, 1, 120, 40, "0")
    assert run["final"]["meets"]
    assert run["final"]["accuracy"] == run["curve"][-1][2]
    assert run["final"]["accuracy"] == pytest.approx(max(row[0] for row in run["front"]), abs=1e-6)
    assert run["final"]["measured"]
    assert max(run["final"]["relative"]) <= 1.0
    assert run["first_meeting"] <= run["curve"][0][0]


@pytest.mark.parametrize("name", ["random-search", "regularised-evolution", "nasaic"])
def test_searches_on_the_environment_have_a_budget_of_trainings(name: str) -> None:
    env = gym.make("chipgym/CoDesignOneShot-v0", split="test", accuracy_options={"budget": 4})
    env.reset(seed=0)
    base: Any = env.unwrapped
    searcher = make_searcher(name, base.problem.space, 0)
    run = run_search(env, searcher, budget=150, instance=0, seed=0)
    assert base.provider.trainings == 4
    failed = [step for step in run.steps if step.error]
    assert failed
    assert all("budget of 4 trainings" in s.error and s.score is None for s in failed)
    built = [step for step in run.steps if "latency_cycles" in step.metrics]
    refused = [step for step in run.steps if "latency_cycles" not in step.metrics]
    assert len({step.key for step in built}) == run.evaluations
    assert all(step.score == -30.0 for step in refused)
    assert run.best is not None
    assert run.best.metrics["weighted_accuracy"] == run.best.score


def test_the_optimum_of_a_grid_is_the_best_of_all_its_designs() -> None:
    ledger = Ledger("digits-tiny-single", Budget(10**6, 10**6))
    problem = ledger.problem
    chips = chip_grid(problem.hardware, 2, 2)
    best = 0.0
    for networks in every_network(problem.architectures[0]):
        for chip in chips:
            flat = tuple(number for unit in chip for number in unit)
            best = max(best, ledger.score((*networks, *flat)))
    found = best_of_grid("digits-tiny-single", 2, 2, "0")
    assert found["accuracy"] == pytest.approx(best)
    assert found["designs"] == 72 * len(chips)
    assert found["simulated"] < found["designs"]
    assert ledger.score(found["design"]) == pytest.approx(best)
