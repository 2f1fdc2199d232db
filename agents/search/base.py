"""What all searchers share: the ask/tell protocol, constraints, warm starts and the best design."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from gymnasium import spaces

from chipgym.agents.search.codec import Point, SpaceCodec
from chipgym.agents.search.errors import NoAllowedDesignError
from chipgym.agents.search.settings import build_settings, check_integer
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Constraint", "SpaceSearcher"]

Settings = TypeVar("Settings")
Constraint = Callable[[Any], bool]
Token = Any
"""What a searcher remembers about a proposal until its score comes."""


class SpaceSearcher(ABC, Generic[Settings]):
    """A searcher over any Gymnasium space of designs.

    Algorithms define `_propose`, and `_learn` where they learn from scores. Both see points (see
    `chipgym.agents.search.codec`), never designs. Nothing but the seed and the calls of `ask` and
    `tell` decides what is proposed, and a pickled copy goes on identically.

    Parameters
    ----------
    space : gymnasium.Space
        The designs: Discrete, MultiDiscrete, MultiBinary, bounded Box, and Tuple or Dict of them.
        It is copied, so the caller's generator is not touched.
    seed : int
        Seed of everything random, not negative.
    constraint : callable, optional
        Whether a design is allowed. Proposals that are not are made again, up to 100 times (fewer
        where they are costly), and then repaired: ever more knobs of the last one are redrawn.
        It must be picklable if the searcher is to be pickled.
    start : iterable of designs
        Proposed first, in this order: a default configuration, known good designs.
    **hyperparameters
        Fields of the class's `Settings`.

    Attributes
    ----------
    settings : Settings
        The hyperparameters.
    asks, evaluations : int
        Designs proposed, and scores told.

    Raises
    ------
    InvalidValueError
        The space cannot be searched, or a value is outside its range.
    UnknownNameError
        There is no such hyperparameter.
    """

    name: str
    Settings: ClassVar[type[Any]]
    """Dataclass of the hyperparameters."""

    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {}
    """Values of the hyperparameters in a study of their influence."""

    _tries: ClassVar[int] = 100
    _repairs: ClassVar[int] = 5000

    def __init__(
        self,
        space: spaces.Space[Any],
        seed: int,
        *,
        constraint: Constraint | None = None,
        start: Iterable[Any] = (),
        **hyperparameters: Any,
    ) -> None:
        check_integer("seed", seed, 0)
        self.settings: Settings = build_settings(type(self).Settings, hyperparameters, self.name)
        self.seed = int(seed)
        self.codec = SpaceCodec(copy.deepcopy(space))
        self._constraint = constraint
        self._rng = np.random.default_rng(seed)
        self._pending: dict[bytes, deque[Token]] = {}
        self._best: tuple[Any, float] | None = None
        self.asks = 0
        self.evaluations = 0
        self._start = deque(self.codec.encode(design) for design in start)
        for point in self._start:
            if not self._allowed(point):
                design = self.codec.decode(point)
                raise InvalidValueError("start", design, "designs that the constraint allows")
        self._prepare()

    def ask(self) -> Any:
        """Return the next design to evaluate.

        Raises
        ------
        NoAllowedDesignError
            The constraint allowed none of a bounded number of proposals.
        SearchExhaustedError
            There are no further designs (enumeration and drawing without replacement).
        """
        point, token = (self._start.popleft(), None) if self._start else self._next()
        self.asks += 1
        self._pending.setdefault(self.codec.key(point), deque()).append(token)
        return self.codec.decode(point)

    def tell(self, design: Any, score: float) -> None:
        """Report the score of a design, proposed or not; not-a-number: it could not be evaluated.

        Raises
        ------
        InvalidValueError
            The design is not in the space, or the score is infinite or not a number at all.
        """
        point = self.codec.encode(design)
        value = _score(score)
        self.evaluations += 1
        if not math.isnan(value) and (self._best is None or value > self._best[1]):
            self._best = (copy.deepcopy(design), value)
        self._learn(point, value, self._token(point))

    @property
    def best(self) -> tuple[Any, float] | None:
        """Best design so far and its score, the first one on ties; None before a valid one."""
        return copy.deepcopy(self._best)

    def _prepare(self) -> None:
        """Set up the algorithm's own state."""

    @abstractmethod
    def _propose(self) -> tuple[Point, Token]:
        """Return a point, and what to remember about it until its score comes."""

    def _learn(self, point: Point, score: float, token: Token) -> None:
        """Take in a score, which may be nan; the token is None for points that were not asked."""

    def _withdraw(self, token: Token) -> None:
        """Forget a proposal that the constraint does not allow."""

    def _replaced(self, point: Point, token: Token) -> Token:
        """Return the token of a point that was put in the place of a forbidden proposal."""
        return token

    def _allowed(self, point: Point) -> bool:
        return self._constraint is None or bool(self._constraint(self.codec.decode(point)))

    def _next(self) -> tuple[Point, Token]:
        """Propose until the constraint is met, then repair."""
        for attempt in range(self._tries):
            point, token = self._propose()
            if self._allowed(point):
                return point, token
            if attempt < self._tries - 1:
                self._withdraw(token)
        repaired = self._repair(point)
        if repaired is None:
            self._withdraw(token)
            raise NoAllowedDesignError(self.name, self._tries + self._repairs)
        return repaired, self._replaced(repaired, token)

    def _repair(self, point: Point) -> Point | None:
        """Redraw one knob, then two, and so on, then all, until the design is allowed."""
        free = self.codec.free
        for attempt in range(self._repairs if len(free) else 0):
            count = min(1 + 5 * attempt * len(free) // self._repairs, len(free))
            knobs = self._rng.choice(free, size=count, replace=False)
            candidate = point.copy()
            candidate[knobs] = self.codec.sample(self._rng)[knobs]
            if self._allowed(candidate):
                return candidate
        return None

    def _token(self, point: Point) -> Token:
        """Take the oldest open proposal of a point off the list."""
        key = self.codec.key(point)
        waiting = self._pending.get(key)
        if not waiting:
            return None
        token = waiting.popleft()
        if not waiting:
            del self._pending[key]
        return token


def _score(score: float) -> float:
    try:
        value = float(score)
    except (TypeError, ValueError):
        value = math.inf
    if math.isinf(value):
        raise InvalidValueError("score", score, "a finite number, or nan if there is none")
    return value
