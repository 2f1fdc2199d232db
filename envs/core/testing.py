"""The conformance suite, for authors of environments: one call, or single checks in pytest.

Examples
--------
>>> from chipgym.envs.core.testing import check_environment
>>> check_environment("chipgym/SocScheduling-v0", split="test")  # doctest: +SKIP

Every failure raises `ConformanceError`, an `AssertionError` whose message names the check, the
environment and the first thing that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import gymnasium as gym

from chipgym.envs.core.conformance.actions import (
    check_bounds,
    check_masks,
    check_reset_options,
    check_rewards,
)
from chipgym.envs.core.conformance.determinism import (
    check_determinism,
    check_interleaving,
    check_no_aliasing,
    check_no_global_random,
    check_processes,
)
from chipgym.envs.core.conformance.golden import check_golden, golden_entry, write_golden
from chipgym.envs.core.conformance.multi_agent import check_aec, check_multi_agent, check_parallel
from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Target,
    make,
    play,
    sample_action,
)
from chipgym.envs.core.conformance.standard import (
    check_gymnasium,
    check_rendering,
    check_spec_round_trip,
    check_stable_baselines3,
)
from chipgym.envs.core.conformance.state import check_copies, check_state
from chipgym.envs.core.conformance.vector import check_async_vector, check_vector
from chipgym.simulators.core.errors import UnknownNameError

__all__ = [
    "CHECKS",
    "ConformanceError",
    "check_aec",
    "check_async_vector",
    "check_bounds",
    "check_copies",
    "check_determinism",
    "check_environment",
    "check_golden",
    "check_gymnasium",
    "check_interleaving",
    "check_masks",
    "check_multi_agent",
    "check_no_aliasing",
    "check_no_global_random",
    "check_parallel",
    "check_processes",
    "check_rendering",
    "check_reset_options",
    "check_rewards",
    "check_spec_round_trip",
    "check_stable_baselines3",
    "check_state",
    "check_vector",
    "golden_entry",
    "play",
    "sample_action",
    "write_golden",
]

CHECKS: dict[str, Callable[..., None]] = {
    "gymnasium": check_gymnasium,
    "stable_baselines3": check_stable_baselines3,
    "spec": check_spec_round_trip,
    "determinism": check_determinism,
    "interleaving": check_interleaving,
    "global_random": check_no_global_random,
    "aliasing": check_no_aliasing,
    "state": check_state,
    "copies": check_copies,
    "masks": check_masks,
    "bounds": check_bounds,
    "rewards": check_rewards,
    "reset_options": check_reset_options,
    "rendering": check_rendering,
    "processes": check_processes,
    "vector": check_vector,
    "async": check_async_vector,
}
"""Every check of a single-agent environment, by name, in the order in which they run."""


def check_environment(
    target: Target,
    *,
    skip: Collection[str] = (),
    parallel: Callable[..., Any] | str | None = None,
    aec: Callable[..., Any] | str | None = None,
    **kwargs: Any,
) -> None:
    """Run the whole conformance suite on an environment.

    Parameters
    ----------
    target : str or callable
        A Gymnasium id, or a factory of environments. A factory has no EnvSpec and no vector entry
        point, so ``spec``, ``vector`` and ``async`` are left out for it.
    skip : collection of str
        Names in `CHECKS` to leave out; ``masks`` is where the environment has no `action_masks`.
    parallel, aec : callable or str, optional
        The multi-agent version: PettingZoo ids or factories.
    **kwargs
        Arguments of the environment, such as ``scenario``. The check ``reset_options`` asks for
        test instances: give ``split="test"``, or whatever makes them available.

    Raises
    ------
    ConformanceError
        At the first check that fails.
    """
    for name in skip:
        if name not in CHECKS:
            raise UnknownNameError("check", name, CHECKS)
    left_out = set(skip)
    if not hasattr(make(target, kwargs).unwrapped, "action_masks"):
        left_out.add("masks")
    if not isinstance(target, str):
        left_out |= {"spec", "vector", "async"}
    elif gym.spec(target.split(":")[-1]).vector_entry_point is None:
        left_out.add("vector")
    for name, check in CHECKS.items():
        if name not in left_out:
            check(target, kwargs)
    if parallel is not None:
        check_multi_agent(parallel, aec, kwargs)
