"""What every registered searcher keeps: protocol, space, seed, pickling and constraints."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from problems import KNOBS, TARGET, distance

from chipgym.agents.core.searcher import Searcher
from chipgym.agents.search.errors import NoAllowedDesignError, SearchExhaustedError
from chipgym.agents.search.registry import make_searcher, searcher_names
from chipgym.simulators.core.errors import InvalidValueError

NAMES = searcher_names()
QUICK: dict[str, dict[str, Any]] = {
    "bayesian": {"startup": 4},
    "tpe": {"startup": 4},
    "genetic": {"population": 4},
    "nsga2": {"population": 4},
    "regularised-evolution": {"population": 4, "sample": 2},
    "ant-colony": {"ants": 3},
    "cma-es": {"population": 4},
    "simulated-annealing": {"reheat": 5},
    "random-walk": {"restart": 7},
    "random-search": {"replacement": False},
    "nasaic": {"hidden": 8, "hardware_steps": 2},
}
"""Settings under which the algorithms pass through all their phases in a dozen evaluations."""

SMALL = spaces.MultiDiscrete([4, 3, 5])
DISCRETE: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(40, start=-3),
    "multi-discrete": spaces.MultiDiscrete([[3, 1], [2, 6]]),
    "multi-binary": spaces.MultiBinary(6),
    "integer box": spaces.Box(-2, 3, (2,), np.int32),
    "tuple": spaces.Tuple([spaces.Discrete(5), spaces.MultiBinary(3)]),
    "dict": spaces.Dict({"a": spaces.MultiDiscrete([4, 4]), "b": spaces.Discrete(3)}),
    "one design": spaces.Discrete(1),
}
MIXED: dict[str, spaces.Space[Any]] = {
    "box": spaces.Box(np.float32([0, -0.25]), np.float32([10, 0.25])),
    "mixed": spaces.Dict({"a": spaces.Box(-1.0, 1.0, (1,)), "b": spaces.Discrete(4)}),
}


def make(name: str, space: spaces.Space[Any], seed: int = 0, **kwargs: Any) -> Any:
    return make_searcher(name, space, seed, **(QUICK.get(name, {}) | kwargs))


def text(design: Any) -> str:
    return repr(
        {key: text(value) for key, value in design.items()}
        if isinstance(design, dict)
        else [text(part) for part in design]
        if isinstance(design, tuple)
        else np.asarray(design).tolist()
    )


def rating(design: Any) -> float:
    """A score for a design of any space: far from trivial, the same each time."""
    return math.sin(sum(ord(sign) * (place + 1) for place, sign in enumerate(text(design))))


def trace(searcher: Any, steps: int) -> list[str]:
    designs = []
    for _ in range(steps):
        design = searcher.ask()
        designs.append(text(design))
        searcher.tell(design, rating(design))
    return designs


@pytest.mark.parametrize("name", NAMES)
def test_protocol(name: str) -> None:
    searcher = make(name, SMALL)
    assert isinstance(searcher, Searcher)
    assert searcher.name == name
    assert searcher.best is None
    told = []
    for _ in range(14):
        design = searcher.ask()
        assert SMALL.contains(design)
        told.append((rating(design), text(design)))
        searcher.tell(design, told[-1][0])
    assert searcher.best is not None
    best, score = searcher.best
    highest = max(told, key=lambda entry: entry[0])
    assert (score, text(best)) == highest
    assert (searcher.asks, searcher.evaluations) == (14, 14)
    best[:] = 0
    assert text(searcher.best[0]) == highest[1]


@pytest.mark.parametrize("kind", [*DISCRETE, *MIXED])
@pytest.mark.parametrize("name", NAMES)
def test_all_spaces(name: str, kind: str) -> None:
    space = (DISCRETE | MIXED)[kind]
    if name == "enumeration" and kind in MIXED:
        with pytest.raises(InvalidValueError, match="infinitely many"):
            make(name, space)
        return
    searcher = make(name, space)
    for _ in range(9):
        try:
            design = searcher.ask()
        except SearchExhaustedError:
            assert kind == "one design"
            break
        assert space.contains(design)
        searcher.tell(design, rating(design))
    assert searcher.best is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_the_space_is_left_alone(name: str) -> None:
    space = spaces.MultiDiscrete([4, 3, 5])
    space.seed(5)
    expected = space.sample().tolist()
    space.seed(5)
    first = trace(make(name, space, seed=1), 12)
    assert trace(make(name, space, seed=1), 12) == first
    assert space.sample().tolist() == expected
    if name != "enumeration":
        assert trace(make(name, space, seed=2), 12) != first


@pytest.mark.parametrize("steps", [2, 7, 62])
@pytest.mark.parametrize("name", NAMES)
def test_a_pickled_copy_goes_on_identically(name: str, steps: int) -> None:
    searcher = make(name, KNOBS)
    trace(searcher, min(steps, 7) if name == "bayesian" else steps)
    open_design = searcher.ask()
    copy = pickle.loads(pickle.dumps(searcher))
    for one in (searcher, copy):
        one.tell(open_design, 0.25)
    more = 4 if name == "bayesian" else 30
    assert trace(copy, more) == trace(searcher, more)
    assert text(copy.best[0]) == text(searcher.best[0])


@pytest.mark.parametrize("name", NAMES)
def test_batches_told_backwards(name: str) -> None:
    runs = []
    size = 2 if name == "bayesian" else 6
    for _ in range(2):
        searcher = make(name, KNOBS)
        designs: list[Any] = []
        for _ in range(3):
            batch = [searcher.ask() for _ in range(size)]
            assert all(KNOBS.contains(design) for design in batch)
            for design in batch[::-1]:
                searcher.tell(design, distance(design))
            designs += batch
        runs.append([text(design) for design in designs])
        assert searcher.best is not None
        assert searcher.best[1] == max(distance(design) for design in designs)
    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", NAMES)
def test_evaluations_that_fail_or_never_return(name: str) -> None:
    searcher = make(name, KNOBS)
    for number in range(12):
        design = searcher.ask()
        if number % 3:
            searcher.tell(design, math.nan)
    assert searcher.best is None
    trace(searcher, 6)
    assert searcher.best is not None


@pytest.mark.parametrize("name", NAMES)
def test_scores_of_designs_that_it_did_not_ask(name: str) -> None:
    searcher = make(name, KNOBS)
    searcher.tell(TARGET, 0.0)
    searcher.tell(TARGET.tolist(), math.nan)
    for _ in range(6):
        design = searcher.ask()
        searcher.tell(design, distance(design))
        searcher.tell(KNOBS.nvec - 1, -5.0)
    assert searcher.best is not None
    np.testing.assert_array_equal(searcher.best[0], TARGET)


@pytest.mark.parametrize("name", NAMES)
def test_start_designs_come_first(name: str) -> None:
    start = [TARGET, np.zeros(10, dtype=int)]
    searcher = make(name, KNOBS, start=start)
    for design in start:
        asked = searcher.ask()
        np.testing.assert_array_equal(asked, design)
        searcher.tell(asked, distance(asked))
    trace(searcher, 4)
    with pytest.raises(InvalidValueError, match="design"):
        make(name, KNOBS, start=[[9] * 10])
    with pytest.raises(InvalidValueError, match="start"):
        make(name, KNOBS, start=[TARGET], constraint=even)


def even(design: Any) -> bool:
    return int(np.sum(design)) % 2 == 0


def rare(design: Any) -> bool:
    """About one design of 500."""
    return bool(design[0] == 1 and design[3] == 5 and design[9] >= 6 and design[4] == design[5])


def never(design: Any) -> bool:
    return False


@pytest.mark.parametrize("name", NAMES)
def test_constraints_are_kept(name: str) -> None:
    searcher = make(name, SMALL, constraint=even)
    for _ in range(12):
        design = searcher.ask()
        assert even(design)
        searcher.tell(design, rating(design))
    assert text(pickle.loads(pickle.dumps(searcher)).ask()) == text(searcher.ask())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "enumeration"])
def test_rare_designs_are_found(name: str) -> None:
    searcher = make(name, KNOBS, constraint=rare)
    for _ in range(6):
        design = searcher.ask()
        assert rare(design)
        searcher.tell(design, distance(design))


@pytest.mark.parametrize("name", NAMES)
def test_impossible_constraints_end(name: str) -> None:
    searcher = make(name, SMALL, constraint=never)
    with pytest.raises((NoAllowedDesignError, SearchExhaustedError), match=name):
        searcher.ask()


@pytest.mark.parametrize("name", NAMES)
def test_bad_arguments(name: str) -> None:
    with pytest.raises(InvalidValueError, match="seed"):
        make(name, SMALL, seed=-1)
    with pytest.raises(InvalidValueError, match="space"):
        make(name, spaces.Text(3))
    searcher = make(name, SMALL)
    with pytest.raises(InvalidValueError, match="design"):
        searcher.tell([4, 0, 0], 1.0)
    for score in (math.inf, -math.inf, "good", None):
        with pytest.raises(InvalidValueError, match="score"):
            searcher.tell([0, 0, 0], score)
    assert searcher.evaluations == 0
