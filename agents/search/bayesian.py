"""Bayesian optimisation with a Gaussian process (Jones, Schonlau and Welch, 1998), by Optuna."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.codec import Point
from chipgym.agents.search.errors import MissingLibraryError
from chipgym.agents.search.optuna_study import OptunaSearcher
from chipgym.agents.search.settings import check_flag, check_integer

__all__ = ["BayesianOptimisation", "BayesianSettings"]


@dataclass(frozen=True)
class BayesianSettings:
    """Hyperparameters of Bayesian optimisation.

    Attributes
    ----------
    startup : int
        Random designs before the first model, from 1.
    ordered : bool
        Whether neighbouring choices of a knob are taken to be alike (Matérn kernel), or all choices
        as unrelated (Hamming kernel).
    noisy : bool
        Whether the same design may score differently each time.
    """

    startup: int = 10
    ordered: bool = True
    noisy: bool = False

    def __post_init__(self) -> None:
        check_integer("startup", self.startup, 1)
        check_flag("ordered", self.ordered)
        check_flag("noisy", self.noisy)


class BayesianOptimisation(OptunaSearcher[BayesianSettings]):
    """Fits a Gaussian process and proposes the greatest (log) expected improvement.

    Needs the extra ``[search]``. A proposal costs about 0.1 s, and more with more scores, so
    it suits hundreds of evaluations. PyTorch works with one thread meanwhile, so that the same
    seed gives the same bits on any number of cores.
    """

    name = "bayesian"
    Settings = BayesianSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "startup": (5, 10, 16, 32, 64),
        "ordered": (True, False),
        "noisy": (False, True),
    }

    _tries = 1  # it would propose the same again: failed trials are passed over

    def _sampler(self) -> Any:
        # Optuna would miss SciPy late, and without greenlet go a way that rounds differently.
        for library in ("scipy", "greenlet"):
            try:
                importlib.import_module(library)
            except ImportError as error:
                raise MissingLibraryError(self.name, library) from error
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import GPSampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # deterministic_objective
            return GPSampler(
                n_startup_trials=self.settings.startup,
                deterministic_objective=not self.settings.noisy,
                seed=self._sampler_seed(),
            )

    def _ordered(self) -> bool:
        return self.settings.ordered

    def _propose(self) -> tuple[Point, int]:
        with _one_thread():
            return super()._propose()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch compute with one thread: sums in parallel depend on the number of threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
