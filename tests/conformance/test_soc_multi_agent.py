"""The PettingZoo form of SoC scheduling against the conformance suite."""

from __future__ import annotations

import pytest

from chipgym.envs import soc_scheduling_v0
from chipgym.envs.core import testing
from chipgym.envs.soc_scheduling.presets import SCENARIOS

ID = "chipgym/SocScheduling-v0"


FACTORIES = (soc_scheduling_v0.parallel_env, soc_scheduling_v0.env)
WHOLE = {"six-app-mid": (ID, ID), "noise-30": FACTORIES, "canonical": FACTORIES}


@pytest.mark.parametrize("scenario", WHOLE)
def test_multi_agent(scenario: str) -> None:
    """The whole suite: once by the registered ids, otherwise by PettingZoo's two functions."""
    parallel, aec = WHOLE[scenario]
    testing.check_multi_agent(parallel, aec, {"scenario": scenario})


@pytest.mark.parametrize("scenario", sorted(set(SCENARIOS) - set(WHOLE)))
def test_multi_agent_every_scenario(scenario: str) -> None:
    testing.check_parallel(soc_scheduling_v0.parallel_env, {"scenario": scenario}, cycles=40)
