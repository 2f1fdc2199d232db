"""Hyperparameters: documented, checked, stored, and named where they are wrong."""

from __future__ import annotations

import itertools
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from gymnasium import spaces

from chipgym.agents.core.hyperparameters import FOLDER
from chipgym.agents.search.errors import MissingLibraryError
from chipgym.agents.search.registry import (
    hyperparameter_grid,
    make_searcher,
    register_searcher,
    searcher_hyperparameters,
    searcher_names,
)
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

LIBRARIES = ("bayesian", "tpe", "cma-es")
SPACE = spaces.MultiDiscrete([4, 4])


@pytest.mark.parametrize("name", searcher_names())
def test_every_field_is_documented_and_stored(name: str) -> None:
    searcher: Any = make_searcher(name, SPACE, 0)
    stored = searcher_hyperparameters(name)
    assert stored.values == asdict(searcher.settings)
    assert make_searcher(name, SPACE, 0, **stored.values).settings == searcher.settings  # type: ignore[attr-defined]
    documented = type(searcher.settings).__doc__ or ""
    for field in fields(searcher.settings):
        assert f"{field.name} :" in documented or f"{field.name}," in documented
    document = yaml.safe_load((FOLDER / "search" / f"{name}.yaml").read_text())
    for environment, scenarios in document.items():
        for scenario in scenarios:
            entry = searcher_hyperparameters(name, environment, scenario)
            assert make_searcher(name, SPACE, 0, **entry.values).name == name


@pytest.mark.parametrize("name", searcher_names())
def test_all_values_of_the_grid_are_allowed(name: str) -> None:
    for field, values in hyperparameter_grid(name).items():
        assert len(set(values)) == len(values) > 1
        for value in values:
            searcher: Any = make_searcher(name, SPACE, 0, **{field: value})
            assert getattr(searcher.settings, field) == value


@pytest.mark.parametrize("name", searcher_names())
def test_the_grid_combines_freely(name: str) -> None:
    grid = hyperparameter_grid(name)
    for values in itertools.product(*grid.values()) if name not in LIBRARIES else ():
        make_searcher(name, SPACE, 0, **dict(zip(grid, values, strict=True)))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("random-search", {"replacement": 1}),
        ("random-walk", {"knobs": 0}),
        ("random-walk", {"move": "far"}),
        ("random-walk", {"restart": -1}),
        ("hill-climbing", {"patience": 1.5}),
        ("simulated-annealing", {"temperature": 0}),
        ("simulated-annealing", {"cooling": 1.01}),
        ("simulated-annealing", {"reheat": True}),
        ("genetic", {"population": 1}),
        ("genetic", {"elites": 16}),
        ("genetic", {"tournament": 0}),
        ("genetic", {"crossover": "three-point"}),
        ("genetic", {"crossover_rate": -0.1}),
        ("genetic", {"mutation_rate": float("nan")}),
        ("regularised-evolution", {"sample": 21}),
        ("ant-colony", {"ants": 0}),
        ("ant-colony", {"evaporation": 0}),
        ("ant-colony", {"greediness": 1.1}),
        ("ant-colony", {"depth": -1}),
        ("ant-colony", {"elites": 0}),
        ("ant-colony", {"floor": 0}),
        ("ant-colony", {"bins": 1}),
        ("bayesian", {"startup": 0}),
        ("bayesian", {"noisy": "no"}),
        ("tpe", {"candidates": 0}),
        ("tpe", {"ordered": None}),
        ("cma-es", {"population": 2}),
        ("cma-es", {"sigma": 2.0}),
        ("cma-es", {"growth": 0.5}),
        ("nsga2", {"population": 1}),
        ("nsga2", {"move": "up"}),
        ("nasaic", {"hardware_steps": -1}),
        ("nasaic", {"hidden": 0}),
        ("nasaic", {"learning_rate": 0.0}),
        ("nasaic", {"halve_every": -1}),
        ("nasaic", {"discount": 1.5}),
        ("nasaic", {"baseline": 1.0}),
        ("nasaic", {"entropy": -0.1}),
        ("nasaic", {"normalise": 1}),
        ("nasaic", {"bins": 1}),
        ("enumeration", {"max_designs": 0}),
    ],
)
def test_values_out_of_range_are_named(name: str, wrong: dict[str, Any]) -> None:
    (field,) = wrong
    with pytest.raises(InvalidValueError, match=field):
        make_searcher(name, SPACE, 0, **wrong)


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'genetic'"):
        make_searcher("genetics", SPACE, 0)
    with pytest.raises(UnknownNameError, match=r"of genetic; did you mean 'population'"):
        make_searcher("genetic", SPACE, 0, populaton=8)
    with pytest.raises(InvalidValueError, match="not taken"):
        register_searcher("tpe", lambda space, seed: make_searcher("tpe", space, seed))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("tpe", "optuna"),
        ("bayesian", "optuna"),
        ("bayesian", "scipy"),
        ("bayesian", "greenlet"),
        ("cma-es", "cmaes"),
    ],
)
def test_missing_libraries_name_the_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingLibraryError, match=r"chipgym\[search\]"):
        make_searcher(name, SPACE, 0)


def test_spaces_too_large_to_enumerate_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="16 designs"):
        make_searcher("enumeration", SPACE, 0, max_designs=15)


@pytest.mark.parametrize("name", searcher_names())
def test_the_table_in_the_docs_is_complete(name: str, repository: Path) -> None:
    lines = (repository / "docs" / "agents.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| `{name}` |"))
    searcher: Any = make_searcher(name, SPACE, 0)
    for field, value in asdict(searcher.settings).items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        shown = f"{value:,}".removesuffix(".0") if number else str(value).lower()
        assert f"`{field}` {shown}" in row
