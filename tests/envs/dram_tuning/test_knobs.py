"""Knobs and knob sets."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipgym.envs.dram_tuning.design_space import DesignSpace
from chipgym.envs.dram_tuning.knobs import GROUPS, KNOB_SETS, KNOBS, build_knobs
from chipgym.simulators.core.errors import ChipGymError, UnknownNameError
from chipgym.simulators.dram.config import ControllerConfig

MAPS = ("ddr4-2400-bgint", "ddr4-2400-brc")


def test_sizes_are_those_of_archgyms_spaces() -> None:
    sizes = {name: knobs.size(MAPS) for name, knobs in KNOB_SETS.items()}
    assert sizes["archgym"] == 442_368
    assert sizes["archgym-ga"] == 28_311_552
    assert sizes["archgym-aco"] == 1_769_472


def test_knobs_are_settings_of_the_controller() -> None:
    settings = {spec.name for spec in fields(ControllerConfig)}
    assert set(KNOBS) - {"address_map"} <= settings
    assert {knob.group for knob in KNOBS.values()} == set(GROUPS)


def test_the_corrected_space_always_refreshes() -> None:
    policies = ("NoRefresh", "AllBank", "SameBank")
    assert "refresh_policy" not in {knob.name for knob in build_knobs("full", MAPS, policies[:2])}
    knobs = {knob.name: knob for knob in build_knobs("full", MAPS, policies)}
    assert knobs["refresh_policy"].values == ("AllBank", "SameBank")


def test_one_map_is_no_choice() -> None:
    assert "address_map" not in {knob.name for knob in build_knobs("full", MAPS[:1])}
    assert build_knobs("full", MAPS)[-1].default == MAPS[0]


@pytest.mark.parametrize("name", KNOB_SETS)
def test_the_default_design_is_feasible_and_the_controllers_where_it_can_be(name: str) -> None:
    space = DesignSpace(build_knobs(name, MAPS))
    assert not space.reasons(space.default)
    config = ControllerConfig().document()
    for knob in space.knobs:
        if config.get(knob.name) in knob.values:
            assert knob.default == config[knob.name], knob.name


@given(st.data())
def test_designs_and_settings_are_the_same_thing(data: st.DataObject) -> None:
    space = DesignSpace(build_knobs("full", MAPS))
    design = tuple(data.draw(st.integers(0, n - 1)) for n in space.lengths)
    settings = space.decode(design)
    assert space.encode(settings) == design
    if not space.reasons(design):
        config, address_map = space.config(design)
        assert address_map == settings.pop("address_map")
        assert settings.items() <= config.document().items()


@given(st.data())
def test_what_the_controller_refuses_breaks_a_rule(data: st.DataObject) -> None:
    space = DesignSpace(build_knobs("full", MAPS))
    design = tuple(data.draw(st.integers(0, n - 1)) for n in space.lengths)
    try:
        space.config(design)
    except ChipGymError:
        assert space.reasons(design)


def test_unknown_sets_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'archgym-aco'"):
        build_knobs("archgym-acro", MAPS)
