"""Spaces of architectures and chips: tokens, masks, and what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.accuracy.provider import Task
from chipgym.envs.codesign.design_space import DesignSpace
from chipgym.envs.codesign.edits import apply_edit, build_edits, edit_reason
from chipgym.envs.codesign.hardware import HARDWARE
from chipgym.envs.codesign.presets import SCENARIOS
from chipgym.envs.codesign.spaces import SPACES, Architecture, cell_text
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

MIXED = DesignSpace(
    (
        Task("a", "cifar10", "resnet9-cifar", 0.4),
        Task("b", "nuclei", "unet-nuclei", 0.3),
        Task("c", "cifar10", "nasbench201", 0.3),
    ),
    HARDWARE["nasaic"],
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_designs_drawn_by_the_masks_can_be_built(seed: int) -> None:
    design = MIXED.sample(np.random.default_rng(seed))
    assert MIXED.reason(design) == ""
    chip = MIXED.chip_of(design)
    chip.check(MIXED.hardware.budget)
    assert chip.pes >= 64
    canonical = MIXED.canonical(design)
    assert MIXED.key(canonical) == MIXED.key(design)
    assert MIXED.canonical(canonical) == canonical
    assert MIXED.networks_of(canonical) == MIXED.networks_of(design)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_masks_of_the_chip_are_complete(seed: int) -> None:
    """What is masked could not be part of any chip, what is not leads to one."""
    rng = np.random.default_rng(seed)
    space = HARDWARE["small"]
    prefix: tuple[int, ...] = ()
    while len(prefix) < len(space.tokens):
        legal = np.flatnonzero(space.legal(prefix))
        assert len(legal)
        prefix = (*prefix, int(rng.choice(legal)))
    assert space.reason(prefix) == ""
    more = [p for p in range(len(space.pes)) if not space.legal(prefix[:4])[p]]
    for count in more:
        # Over budget, without bandwidth left, or a chip without PEs.
        assert space.reason((*prefix[:4], count, 0)) != ""


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_edits_are_legal_exactly_where_they_lead_to_another_design(seed: int) -> None:
    design = MIXED.canonical(MIXED.sample(np.random.default_rng(seed)))
    legal = 0
    for edit in build_edits(MIXED):
        changed = apply_edit(MIXED, design, edit)
        if edit_reason(MIXED, design, edit):
            assert changed is None or changed == design or MIXED.reason(changed)
        else:
            assert changed is not None
            assert changed != design
            assert MIXED.reason(changed) == ""
            legal += 1
    assert legal


def test_wider_and_deeper_networks_have_more_work() -> None:
    for name in ("resnet9-cifar", "unet-nuclei"):
        space = SPACES[name]
        entry = data_set_named("cifar10" if name == "resnet9-cifar" else "nuclei")
        small = space.complete(())

        def macs(choices: tuple[int, ...], space=space, entry=entry) -> int:
            architecture = space.architecture(choices)
            return architecture.network(entry.shape, entry.classes).macs

        assert macs(space.widen(small)) > macs(small)
        deeper = space.canonical(space.deepen(small))
        assert len(space.values(deeper)) >= len(space.values(small))
        assert macs(deeper) > macs(small)
        assert space.widen(space.largest) == space.largest
        assert space.deepen(space.largest) == space.largest


def test_values_and_keys_of_an_architecture() -> None:
    values = (32, 128, 2, 256, 2, 256, 2)
    space = SPACES["resnet9-cifar"]
    choices = tuple(
        token.options.index(value) for token, value in zip(space.tokens, values, strict=True)
    )
    assert space.architecture(choices) == Architecture("resnet9", values)
    assert space.architecture(choices).key == "resnet9:32-128-2-256-2-256-2"
    assert Architecture.of_key("resnet9:32-128-2-256-2-256-2").values == values


def test_cells_need_a_path() -> None:
    space = SPACES["nasbench201"]
    assert cell_text((3, 3, 3, 1, 3, 3)).startswith("|nor_conv_3x3~0|+|")
    assert space.reason((0, 0, 3, 0, 3, 3))
    # Nothing but the direct edge is left.
    assert space.legal((0, 0, 3))[0] is False
    assert space.legal((0, 0, 3))[1] is True


@pytest.mark.parametrize("key", ["resnet9:", "resnet9:a-b", "resnet9", "unet:1-x"])
def test_broken_keys(key: str) -> None:
    with pytest.raises(InvalidValueError):
        Architecture.of_key(key)
    with pytest.raises(UnknownNameError, match="resnet9"):
        Architecture.of_key("resnet8:1-2-3")


def test_every_scenario_is_complete() -> None:
    for scenario in SCENARIOS.values():
        space = DesignSpace(scenario.tasks, HARDWARE[scenario.hardware])
        assert space.reason(space.default) == ""
        assert sum(task.weight for task in scenario.tasks) == pytest.approx(1.0)
        assert len({task.name for task in scenario.tasks}) == len(scenario.tasks)
