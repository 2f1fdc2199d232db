"""The PettingZoo form of SoC scheduling against the conformance suite."""

from __future__ import annotations

import pytest

from chipgym.envs import soc_scheduling_v0
from chipgym.envs.core import testing
from chipgym.envs.soc_scheduling.presets import SCENARIOS

ID = "chipgym/SocScheduling-v0"


@pytest.mark.parametrize("scenario", ["six-app-mid", "noise-30", "canonical"])
def test_multi_agent(scenario: str) -> None:
    testing.check_multi_agent(
        soc_scheduling_v0.parallel_env, soc_scheduling_v0.env, {"scenario": scenario}
    )


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_multi_agent_every_scenario(scenario: str) -> None:
    testing.check_parallel(soc_scheduling_v0.parallel_env, {"scenario": scenario}, cycles=40)


def test_registered_multi_agent_ids() -> None:
    testing.check_multi_agent(ID, ID, {"scenario": "six-app-mid"})
