"""Monte-Carlo tree search over recipes: UCT, or PUCT with a prior policy and value.

A budget is a number of evaluated recipes: every simulation of the search completes one recipe and
measures it, so that the search compares with any other that evaluates as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.settings import default_settings
from chipgym.agents.core.simulation import RecipeLog, RecipeProblem, Simulation
from chipgym.agents.search.tree_node import Node, ValueRange, choose
from chipgym.agents.search.tree_settings import TreeSettings
from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = ["Episode", "Guide", "Move", "Tree", "TreeSearch", "UniformGuide", "play"]

FloatArray = npt.NDArray[np.float64]


class Guide(Protocol):
    """What tells a search which actions are promising."""

    def start(self, problem: RecipeProblem) -> None:
        """Get ready for another circuit."""
        ...

    def evaluate(self, problem: RecipeProblem) -> tuple[FloatArray, float]:
        """Return the prior of the actions (not negative, not all 0) and the value of a state."""
        ...


class UniformGuide:
    """Knows nothing: all actions are equally likely, every value is 0."""

    def start(self, problem: RecipeProblem) -> None:
        """Nothing to get ready."""

    def evaluate(self, problem: RecipeProblem) -> tuple[FloatArray, float]:
        """Return the uniform distribution and 0."""
        count = problem.num_actions
        return np.full(count, 1.0 / count), 0.0


@dataclass(frozen=True, eq=False)
class Move:
    """A decision of a search that moves on: the state, and how often each action was tried.

    Attributes
    ----------
    prefix : tuple of int
        Actions before the decision.
    visits : int64[A]
        Visits of the actions.
    """

    prefix: tuple[int, ...]
    visits: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Episode:
    """What a search that moved on leaves.

    Attributes
    ----------
    moves : tuple of Move
        The decisions.
    score : float
        Score of the recipe that they make; if the last decision does not end it, the mean score
        of what was tried behind it.
    """

    moves: tuple[Move, ...]
    score: float


@dataclass
class Tree:
    """A search from the present state of a simulation.

    Attributes
    ----------
    simulation, guide, settings
        What is searched, and how.
    generator : numpy.random.Generator
        Of rollouts and noise.
    log : RecipeLog
        Where evaluated recipes are recorded.
    """

    simulation: Simulation
    guide: Guide
    settings: TreeSettings
    generator: np.random.Generator
    log: RecipeLog
    values: ValueRange = field(default_factory=ValueRange)

    def __post_init__(self) -> None:
        # Equal circuits after equally many commands are one state.
        self._table: dict[tuple[int, str, bool], Node] = {}
        problem = self.simulation.problem
        if len(problem.recipe) >= problem.num_steps:
            raise InvalidValueError("simulation", "at its end", "a state with a decision to make")
        self.guide.start(problem)
        self.prefix = tuple(problem.recipe)
        self.root = self._enter(False)
        self._add_noise()

    @property
    def exhausted(self) -> bool:
        """Whether every recipe from the root on has been evaluated."""
        return self.root.exhausted

    def simulate(self) -> float | None:
        """Walk down to a new state, complete the recipe, measure it, and back its value up.

        None if the walk ended in a state whose recipes had all been evaluated before.
        """
        path = self._descend()
        if not path:
            return None
        value = self._complete(path[-1])
        self.values.add(value)
        for visited in path:
            visited.visits += 1
            visited.total += value
        self._close(path)
        return value

    def _descend(self) -> list[Node]:
        """Walk from the root to a new state or to an end; empty if that led to nothing new."""
        path, actions = [self.root], []
        created = False
        while not created:
            node = path[-1]
            if not node.open_actions():
                # All of it was evaluated on the way of other recipes.
                self._close(path)
                return []
            actions.append(choose(node, self.settings, self.values))
            child = node.children[actions[-1]]
            if child is None:
                child, created = self._grow(node, actions[-1])
            path.append(child)
        for node, action in zip(path, actions, strict=False):
            node.edge_visits[action] += 1
        return path

    def advance(self) -> Move:
        """Move on to the most visited action (the likelier of equals, then the first)."""
        node = self.root
        keys = [
            (int(n), float(p), -a)
            for a, (n, p) in enumerate(zip(node.edge_visits, node.prior, strict=True))
        ]
        action = -max(keys)[2]
        move = Move(self.prefix, node.edge_visits.copy())
        child = node.children[action]
        assert child is not None, "an action was tried before the search moves on"
        self.root = child
        self.prefix = (*self.prefix, action)
        self._add_noise()
        return move

    def _grow(self, node: Node, action: int) -> tuple[Node, bool]:
        """Take an action for the first time; return its node, and whether that is a new one."""
        self.simulation.set_state(node.state)
        done = self.simulation.step(action).done
        known = self._table.get(self._key(done))
        child = known or self._enter(done)
        node.children[action] = child
        return child, known is None

    def _key(self, done: bool) -> tuple[int, str, bool]:
        return len(self.simulation.problem.recipe), self.simulation.digest, done

    def _enter(self, done: bool) -> Node:
        problem = self.simulation.problem
        if done:
            score = self.log.measure()
            node = Node(self.simulation.get_state(), np.empty(0), score, True)
        else:
            prior, value = self.guide.evaluate(problem)
            node = Node(
                self.simulation.get_state(), np.array(prior, dtype=np.float64), value, False
            )
        self._table[self._key(done)] = node
        return node

    def _complete(self, node: Node) -> float:
        """Play from a node to the end, and measure."""
        if node.terminal:
            return node.value
        self.simulation.set_state(node.state)
        kind, prior = self.settings.rollout, node.prior
        first = True
        done = False
        while not done:
            if kind == "policy" and not first:
                prior, _ = self.guide.evaluate(self.simulation.problem)
            if kind == "prior-first" and first:
                action = int(prior.argmax())
            elif kind == "policy":
                action = int(self.generator.choice(len(prior), p=prior / prior.sum()))
            else:
                action = int(self.generator.integers(len(prior)))
            done = self.simulation.step(action).done
            first = False
        score, weight = self.log.measure(), self.settings.value_weight
        return (1.0 - weight) * score + weight * node.value

    def _close(self, path: Sequence[Node]) -> None:
        """Mark what has nothing left to evaluate, from the end of the path on."""
        for node in reversed(path):
            node.exhausted = node.terminal or not node.open_actions()
            if not node.exhausted:
                return

    def _add_noise(self) -> None:
        share = self.settings.noise_share
        if share and not self.root.terminal:
            prior = self.root.prior
            alpha = np.full(len(prior), self.settings.noise_concentration)
            noise = self.generator.dirichlet(alpha)
            self.root.prior = (1.0 - share) * prior + share * noise


class TreeSearch:
    """Plans by tree search.

    Parameters
    ----------
    settings : TreeSettings, optional
        By default the entry ``default`` of ``tree_search.yaml``.
    guide : Guide, optional
        By default one that knows nothing.
    """

    name = "mcts"

    def __init__(self, settings: TreeSettings | None = None, guide: Guide | None = None) -> None:
        self.settings = settings or default_settings(TreeSettings, "tree_search")
        self.guide = guide or UniformGuide()

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Search from the present state; see `Planner.plan`.

        It ends early where every recipe has been evaluated.
        """
        check_range("budget", budget, 1)
        log = RecipeLog(simulation)
        play(simulation, self.guide, self.settings, budget, np.random.default_rng(seed), log)
        return PlanResult.of(log)


