"""What other packages add: environments, agents, searchers, algorithms and suites by entry points.

A package declares in its ``pyproject.toml``, for example,

.. code-block:: toml

    [project.entry-points."chipgym.agents"]
    my-scheduler = "my_package.scheduler:MyScheduler"

and its names are known wherever ChipGym's own are, once it is installed. ChipGym's names come
first: a package cannot replace them.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

from chipgym.simulators.core.errors import ChipGymError

__all__ = ["GROUPS", "PluginError", "load_plugin", "plugin_names", "plugin_values"]

GROUPS = {
    "chipgym.environments": "a sequence of chipgym.envs.registration.EnvironmentEntry",
    "chipgym.agents": "a factory of policies, called with the arguments of a suite or command line",
    "chipgym.searchers": "a factory of searchers, called with (space, seed, **hyperparameters)",
    "chipgym.algorithms": "a training function, in a module that has load_policy",
    "chipgym.suites": "the path of a YAML file",
}
"""Groups of entry points, and what each must lead to."""


class PluginError(ChipGymError):
    """An entry point of another package does not lead to anything usable.

    Parameters
    ----------
    group, name, value : str
        The entry point.
    reason : str
        What is wrong.
    """

    def __init__(self, group: str, name: str, value: str, reason: str) -> None:
        self.group, self.name, self.value, self.reason = group, name, value, reason
        super().__init__(
            f"entry point {name!r} of group {group} leads to {value!r}: {reason}; it should be "
            f"{GROUPS.get(group, 'something')}"
        )

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.group, self.name, self.value, self.reason)


def plugin_values(group: str) -> dict[str, str]:
    """Entry points of a group: ``module:attribute`` by name, in the order of the names."""
    found = importlib.metadata.entry_points(group=group)
    return {point.name: point.value for point in sorted(found, key=lambda point: point.name)}


def plugin_names(group: str) -> list[str]:
    """Names of the entry points of a group, sorted."""
    return list(plugin_values(group))


def load_plugin(group: str, name: str) -> Any:
    """Import what an entry point leads to; None if there is none of this name.

    Raises
    ------
    PluginError
        It cannot be imported.
    """
    for point in importlib.metadata.entry_points(group=group):
        if point.name == name:
            try:
                return point.load()
            except Exception as error:  # a defect of the other package, of any kind
                reason = f"{type(error).__name__}: {error}"
                raise PluginError(group, name, point.value, reason) from error
    return None
