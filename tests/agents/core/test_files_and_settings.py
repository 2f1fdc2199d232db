"""Arrays with a document in one file, and settings from plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from chipgym.agents.core.archive import hash_named_arrays
from chipgym.agents.core.archive import read_arrays as read_plain
from chipgym.agents.core.archive import write_arrays as write_plain
from chipgym.agents.core.arrays_file import read_arrays, write_arrays
from chipgym.agents.core.settings import default_settings, make_settings, plain_settings
from chipgym.agents.core.torch_tools import load_adam, save_adam, seeded
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError

ARRAYS = {"a/b": np.arange(3), "c": np.ones((2, 2), dtype=np.float32)}


def test_arrays_and_document_come_back(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    write_arrays(path, {"name": "x", "values": [1, 2.5, None]}, ARRAYS)
    document, arrays = read_arrays(path)
    assert document == {"name": "x", "values": [1, 2.5, None]}
    assert set(arrays) == set(ARRAYS)
    assert hash_named_arrays(arrays) == hash_named_arrays(ARRAYS)
    content = path.read_bytes()
    write_arrays(path, document, arrays)
    assert path.read_bytes() == content


def test_the_hash_covers_names_and_values() -> None:
    renamed = {"a/c": ARRAYS["a/b"], "c": ARRAYS["c"]}
    changed = ARRAYS | {"c": ARRAYS["c"] * 2}
    assert (
        len({hash_named_arrays(ARRAYS), hash_named_arrays(renamed), hash_named_arrays(changed)})
        == 3
    )


def test_arrays_of_all_shapes_and_kinds_come_back(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    arrays = {
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3)),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "truth": np.array([True, False]),
    }
    write_plain(path, arrays)
    found = read_plain(path)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert load_file(path).keys() == arrays.keys()


def test_archives_of_numpy_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "file.npz", a=np.arange(2))
    assert read_plain(tmp_path / "file.npz")["a"].tolist() == [0, 1]


def test_files_without_a_document_or_with_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    np.savez(path, a=np.arange(2))
    assert read_plain(path)["a"].tolist() == [0, 1]
    with pytest.raises(FileFormatError, match="document"):
        read_arrays(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_arrays(path)


@dataclass(frozen=True)
class Inner:
    width: int = 3


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    shares: tuple[float, ...] = ()


def test_settings_nest() -> None:
    values = {"inner": {"width": 5}, "shares": [1.0, 2.0]}
    settings = make_settings(Outer, values)
    assert settings == Outer(Inner(5), (1.0, 2.0))
    assert plain_settings(settings) == values
    with pytest.raises(UnknownNameError, match="width"):
        make_settings(Outer, {"inner": {"widht": 5}})
    with pytest.raises(UnknownNameError, match="abc_rl"):
        default_settings(Outer, "abc_lr")


def test_the_optimiser_goes_on_where_it_was() -> None:
    def step(weights: torch.nn.Parameter, optimiser: torch.optim.Adam) -> None:
        optimiser.zero_grad()
        (weights**2).sum().backward()
        optimiser.step()

    weights = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimiser = torch.optim.Adam([weights], lr=0.1)
    step(weights, optimiser)
    copy = torch.nn.Parameter(weights.detach().clone())
    other = torch.optim.Adam([copy], lr=0.5)
    load_adam(other, "adam", save_adam(optimiser, "adam"))
    for _ in range(3):
        step(weights, optimiser)
        step(copy, other)
    assert torch.equal(weights, copy)


def test_seeds_leave_the_generator_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with seeded(1):
        first = torch.rand(2)
    with seeded(1):
        assert torch.equal(first, torch.rand(2))
    assert torch.equal(torch.rand(3), expected)
