"""One part of the study: a method searches a recipe for a circuit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chipgym.agents.core.planner import Planner, PlanResult
from chipgym.agents.core.simulation import RecipeLog
from chipgym.experiments.papers.abc_rl.methods import Method, find_method
from chipgym.experiments.papers.abc_rl.pretraining import TrainedFile
from chipgym.experiments.papers.abc_rl.simulation import LogicSimulation

__all__ = ["solve"]


def solve(
    method: str,
    scenario: str,
    circuit: str,
    seed: int,
    budget: int,
    trained: str,
    version: str,
) -> dict[str, Any]:
    """Return what a method found within a budget of evaluated recipes.

    Parameters
    ----------
    method : str
        A name of `METHODS`.
    scenario, circuit : str
        The test circuit.
    seed, budget : int
    trained : str
        Text of the trained agent, "" where the method needs none.
    version : str
        Of the simulator: results of another one are not used again.

    Returns
    -------
    dict
        ``score`` (ABC-RL's return), ``recipe`` (commands), ``evaluations``, ``commands`` (run),
        ``seconds``, and ``curve``: evaluations, score and seconds of each improvement.
    """
    chosen = find_method(method)
    # Nothing is remembered between two searches, so that their run times compare.
    simulation = LogicSimulation(scenario, cache=False)
    try:
        simulation.reset(circuit)
        begun = time.perf_counter()
        if chosen.kind == "searcher":
            result = _ask_and_tell(chosen.name, simulation, budget, seed)
        elif chosen.kind == "sb3":
            from chipgym.experiments.papers.abc_rl.learning import learn_on_circuit

            result = learn_on_circuit(chosen.name, simulation, circuit, budget, seed)
        else:
            result = _planner(chosen, trained).plan(simulation, budget, seed)
        seconds = time.perf_counter() - begun
        names = simulation.problem.commands
        return {
            "score": result.score,
            "recipe": [names[action] for action in result.actions],
            "evaluations": result.evaluations,
            "commands": simulation.commands,
            "seconds": seconds,
            "curve": [
                [point.evaluations, point.score, simulation.seconds[point.evaluations - 1]]
                for point in result.curve
            ],
        }
    finally:
        simulation.close()


def _planner(method: Method, trained: str) -> Planner:
    if method.trained == "best-fixed-recipe":
        from chipgym.agents.heuristics.recipes import FixedRecipePlanner
        from chipgym.agents.search.fixed_recipe import load_recipe

        with TrainedFile(trained) as path:
            return FixedRecipePlanner(load_recipe(path).commands)
    if method.trained:
        from chipgym.agents.papers.abc_rl.agent import load_abc_rl

        with TrainedFile(trained) as path:
            agent = load_abc_rl(path)
        if "alpha" in method.arguments:
            agent = agent.with_alpha(method.arguments["alpha"])
        return agent.with_fine_tuning(method.arguments.get("fine_tuning", 0.0))
    return _MAKERS[method.name]()


def _fixed(name: str) -> Callable[[], Planner]:
    def make() -> Planner:
        from chipgym.agents.heuristics.recipes import FixedRecipePlanner

        return FixedRecipePlanner(name)

    return make


def _random() -> Planner:
    from chipgym.agents.heuristics.recipes import RandomRecipes

    return RandomRecipes()


def _greedy() -> Planner:
    from chipgym.agents.heuristics.recipes import GreedyPlanner

    return GreedyPlanner()


def _drills() -> Planner:
    from chipgym.agents.papers.drills.training import DrillsPlanner

    return DrillsPlanner()


def _abcrl_graph() -> Planner:
    from chipgym.agents.papers.abcrl_graph.training import AbcrlGraphPlanner

    return AbcrlGraphPlanner()


def _tree_search(entry: str | None) -> Callable[[], Planner]:
    def make() -> Planner:
        from chipgym.agents.core.settings import default_settings
        from chipgym.agents.search.tree_search import TreeSearch
        from chipgym.agents.search.tree_settings import TreeSettings

        return TreeSearch(default_settings(TreeSettings, "tree_search", entry))

    return make


_MAKERS: dict[str, Callable[[], Planner]] = {
    "resyn2": _fixed("resyn2"),
    "resyn": _fixed("resyn"),
    "random": _random,
    "greedy": _greedy,
    "drills": _drills,
    "abcrl-graph": _abcrl_graph,
    "mcts": _tree_search(None),
    "mcts-published": _tree_search("published"),
}


def _ask_and_tell(name: str, simulation: LogicSimulation, budget: int, seed: int) -> PlanResult:
    """Let a searcher propose whole recipes."""
    from gymnasium import spaces

    from chipgym.agents.search.registry import make_searcher

    steps = simulation.problem.num_steps
    space = spaces.MultiDiscrete(np.full(steps, simulation.num_actions))
    searcher = make_searcher(name, space, seed)
    log, start = RecipeLog(simulation), simulation.get_state()
    while log.evaluations < budget:
        design: Sequence[int] = searcher.ask()
        simulation.set_state(start)
        for action in design:
            if simulation.step(int(action)).done:
                break
        searcher.tell(design, log.measure())
    return PlanResult.of(log)
