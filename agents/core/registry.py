"""Policies by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from chipgym.agents.core.policy import Policy
from chipgym.agents.core.random_policy import RandomPolicy
from chipgym.agents.heuristics.command_scheduling import FirstComeFirstServed, FirstReady
from chipgym.agents.heuristics.default_settings import FixedSettings
from chipgym.agents.heuristics.earliest_task_first import (
    BalancedEarliestTaskFirst,
    EarliestTaskFirst,
)
from chipgym.agents.heuristics.list_scheduling import (
    CedrHeft,
    EarliestFinish,
    MinimumExecution,
    OptimisticCost,
    RuntimeHeft,
    ShortestTask,
    TablePolicy,
)
from chipgym.agents.heuristics.recipes import SCRIPTS, FixedRecipe
from chipgym.agents.schedulers.late_binding import LateBinding
from chipgym.agents.schedulers.rollout_planner import RolloutPlanner
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.core.plugins import load_plugin, plugin_names

__all__ = ["make_policy", "policy_names", "policy_summary", "register_policy"]

GROUP = "chipgym.agents"


def _learned_scheduler(**kwargs: Any) -> Policy:
    """Compares what list plans would start now, with the weights that ship."""
    # It brings PyTorch and a kernel; the others do without.
    from chipgym.agents.schedulers.learned import LearnedScheduler

    return LearnedScheduler(**kwargs)


_POLICIES: dict[str, Callable[..., Policy]] = {
    "MET": MinimumExecution,
    "EFT": EarliestFinish,
    "ETF": EarliestTaskFirst,
    "ETF_LB": BalancedEarliestTaskFirst,
    "STF": ShortestTask,
    "HEFT_RT": RuntimeHeft,
    "CEDR_HEFT_RT": CedrHeft,
    "PEFT_RT": OptimisticCost,
    "table": TablePolicy,
    "late-binding": LateBinding,
    "rollout-planner": RolloutPlanner,
    "learned-scheduler": _learned_scheduler,
    "FR_FCFS": FirstReady,
    "FCFS": FirstComeFirstServed,
    "default-settings": FixedSettings,
    **{name: partial(FixedRecipe, name) for name in SCRIPTS},
    "random": RandomPolicy,
}


def policy_names() -> list[str]:
    """Return the names that `make_policy` knows: ours in a fixed order, then other packages'."""
    return [*_POLICIES, *(name for name in plugin_names(GROUP) if name not in _POLICIES)]


def policy_summary(name: str) -> str:
    """First line of a policy's docstring; "" for those of other packages, which stay unloaded."""
    factory = _POLICIES.get(name)
    if isinstance(factory, partial):
        return f"ABC's script {name} as a recipe of logic synthesis."
    return (inspect.getdoc(factory) or "").partition("\n")[0] if factory is not None else ""


def make_policy(name: str, **kwargs: Any) -> Policy:
    """Return a new policy by name.

    Parameters
    ----------
    name : str
        One of `policy_names`.
    **kwargs
        Arguments of the policy's constructor.

    Raises
    ------
    UnknownNameError
        No such policy; the message suggests the nearest name.
    PluginError
        It is another package's, and cannot be imported.

    Examples
    --------
    >>> make_policy("ETF").name
    'ETF'
    """
    factory = _POLICIES.get(name) or load_plugin(GROUP, name)
    if factory is None:
        raise UnknownNameError("policy", name, policy_names())
    policy: Policy = factory(**kwargs)
    return policy


def register_policy(name: str, factory: Callable[..., Policy]) -> None:
    """Add a policy of your own under a new name."""
    if name in _POLICIES:
        raise InvalidValueError("name", name, "a name that is not taken")
    _POLICIES[name] = factory
