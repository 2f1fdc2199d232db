"""Applications: directed acyclic graphs of tasks with communication volumes.

Shipped applications are JSON files in ``data/applications``; users load their own with
`Application.load`.
"""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["Application", "Edge", "Task"]

DATA = Path(__file__).parent / "data" / "applications"


class Task(Description):
    """One task: its `kind` is looked up in each cluster's table of execution times.

    Attributes
    ----------
    exec_us : dict[str, float]
        Execution time in µs by cluster name, overriding the platform's table for this task.
    """

    name: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    exec_us: dict[str, Annotated[float, Field(ge=0)]] = {}


class Edge(Description):
    """A dependency from task number `src` to task number `dst`, moving `volume` units of data."""

    src: int = Field(ge=0)
    dst: int = Field(ge=0)
    volume: float = Field(default=0.0, ge=0)


class Application(Description):
    """A job's task graph.

    Tasks are numbered in the order given; edges are kept sorted by (src, dst).
    """

    name: str = Field(min_length=1)
    source: str = ""
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=100_000)
    edges: tuple[Edge, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [task.name for task in self.tasks]
        if len(set(names)) != len(names):
            raise ValueError(f"task names of {self.name} must differ")
        pairs = [(edge.src, edge.dst) for edge in self.edges]
        if len(set(pairs)) != len(pairs):
            raise ValueError(f"edges of {self.name} repeat a (src, dst) pair")
        for src, dst in pairs:
            if max(src, dst) >= len(self.tasks):
                raise ValueError(
                    f"edge ({src}, {dst}) of {self.name} names a task beyond {len(self.tasks) - 1}"
                )
        cycle = _find_cycle(len(self.tasks), pairs)
        if cycle:
            path = " -> ".join(self.tasks[t].name for t in cycle)
            raise ValueError(f"the graph of {self.name} has a cycle: {path}")
        if pairs != sorted(pairs):
            object.__setattr__(
                self, "edges", tuple(sorted(self.edges, key=lambda e: (e.src, e.dst)))
            )
        return self

    @cached_property
    def topological_order(self) -> tuple[int, ...]:
        """Task numbers with every task after its predecessors (smallest number first on ties)."""
        return tuple(_topological_order(len(self.tasks), [(e.src, e.dst) for e in self.edges]))

    @classmethod
    def names(cls) -> list[str]:
        """Names of the shipped applications."""
        return sorted(path.stem for path in DATA.glob("*.json"))

    @classmethod
    @cache
    def named(cls, name: str) -> Application:
        """Return a shipped application.

        Raises
        ------
        UnknownNameError
            No such application; the known ones are listed.
        """
        if name not in cls.names():
            raise UnknownNameError("application", name, cls.names())
        return cls.load(DATA / f"{name}.json")


def _topological_order(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    import heapq

    successors: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for src, dst in pairs:
        successors[src].append(dst)
        missing[dst] += 1
    heap = [task for task in range(count) if missing[task] == 0]
    order = []
    while heap:
        task = heapq.heappop(heap)
        order.append(task)
        for dst in successors[task]:
            missing[dst] -= 1
            if missing[dst] == 0:
                heapq.heappush(heap, dst)
    return order


def _find_cycle(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return the tasks of one cycle, first repeated at the end, or an empty list."""
    done = set(_topological_order(count, pairs))
    if len(done) == count:
        return []
    # Every task that a topological sort cannot reach has a predecessor that it cannot reach either:
    # walking backwards must come round.
    previous = {dst: src for src, dst in pairs if src not in done and dst not in done}
    task = next(iter(previous))
    path = [task]
    while previous[task] not in path:
        task = previous[task]
        path.append(task)
    start = path.index(previous[task])
    loop = path[start:][::-1]
    return [loop[-1], *loop]
