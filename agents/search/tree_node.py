"""The tree of a search: states, merged where circuits coincide, and the rule that walks it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from chipgym.agents.search.tree_settings import TreeSettings

__all__ = ["Node", "ValueRange", "choose"]

FloatArray = npt.NDArray[np.float64]


class ValueRange:
    """Smallest and largest value that a search has met; it stretches values to 0 … 1."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def add(self, value: float) -> None:
        """Widen the range."""
        self.low, self.high = min(self.low, value), max(self.high, value)

    def stretch(self, values: FloatArray) -> FloatArray:
        """Values within the range, as numbers from 0 to 1."""
        return (values - self.low) / (self.high - self.low) if self.high > self.low else values * 0


class Node:
    """A circuit at a depth of the recipe; several recipes may lead to it.

    Attributes
    ----------
    state : bytes
        Snapshot of the simulation.
    prior : float64[A]
        The guide's probabilities; empty for the end of a recipe.
    value : float
        The guide's value; the measured score where a recipe ends.
    visits, total : int, float
        Number and sum of the values that were backed up through the node, by any recipe.
    edge_visits : int64[A]
        How often each action was taken from here.
    children : list
        The node behind each action, None before the first time.
    exhausted : bool
        Whether every recipe that goes through the node has been evaluated.
    """

    __slots__ = (
        "children",
        "edge_visits",
        "exhausted",
        "prior",
        "state",
        "terminal",
        "total",
        "value",
        "visits",
    )

    def __init__(self, state: bytes, prior: FloatArray, value: float, terminal: bool) -> None:
        self.state = state
        self.prior = prior
        self.value = value
        self.terminal = terminal
        self.visits = 0
        self.total = 0.0
        self.edge_visits = np.zeros(len(prior), dtype=np.int64)
        self.children: list[Node | None] = [None] * len(prior)
        self.exhausted = False

    def open_actions(self) -> list[int]:
        """Actions behind which something is left to evaluate."""
        return [a for a, child in enumerate(self.children) if child is None or not child.exhausted]

    def known_children(self) -> Iterator[tuple[int, Node]]:
        """Actions that were tried, with their nodes."""
        for action, child in enumerate(self.children):
            if child is not None:
                yield action, child

    def means(self, settings: TreeSettings, values: ValueRange) -> FloatArray:
        """Mean value of each action.

        A node's statistics serve every recipe that leads to it, while the counts of actions stay
        with the state in which they were taken: UCT2 of Childs, Brodeur and Kocsis, "Transpositions
        and move groups in Monte Carlo tree search" (CIG 2008).
        """
        unseen = 0.0
        if settings.unvisited == "parent" and self.visits:
            unseen = self.total / self.visits
        means = np.full(len(self.prior), unseen)
        for action, child in self.known_children():
            if child.visits:
                means[action] = child.total / (child.visits + settings.virtual_visits)
        return values.stretch(means) if settings.normalise else means


def choose(node: Node, settings: TreeSettings, values: ValueRange) -> int:
    """Return the action of the highest score among those that are not exhausted (first of equals).

    Sources: UCT, Kocsis and Szepesvári, "Bandit based Monte-Carlo planning" (ECML 2006). PUCT with
    ``sqrt(1 + N)``, virtual visits and c = 1.38: ABC-RL (Chowdhury et al., ICLR 2024). Stretched
    values: MuZero (Schrittwieser et al., Nature 2020).
    """
    actions = node.open_actions()
    taken = node.edge_visits
    means = node.means(settings, values)
    if settings.rule == "puct":
        bonus = node.prior * math.sqrt(1.0 + taken.sum()) / (1.0 + taken)
    else:
        bonus = np.sqrt(math.log(max(int(taken.sum()), 1)) / np.maximum(taken, 1))
        fresh = [a for a in actions if taken[a] == 0]
        if fresh:
            return max(fresh, key=lambda a: (node.prior[a], -a))
    scores = means + settings.exploration * bonus
    return max(actions, key=lambda a: (scores[a], -a))
