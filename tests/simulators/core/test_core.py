"""Shared utilities of the simulators: errors, files, hashes, keyed random numbers."""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import (
    ChipGymError,
    FileFormatError,
    InvalidDescriptionError,
    InvalidValueError,
    SimulationError,
    UnknownNameError,
    check_range,
)
from chipgym.simulators.core.files import atomic_path, read_json, write_json, write_text
from chipgym.simulators.core.hashing import content_hash, hash_arrays
from chipgym.simulators.core.random import (
    keyed_exponential,
    keyed_normal,
    keyed_uniform,
    mix64,
    next_below,
)
from chipgym.simulators.soc import reference_rules


def test_errors_name_field_value_and_rule():
    error = InvalidValueError("clusters.0.num_pes", 0, ">= 1")
    assert str(error) == "clusters.0.num_pes = 0 is not allowed; allowed: >= 1"
    assert isinstance(error, ChipGymError)
    assert isinstance(error, ValueError)


def test_unknown_names_suggest_the_nearest():
    error = UnknownNameError("scenario", "six-app-hihg", ["six-app-high", "bursty"], "chipgym/X-v0")
    assert str(error) == (
        "'six-app-hihg' is not a scenario of chipgym/X-v0; did you mean 'six-app-high'? "
        "Known: bursty, six-app-high"
    )
    assert "did you mean" not in str(UnknownNameError("scenario", "zzz", ["bursty"]))
    assert "did you mean 'ETF'?" in str(UnknownNameError("policy", "etf", ["MET", "ETF"]))
    assert str(UnknownNameError("agent", "x", [])).startswith("'x' is not an agent. Known: none")


@pytest.mark.parametrize(
    "error",
    [
        InvalidValueError("x", 3, "< 3"),
        InvalidDescriptionError("x", {}, "missing, but required"),
        UnknownNameError("x", "a", ["b", "c"], "y"),
        FileFormatError("a.json", "not JSON"),
        SimulationError("stuck"),
    ],
)
def test_errors_cross_processes(error: ChipGymError):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("value", "low", "high", "low_open", "good"),
    [
        (1.0, 0, 1, False, True),
        (0, 0, 1, False, True),
        (0, 0, 1, True, False),
        (1.1, 0, 1, False, False),
        (-0.1, 0, None, False, False),
        (float("nan"), None, None, False, False),
        (float("inf"), 0, None, False, False),
        (True, 0, 1, False, False),
        ("1", 0, 1, False, False),
    ],
)
def test_ranges(value, low, high, low_open, good):
    if good:
        check_range("x", value, low, high, low_open=low_open)
    else:
        with pytest.raises(InvalidValueError, match=r"^x = "):
            check_range("x", value, low, high, low_open=low_open)


def interrupted_write(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("interrupted")


def test_files_are_written_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "deep" / "result.json"
    write_json(path, {"b": 1, "a": [1.5, None]})
    assert read_json(path) == {"b": 1, "a": [1.5, None]}
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"b": float("nan")})
    with pytest.raises(RuntimeError, match="interrupted"):
        interrupted_write(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]
    with pytest.raises(IsADirectoryError) as caught:
        write_text(path.parent, "a folder is no file")
    assert caught.value.filename == str(path.parent)


@pytest.mark.parametrize("content", ["[" * 100_000, "9" * 5000, "", "nonsense"])
def test_what_is_not_json_is_said_to_be(tmp_path: Path, content: str):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(FileFormatError, match=r"x\.json: not JSON"):
        read_json(path)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "result.txt"
    write_text(path, "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["result.txt"]


def test_unreadable_json_is_located(tmp_path: Path):
    path = tmp_path / "bad.json"
    path.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(FileFormatError, match=r"bad\.json: not JSON: line 2, column 6"):
        read_json(path)


def test_hashes_depend_on_content_only():
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    array = np.arange(6, dtype=np.int64).reshape(2, 3)
    assert hash_arrays(array) == hash_arrays(array.copy()) == hash_arrays(np.asfortranarray(array))
    assert hash_arrays(array) != hash_arrays(array.reshape(3, 2))
    assert hash_arrays(array) != hash_arrays(array.astype(np.float64))


def test_hashes_are_the_same_in_another_process():
    code = (
        "from chipgym.simulators.core.hashing import content_hash;"
        "from chipgym.simulators.soc.platform import Platform;"
        "print(content_hash({'x': [1, 'µ']}), Platform.named('canonical-3pe').content_hash)"
    )
    here = os.environ | {"PYTHONHASHSEED": "7"}
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here
    ).stdout.split()
    from chipgym.simulators.soc.platform import Platform

    assert output == [
        content_hash({"x": [1, "µ"]}),
        Platform.named("canonical-3pe").content_hash,
    ]


def test_splitmix64_known_answers():
    # First outputs of the published generator from state 1234567.
    state, outputs = 1234567, []
    for _ in range(3):
        outputs.append(int(mix64(np.uint64(state))))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@settings(deadline=None)  # the first example may compile
@given(st.integers(0, 2**63 - 1), st.integers(0, 10**6), st.integers(0, 10**5))
def test_kernels_and_plain_python_draw_the_same_numbers(key: int, a: int, b: int):
    assert keyed_uniform(key, a, b) == reference_rules.keyed_uniform(key, a, b)
    assert keyed_normal(key, a, b) == reference_rules.keyed_normal(key, a, b)
    assert 0 < keyed_uniform(key, a, b) < 1
    assert keyed_exponential(key, a, b) == -math.log(keyed_uniform(key, a, b))
    state = np.array([key], dtype=np.uint64)
    plain = reference_rules.SplitMix64(key)
    for bound in (1, 3, 16):
        assert next_below(state, bound) == plain.next_below(bound)
    assert int(state[0]) == plain.state


def test_keyed_normals_are_normal():
    draws = np.array([keyed_normal(5, job, task) for job in range(200) for task in range(100)])
    assert abs(draws.mean()) < 0.03
    assert draws.std() == pytest.approx(1.0, abs=0.02)
    grid = draws.reshape(200, 100)
    assert abs(np.corrcoef(grid[:, 0], grid[:, 1])[0, 1]) < 0.2
    assert abs(np.corrcoef(grid[:-1].ravel(), grid[1:].ravel())[0, 1]) < 0.03


def test_descriptions_are_plain_json():
    from chipgym.simulators.soc.application import Application

    document = Application.named("canonical").document()
    assert json.loads(json.dumps(document)) == document
