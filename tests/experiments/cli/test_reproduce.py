"""`chipgym reproduce`: the menu, errors, results, and going on where it was."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chipgym.experiments.papers.core.registry import STUDIES, find_study
from chipgym.simulators.core.errors import UnknownNameError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "reproduce", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_menu() -> None:
    done = run("--json")
    assert json.loads(done.stdout) == {name: study.title for name, study in STUDIES.items()}
    assert "dram-exhaustive" in run().stdout


def test_an_unknown_study_is_named_with_the_nearest() -> None:
    done = run("dram-exhaustiv")
    assert done.returncode == 2
    assert "did you mean 'dram-exhaustive'" in done.stderr
    with pytest.raises(UnknownNameError):
        find_study("nothing-like-it")


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_can_be_run_and_has_a_page(name: str) -> None:
    study = find_study(name)
    assert callable(study.run)
    module = sys.modules[study.module]
    assert module.__file__ is not None
    assert (Path(module.__file__).parent / "page.md").is_file()


def test_a_finished_study_is_not_done_again(tmp_path: Path) -> None:
    first = run("dram-exhaustive", "--quick", "--workers", "1", "--out", str(tmp_path), "--json")
    assert first.returncode == 0, first.stderr
    raw = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "raw").iterdir()}
    again = run("dram-exhaustive", "--quick", "--workers", "1", "--out", str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert "Optima over all 442,368 designs" in again.stdout
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "raw").iterdir()} == raw
    assert json.loads(first.stdout) == json.loads((tmp_path / "summary.json").read_text())
