import numpy as np
import pytest

from chipgym.envs.core.fields import Column, Field, ObservationLayout
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError


@pytest.fixture
def layout() -> ObservationLayout:
    columns = (Column("finish", "us", 0, 9, "Finish."), Column("kind", "1", -1, 1, "Kind."))
    return ObservationLayout(
        [
            Field("pairs", (2, 3, 2), unit="", columns=columns, meaning="Per task and PE."),
            Field("age", (4,), "us", 0, np.inf, "Age."),
            Field("now", (), "us", 0, 5, "Time."),
        ]
    )


def test_layout_places_fields_one_after_the_other(layout: ObservationLayout) -> None:
    assert layout.size == 17
    assert [field.slice for field in layout] == [slice(0, 12), slice(12, 16), slice(16, 17)]
    assert layout.slice("age") == slice(12, 16)


def test_bounds_follow_columns(layout: ObservationLayout) -> None:
    space = layout.space()
    assert space.dtype == np.float32
    np.testing.assert_array_equal(space.low[:4], [0, -1, 0, -1])
    np.testing.assert_array_equal(space.high[[0, 1, 12, 16]], [9, 1, np.inf, 5])


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_split_gives_views(layout: ObservationLayout, batch: tuple[int, ...]) -> None:
    observation = layout.empty(*batch)
    blocks = layout.split(observation)
    assert blocks["pairs"].shape == (*batch, 2, 3, 2)
    assert blocks["now"].shape == batch
    blocks["pairs"][..., 1, 2, 0] = 7
    blocks["now"][...] = 4
    np.testing.assert_array_equal(observation[..., 10], np.full(batch, 7))
    np.testing.assert_array_equal(observation[..., 16], np.full(batch, 4))


def test_split_refuses_another_length(layout: ObservationLayout) -> None:
    with pytest.raises(InvalidValueError, match="last axis of length 17"):
        layout.split(np.zeros(16, dtype=np.float32))


def test_where_names_elements(layout: ObservationLayout) -> None:
    assert layout.where(11) == "pairs[1, 2, kind]"
    assert layout.where(13) == "age[1]"
    assert layout.where(16) == "now"
    with pytest.raises(InvalidValueError):
        layout.where(17)


def test_dict_space_holds_split_observations(layout: ObservationLayout) -> None:
    assert layout.dict_space().contains(layout.split(layout.empty()))


def test_describe_has_a_row_per_field_and_column(layout: ObservationLayout) -> None:
    rows = layout.describe()
    assert [row["field"] for row in rows] == [
        "pairs",
        "pairs[…, finish]",
        "pairs[…, kind]",
        "age",
        "now",
    ]
    assert rows[1]["unit"] == "us"
    assert rows[3]["high"] == "inf"


def test_unknown_names_are_suggested(layout: ObservationLayout) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'pairs'"):
        layout["pair"]
    with pytest.raises(UnknownNameError, match="did you mean 'finish'"):
        layout["pairs"].column("finnish")
    assert layout["pairs"].column("kind") == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Field("a b", (1,)), "an identifier"),
        (lambda: Field("a", (0,)), "lengths >= 1"),
        (lambda: Field("a", (1,), low=2, high=1), "<= high"),
        (lambda: Column("a", "1", 0, float("nan"), ""), "<= high"),
        (lambda: Field("a", (3,), columns=(Column("x", "1", 0, 1, ""),)), "as many columns"),
        (lambda: ObservationLayout([]), "at least one"),
        (lambda: ObservationLayout([Field("a", ()), Field("a", ())]), "occur once"),
    ],
)
def test_bad_declarations_are_refused(make, message) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make()
