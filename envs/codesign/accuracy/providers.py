"""The providers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chipgym.envs.codesign.accuracy.budgeted import BudgetedProvider
from chipgym.envs.codesign.accuracy.nasbench import NasBenchProvider
from chipgym.envs.codesign.accuracy.provider import AccuracyProvider
from chipgym.envs.codesign.accuracy.table import TableProvider
from chipgym.envs.codesign.accuracy.train_provider import TrainProvider
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["PROVIDERS", "make_provider"]

PROVIDERS: dict[str, Callable[..., AccuracyProvider]] = {
    "measured-table": TableProvider,
    "train": TrainProvider,
    "nas-bench": NasBenchProvider,
}


def make_provider(
    accuracy: str | AccuracyProvider, options: Mapping[str, Any] | None = None
) -> AccuracyProvider:
    """Return a provider by name, or the provider itself.

    Parameters
    ----------
    accuracy : str or AccuracyProvider
    options : mapping, optional
        Arguments of the named provider. All take ``budget``, the most networks that may be trained
        (`BudgetedProvider`); ``train`` counts every training that is run, a seed each.

    Raises
    ------
    UnknownNameError, InvalidValueError
        There is no such provider, or it does not take the options.
    """
    if not isinstance(accuracy, str):
        return accuracy
    if accuracy not in PROVIDERS:
        raise UnknownNameError("accuracy", accuracy, PROVIDERS, "co-design")
    arguments = dict(options or {})
    budget = None if accuracy == TrainProvider.name else arguments.pop("budget", None)
    try:
        provider: AccuracyProvider = PROVIDERS[accuracy](**arguments)
        return provider if budget is None else BudgetedProvider(provider, budget)
    except TypeError as error:
        raise InvalidValueError(
            "accuracy_options", dict(options or {}), f"arguments of {accuracy} ({error})"
        ) from error
