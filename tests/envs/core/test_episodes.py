"""What all families share around an episode: options, states, rows of vector environments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from chipgym.envs.core.episodes import draw_instance, pack_state, unpack_state
from chipgym.envs.core.rows import check_rows, chosen_rows, seed_rows
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError


class Source:
    """Instances that are their own names."""

    def sample(self, rng: np.random.Generator) -> str:
        return f"train-{rng.integers(100)}"

    def test(self, index: Any) -> str:
        return f"test-{index}"


def draw(split: str, options: dict[str, Any] | None = None) -> str:
    rng = np.random.default_rng(3)
    return draw_instance(Source(), split, 5, rng, options, lambda own: f"own-{own}", "Example-v0")


def test_instances_come_from_the_split_or_the_options() -> None:
    assert draw("train").startswith("train-")
    assert draw("test") in {f"test-{k}" for k in range(5)}
    assert draw("test", {"instance": 4}) == "test-4"
    assert draw("train", {"workload": "mine"}) == "own-mine"
    with pytest.raises(InvalidValueError, match="only with split='test'"):
        draw("train", {"instance": 4})
    with pytest.raises(UnknownNameError, match=r"did you mean 'workload'.*") as caught:
        draw("train", {"wrokload": "mine"})
    assert "Example-v0" in str(caught.value)


def test_a_state_fits_only_what_made_it() -> None:
    state = pack_state("1.0", "form", {"value": [1, 2]})
    assert unpack_state(state, "1.0", "form")["value"] == [1, 2]
    for version, form in (("1.1", "form"), ("1.0", "other")):
        with pytest.raises(InvalidValueError, match="state"):
            unpack_state(state, version, form)
    for junk in (b"", b"junk", state[:-3], pack_state("1.0", "form", {})[:1]):
        with pytest.raises(FileFormatError, match="not made by get_state"):
            unpack_state(junk, "1.0", "form")


def test_rows_are_counted_and_chosen() -> None:
    assert check_rows(3, "SameStep", None) == (3, AutoresetMode.SAME_STEP)
    assert check_rows(1, AutoresetMode.DISABLED, None) == (1, AutoresetMode.DISABLED)
    with pytest.raises(UnknownNameError, match="did you mean 'SameStep'"):
        check_rows(3, "Samestep", None)
    with pytest.raises(InvalidValueError, match="num_envs"):
        check_rows(0, "SameStep", None)
    with pytest.raises(InvalidValueError, match="render_mode"):
        check_rows(1, "SameStep", "ansi")
    assert chosen_rows(None, 2).tolist() == [True, True]
    assert chosen_rows(np.array([False, True]), 2).tolist() == [False, True]
    for wrong in (np.array([False, False]), np.array([True]), np.array([1, 0]), [True, False]):
        with pytest.raises(InvalidValueError, match="reset_mask"):
            chosen_rows(wrong, 2)


def test_rows_are_seeded_one_by_one() -> None:
    generators: list[np.random.Generator] = []
    both = np.array([True, True])
    seed_rows(generators, 5, both)
    first = [generator.integers(1 << 30) for generator in generators]
    seed_rows(generators, [5, None], both)
    assert generators[0].integers(1 << 30) == first[0]
    seed_rows(generators, [6, 6], np.array([False, True]))
    assert generators[1].integers(1 << 30) == first[1]
    with pytest.raises(InvalidValueError, match="2 seeds, one a row"):
        seed_rows(generators, [1], both)
