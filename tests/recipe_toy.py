"""A simulation whose circuits are chains of gates and whose best recipe is known by hand.

The circuit is a bag of counters; action a adds its step to counter 0 (a = 0), 1 (a = 1), ... so
recipes that are permutations of one another reach the same circuit. The score is highest where the
counters equal the instance's target.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from chipgym.agents.core.simulation import SimulationStep

HORIZON = 4
ACTIONS = 3
TARGETS = {
    "a": (4, 0, 0),
    "b": (0, 4, 0),
    "c": (1, 1, 2),
    "large-a": (4, 0, 0),
}


@dataclass(frozen=True)
class ToyGraph:
    num_inputs: int
    fanin0: Any
    fanin1: Any
    outputs: Any
    levels: Any


def chain_graph(num_ands: int, num_inputs: int = 3, inverted: int = 0, salt: int = 0) -> ToyGraph:
    """A chain of ANDs; every `inverted`-th edge inverts."""
    first = 1 + num_inputs
    fanin0 = [2 * (first + k - 1 if k else 1) for k in range(num_ands)]
    fanin1 = [2 * (1 + (k + salt) % num_inputs) for k in range(num_ands)]
    if inverted:
        fanin1 = [f + (k % inverted == 0) for k, f in enumerate(fanin1)]
    levels = [0] * first + [k + 1 for k in range(num_ands)]
    return ToyGraph(
        num_inputs,
        np.array(fanin0, dtype=np.int32),
        np.array(fanin1, dtype=np.int32),
        np.array([2 * (first + num_ands - 1) + 1], dtype=np.int32),
        np.array(levels, dtype=np.int32),
    )


GRAPHS = {
    "a": chain_graph(12, inverted=1),
    "b": chain_graph(40, num_inputs=9),
    "c": chain_graph(25, num_inputs=5, inverted=3),
    "large-a": chain_graph(13, inverted=1),
}


@dataclass(frozen=True)
class ToyProblem:
    commands: tuple[str, ...]
    recipe: tuple[int, ...]
    aig: Any
    initial_aig: Any
    num_steps: int = HORIZON
    stop_action: int = -1

    @property
    def num_actions(self) -> int:
        return len(self.commands)


class ToySimulation:
    """Counts evaluations as the protocol says; `targets` names the best circuit of an instance."""

    commands = ("balance", "rewrite", "refactor")

    def __init__(self, *, dense: bool = False) -> None:
        self.dense = dense
        self.evaluations = 0
        self.steps = 0
        self._instance = "a"
        self._prefix: tuple[int, ...] = ()
        self._measured = False

    num_actions = ACTIONS

    @property
    def counters(self) -> tuple[int, ...]:
        return tuple(self._prefix.count(a) for a in range(ACTIONS))

    @property
    def problem(self) -> ToyProblem:
        initial = GRAPHS[self._instance]
        graph = chain_graph(
            max(len(initial.fanin0) - 2 * self.counters[0], 1), initial.num_inputs, 1
        )
        return ToyProblem(self.commands, self._prefix, graph, initial)

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self._instance, self.counters]).encode()).hexdigest()

    def reset(self, instance: str) -> None:
        self._instance, self._prefix, self._measured = instance, (), False

    def quality(self) -> float:
        target = TARGETS[self._instance]
        return -sum(abs(c - t) for c, t in zip(self.counters, target, strict=True)) / 8.0

    def step(self, action: int) -> SimulationStep:
        assert 0 <= action < ACTIONS
        assert len(self._prefix) < HORIZON
        self.steps += 1
        before = self.quality()
        self._prefix = (*self._prefix, int(action))
        self._measured = False
        done = len(self._prefix) == HORIZON
        if self.dense:
            return SimulationStep(self.score() - before, done)
        return SimulationStep(self.score() if done else 0.0, done)

    def score(self) -> float:
        if not self._measured:
            self.evaluations += 1
            self._measured = True
        return self.quality()

    def get_state(self) -> bytes:
        return json.dumps([self._instance, self._prefix]).encode()

    def set_state(self, state: bytes) -> None:
        instance, prefix = json.loads(state)
        self._instance, self._prefix, self._measured = instance, tuple(prefix), False