def play(
    simulation: Simulation,
    guide: Guide,
    settings: TreeSettings,
    budget: int,
    generator: np.random.Generator,
    log: RecipeLog,
) -> Episode:
    """Search from the present state, moving on as `TreeSettings.shares` says.

    Without shares there is one move, the decision at the root.

    Parameters
    ----------
    simulation, guide, settings
        What is searched, and how.
    budget : int
        Most evaluations.
    generator : numpy.random.Generator
        Of rollouts and noise.
    log : RecipeLog
        Where evaluated recipes are recorded.
    """
    tree = Tree(simulation, guide, settings, generator, log)
    steps = simulation.problem.num_steps - len(tree.prefix)
    shares = (settings.shares or (1.0,))[:steps]
    if sum(shares) <= 0.0:
        raise InvalidValueError("shares", settings.shares, f"a share above 0 in the first {steps}")
    limits = np.ceil(log.evaluations + budget * np.cumsum(shares) / sum(shares) - 1e-9)
    moves = []
    for limit in limits.astype(int).tolist():
        while log.evaluations < limit and not tree.exhausted:
            tree.simulate()
        if not tree.root.edge_visits.any():
            break
        moves.append(tree.advance())
    end = tree.root
    score = end.value if end.terminal else end.total / max(end.visits, 1)
    return Episode(tuple(moves), score)
