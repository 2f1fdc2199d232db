"""Policies and algorithms by name: registered ones, or the user's own ``module:attribute``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from chipgym.experiments.random_episodes import random_episodes
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["build_policy", "import_attribute"]


def import_attribute(field: str, name: str) -> Any:
    """Import ``module:attribute``.

    Raises
    ------
    InvalidValueError
        The module or the attribute does not exist.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidValueError(field, name, f"module:attribute that exists ({error})") from error


def build_policy(name: str, kwargs: dict[str, Any] | None = None) -> Any:
    """Build a policy.

    Raises
    ------
    UnknownNameError
        No registered policy has this name.
    InvalidValueError
        The policy does not take these arguments, or the name is that of an algorithm or a searcher.
    """
    from chipgym.agents.core.registry import make_policy

    arguments = dict(kwargs or {})
    planner = None if arguments else random_episodes(name)
    if planner is not None:
        return planner
    factory: Callable[..., Any] = (
        import_attribute("policy", name) if ":" in name else lambda **kw: make_policy(name, **kw)
    )
    try:
        policy = factory(**arguments)
    except UnknownNameError as error:
        raise _other_kind(name) or error from error
    except TypeError as error:
        raise InvalidValueError(
            f"kwargs of policy {name!r}", arguments, f"arguments of its constructor ({error})"
        ) from error
    if not (callable(getattr(policy, "act", None)) and callable(getattr(policy, "reset", None))):
        raise InvalidValueError("policy", name, "a policy, which has the methods reset and act")
    return policy


def _other_kind(name: str) -> InvalidValueError | None:
    """What to say of a name that is no policy's, but an algorithm's or a searcher's."""
    from chipgym.agents.search.registry import searcher_names
    from chipgym.experiments.training import algorithm_names

    if name in algorithm_names():
        return InvalidValueError(
            "policy",
            name,
            "a policy; this is an algorithm: `chipgym train` makes a folder for `--load`",
        )
    if name in searcher_names():
        return InvalidValueError(
            "policy", name, "a policy; this is a searcher: suites run it, as `searcher:`"
        )
    return None
