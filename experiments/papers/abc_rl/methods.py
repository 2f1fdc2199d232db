"""The methods of the comparison, one table to be read like a menu."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["METHODS", "TRAINED", "Method", "find_method"]

Kind = Literal["planner", "searcher", "sb3"]

TRAINED = ("abc-rl", "abc-rl-blind", "best-fixed-recipe")
"""What is trained on the training circuits before the test."""


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes
    ----------
    name, title : str
    kind : str
        ``planner``: plans with the simulation. ``searcher``: proposes whole recipes.
        ``sb3``: learns on the test circuit by Stable-Baselines3.
    family : str
        Under which heading the tables put it.
    trained : str
        What of `TRAINED` it needs, "" for nothing.
    arguments : dict
        For its maker.
    """

    name: str
    title: str
    kind: Kind
    family: str
    trained: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


_ALL = (
    Method("resyn2", "resyn2", "planner", "recipe"),
    Method("resyn", "resyn, repeated", "planner", "recipe"),
    Method(
        "best-fixed-recipe",
        "best recipe of the training circuits",
        "planner",
        "recipe",
        "best-fixed-recipe",
    ),
    Method("random", "random recipes", "planner", "search"),
    Method("greedy", "greedy", "planner", "search"),
    Method("hill-climbing", "hill climbing", "searcher", "search"),
    Method("simulated-annealing", "simulated annealing", "searcher", "search"),
    Method("genetic", "genetic algorithm", "searcher", "search"),
    Method("bayesian", "Bayesian optimisation", "searcher", "search"),
    Method("ppo", "PPO", "sb3", "learning on the circuit"),
    Method("a2c", "A2C", "sb3", "learning on the circuit"),
    Method("dqn", "DQN", "sb3", "learning on the circuit"),
    Method("drills", "DRiLLS", "planner", "learning on the circuit"),
    Method("abcrl-graph", "abcRL (graph REINFORCE)", "planner", "learning on the circuit"),
    Method("mcts", "tree search", "planner", "tree search"),
    Method("mcts-published", "tree search, ABC-RL's constants", "planner", "tree search"),
    Method("abc-rl", "ABC-RL", "planner", "tree search", "abc-rl"),
    Method(
        "abc-rl-fine-tuned",
        "ABC-RL, half the budget for fine-tuning",
        "planner",
        "tree search",
        "abc-rl",
        {"fine_tuning": 0.5},
    ),
    Method(
        "abc-rl-alpha-1",
        "ABC-RL without retrieval (alpha = 1)",
        "planner",
        "ablation",
        "abc-rl",
        {"alpha": 1.0},
    ),
    Method(
        "abc-rl-alpha-0",
        "ABC-RL without agent (alpha = 0)",
        "planner",
        "ablation",
        "abc-rl",
        {"alpha": 0.0},
    ),
    Method(
        "abc-rl-blind",
        "ABC-RL that does not see the circuit",
        "planner",
        "ablation",
        "abc-rl-blind",
        {"alpha": 1.0},
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
"""Methods by name, in the order of the tables."""


def find_method(name: str) -> Method:
    """Return a method by name.

    Raises
    ------
    UnknownNameError
        There is no such method; the nearest name is suggested.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    return METHODS[name]
