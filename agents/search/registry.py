"""Searchers by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from gymnasium import spaces

from chipgym.agents.core.hyperparameters import FOLDER, Hyperparameters, load_hyperparameters
from chipgym.agents.core.searcher import Searcher
from chipgym.agents.papers.nasaic.searcher import NasaicSearcher
from chipgym.agents.search.ant_colony import AntColony
from chipgym.agents.search.bayesian import BayesianOptimisation
from chipgym.agents.search.cma_es import CmaEs
from chipgym.agents.search.enumeration import Enumeration
from chipgym.agents.search.genetic import GeneticAlgorithm
from chipgym.agents.search.hill_climbing import HillClimbing
from chipgym.agents.search.nsga2 import Nsga2
from chipgym.agents.search.random_search import RandomSearch
from chipgym.agents.search.random_walk import RandomWalk
from chipgym.agents.search.regularised_evolution import RegularisedEvolution
from chipgym.agents.search.simulated_annealing import SimulatedAnnealing
from chipgym.agents.search.tpe import TreeParzenEstimator
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.core.plugins import load_plugin, plugin_names

__all__ = [
    "hyperparameter_grid",
    "make_searcher",
    "register_searcher",
    "searcher_hyperparameters",
    "searcher_names",
    "searcher_summary",
]

GROUP = "chipgym.searchers"
_SEARCHERS: dict[str, Callable[..., Searcher[Any]]] = {
    "random-search": RandomSearch,
    "random-walk": RandomWalk,
    "hill-climbing": HillClimbing,
    "simulated-annealing": SimulatedAnnealing,
    "genetic": GeneticAlgorithm,
    "regularised-evolution": RegularisedEvolution,
    "ant-colony": AntColony,
    "bayesian": BayesianOptimisation,
    "tpe": TreeParzenEstimator,
    "cma-es": CmaEs,
    "nsga2": Nsga2,
    "nasaic": NasaicSearcher,
    "enumeration": Enumeration,
}


def searcher_names() -> list[str]:
    """Return the names that `make_searcher` knows: ours in a fixed order, then other packages'."""
    return [*_SEARCHERS, *(name for name in plugin_names(GROUP) if name not in _SEARCHERS)]


def searcher_summary(name: str) -> str:
    """First line of a searcher's docstring; "" for those of other packages, which stay unloaded."""
    factory = _SEARCHERS.get(name)
    return (inspect.getdoc(factory) or "").partition("\n")[0] if factory is not None else ""


def make_searcher(name: str, space: spaces.Space[Any], seed: int, **kwargs: Any) -> Searcher[Any]:
    """Return a new searcher by name.

    Parameters
    ----------
    name : str
        One of `searcher_names`.
    space : gymnasium.Space
        The designs.
    seed : int
        The same seed and the same scores give the same designs.
    **kwargs
        ``constraint``, ``start`` and hyperparameters; see
        `chipgym.agents.search.base.SpaceSearcher`.

    Raises
    ------
    UnknownNameError
        No such searcher or hyperparameter; the message suggests the nearest name.
    InvalidValueError
        The space cannot be searched, or a value is outside its range.
    MissingLibraryError
        The searcher needs the extra ``[search]``, which is not installed.

    Examples
    --------
    >>> from gymnasium import spaces
    >>> searcher = make_searcher("genetic", spaces.MultiDiscrete([4, 3]), seed=0, population=8)
    >>> design = searcher.ask()
    >>> searcher.tell(design, score=0.5)
    """
    return _factory(name)(space, seed, **kwargs)


def register_searcher(name: str, factory: Callable[..., Searcher[Any]]) -> None:
    """Add a searcher of your own under a new name; `factory` takes ``(space, seed, **kwargs)``."""
    if name in _SEARCHERS:
        raise InvalidValueError("name", name, "a name that is not taken")
    _SEARCHERS[name] = factory


def hyperparameter_grid(name: str) -> dict[str, tuple[Any, ...]]:
    """Return the values of each hyperparameter in a study of their influence; {} if there are none.

    Raises
    ------
    UnknownNameError
        No such searcher.
    """
    return dict(getattr(_factory(name), "GRID", {}))


def searcher_hyperparameters(
    name: str, environment_id: str = "default", scenario: str = "default"
) -> Hyperparameters:
    """Read the stored hyperparameters of a searcher: ``agents/hyperparams/search/NAME.yaml``.

    Raises
    ------
    UnknownNameError
        There are none for this name.
    FileFormatError
        The file is malformed.
    """
    return load_hyperparameters(name, environment_id, scenario, FOLDER / "search")


def _factory(name: str) -> Callable[..., Searcher[Any]]:
    factory: Callable[..., Searcher[Any]] | None
    factory = _SEARCHERS.get(name) or load_plugin(GROUP, name)
    if factory is None:
        raise UnknownNameError("searcher", name, searcher_names())
    return factory
