"""A real disk that is too small: 300 KiB in memory, mounted where that is allowed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml


def mount(*options: str) -> bool:
    try:
        return subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a small disk; 75 pages, of which every file and folder takes one at least."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)):
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("jobs/*/records.jsonl"))
    }


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_full_disk_ends_the_run_and_room_resumes_it(
    tmp_path: Path,
    disk: Path,
    suite_document: dict[str, Any],
    run_fakes: Callable[..., Any],
    executor: str,
) -> None:
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "benchmark", str(path)]
    command += ["--out", str(disk / "run"), "--executor", executor, "--workers", "2"]
    full = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert full.returncode == 2, full.stderr
    assert "the disk is full" in " ".join(full.stderr.split())
    finished = digests(disk / "run")
    kept = {p.parent.name for p in (disk / "run").glob("jobs/*/done.json")}
    assert 0 < len(kept) < 30
    assert mount("-o", "remount,size=64m", str(disk))
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stderr
    run_fakes(tmp_path / "fresh", "serial")
    found = digests(disk / "run")
    assert found == digests(tmp_path / "fresh")
    assert {name: finished[name] for name in kept}.items() <= found.items()
    assert not list((disk / "run").rglob("*.partial*"))
