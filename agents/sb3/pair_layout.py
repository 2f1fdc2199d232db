"""Where the pair policy finds its inputs in a flat observation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["PairLayout", "find_fields", "find_layout", "numbered_columns"]


@dataclass(frozen=True)
class PairLayout:
    """Offsets and shapes of the four blocks of a scheduling observation.

    Attributes
    ----------
    num_slots, num_pes : int
        Ready slots R and processing elements P.
    pair_offset, pair_features : int
        Block of shape (R, P, F).
    finish_feature : int
        The feature of a pair that grows with its estimated finish.
    task_offset, task_features : int
        Block of shape (R, Ft).
    pe_offset, pe_features : int
        Block of shape (P, Fp).
    global_offset, global_features : int
        Block of shape (G,).
    """

    num_slots: int
    num_pes: int
    pair_offset: int
    pair_features: int
    finish_feature: int
    task_offset: int
    task_features: int
    pe_offset: int
    pe_features: int
    global_offset: int
    global_features: int

    @classmethod
    def from_fields(cls, layout: Any, unseen: Collection[str] = ()) -> PairLayout:
        """Read the blocks ``pairs``, ``tasks``, ``pes`` and ``globals`` of an observation layout.

        Parameters
        ----------
        layout : object with ``fields``
            Each field has ``name``, ``shape``, ``slice`` and maybe ``columns`` with names. Of the
            pairs the column ``finish_excess`` counts as estimated finish, else the first one.
        unseen : collection of str
            Columns of pairs that are not to be used; without ``finish_excess``, ``execution`` takes
            its place.
        """
        fields = {field.name: field for field in layout.fields}
        wanted = {"pairs": 3, "tasks": 2, "pes": 2, "globals": 1}
        for name, axes in wanted.items():
            if name not in fields or len(fields[name].shape) != axes:
                raise InvalidValueError(
                    "observation_layout", sorted(fields), f"a field {name!r} with {axes} axes"
                )
        num_slots, num_pes, pair_features = fields["pairs"].shape
        names = [column.name for column in getattr(fields["pairs"], "columns", ())]
        return cls(
            num_slots=num_slots,
            num_pes=num_pes,
            pair_offset=fields["pairs"].slice.start,
            pair_features=pair_features,
            finish_feature=_finish_feature(names, unseen),
            task_offset=fields["tasks"].slice.start,
            task_features=fields["tasks"].shape[-1],
            pe_offset=fields["pes"].slice.start,
            pe_features=fields["pes"].shape[-1],
            global_offset=fields["globals"].slice.start,
            global_features=fields["globals"].shape[-1],
        )

    @classmethod
    def from_dict(cls, document: Mapping[str, int]) -> PairLayout:
        """Inverse of `to_dict`."""
        return cls(**document)

    def to_dict(self) -> dict[str, int]:
        """Return plain numbers, for JSON."""
        return asdict(self)


def _finish_feature(names: list[str], unseen: Collection[str]) -> int:
    for name in ("finish_excess", "execution"):
        if name in names and name not in unseen:
            return names.index(name)
    return 0


def numbered_columns(layout: Any, names: Mapping[str, Collection[str]]) -> dict[str, list[int]]:
    """Return the numbers of columns that are given by the names of their fields and their own."""
    fields = {field.name: field for field in layout.fields}
    found: dict[str, list[int]] = {}
    for field, columns in names.items():
        if field not in fields:
            raise UnknownNameError("field", field, fields)
        known = [column.name for column in fields[field].columns]
        for column in columns:
            if column not in known:
                raise UnknownNameError("column", column, known, field)
        found[field] = sorted(known.index(column) for column in columns)
    return found


def find_layout(envs: Any) -> PairLayout | None:
    """Return the layout that a (vector) environment publishes, None if it publishes none."""
    fields = find_fields(envs)
    return None if fields is None else PairLayout.from_fields(fields)


def find_fields(envs: Any) -> Any:
    """Return the declared fields that a (vector) environment publishes, None if it has none."""
    for candidate in (envs, getattr(envs, "unwrapped", None), *getattr(envs, "envs", ())[:1]):
        layout = getattr(candidate, "observation_layout", None)
        if layout is None and candidate is not None:
            layout = getattr(getattr(candidate, "unwrapped", None), "observation_layout", None)
        if layout is not None:
            return layout
    return None
