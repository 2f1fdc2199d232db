"""`chipgym doctor`: says what is there, what is missing, and how to get it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chipgym.experiments.cli import doctor


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_a_healthy_installation() -> None:
    done = run("--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["healthy"]
    found = {check["name"]: check for check in document["checks"]}
    assert found["python"]["found"].startswith(sys.version.split()[0])
    assert found["environments"]["found"] == "12 Gymnasium ids, 5 PettingZoo ids"
    assert found["kernel cache"]["status"] == "ok"
    assert {"cores", "memory", "disk", "ABC", "[search]", "[docs]", "[dev]"} <= set(found)
    assert "usable of" in found["cores"]["found"]


def test_warming_up_reports_the_kernels() -> None:
    done = run("--warm-up")
    assert done.returncode == 0, done.stderr
    assert "kernels" in done.stdout
    assert "ChipGym is ready." in done.stdout


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requirements that the installed package states; tests fill the list."""
    lines: list[str] = []
    monkeypatch.setattr(doctor, "requires", lambda name: lines)
    return lines


def checks() -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.check_installation()}


def test_a_missing_library_is_a_problem_with_its_remedy(metadata: list[str]) -> None:
    metadata += ["no-such-library>=1.5", "numpy>=2.0"]
    found = checks()
    assert found["no-such-library"].status == "problem"
    assert found["no-such-library"].advice == "pip install 'no-such-library>=1.5'"
    assert found["numpy"].status == "ok"


def test_an_old_library_is_a_problem(metadata: list[str]) -> None:
    metadata.append("numpy>=99.1")
    check = checks()["numpy"]
    assert check.status == "problem"
    assert ">= 99.1" in check.found


def test_local_version_labels_do_not_matter(metadata: list[str]) -> None:
    metadata.append("torch>=2.5")
    assert checks()["torch"].status == "ok"


def test_a_missing_extra_is_not_a_problem(metadata: list[str]) -> None:
    metadata += ["numpy>=2.0", "no-such-solver>=9; extra == 'exact'", "numpy>=1; extra == 'plots'"]
    found = checks()
    assert found["[exact]"].status == "missing"
    assert "no-such-solver" in found["[exact]"].found
    assert found["[exact]"].advice == "pip install 'chipgym[exact]'"
    assert found["[plots]"].status == "ok"


def test_an_abc_that_does_not_run_is_missing_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, metadata: list[str]
) -> None:
    monkeypatch.setenv("CHIPGYM_ABC", "/no/such/abc")
    check = checks()["ABC"]
    assert check.status == "missing"
    assert "pip install pyosys" in check.advice


def test_an_old_library_of_an_extra_is_named_with_both_versions(metadata: list[str]) -> None:
    metadata += ["numpy>=99.1; extra == 'data'", "mkdocstrings[python]>=0.1; extra == 'docs'"]
    found = checks()
    assert found["[data]"].status == "missing"
    assert re.search(r"numpy >= 99\.1 \(\d.* is here\)", found["[data]"].found)
    assert "mkdocstrings" in found["[docs]"].found


def test_every_extra_has_a_purpose(repository: Path) -> None:
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(doctor.EXTRA_PURPOSES) == set(extras) - {"all"}


def test_little_memory_and_disk_are_said(
    monkeypatch: pytest.MonkeyPatch, metadata: list[str]
) -> None:
    monkeypatch.setattr(doctor, "LEAST_MEMORY_GIB", 1e9)
    monkeypatch.setattr(doctor, "LEAST_DISK_GIB", 1e9)
    found = checks()
    assert found["memory"].status == found["disk"].status == "low"
    assert "--workers 1" in found["memory"].advice
    assert "--out" in found["disk"].advice


def test_without_a_folder_for_kernels_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, metadata: list[str]
) -> None:
    monkeypatch.setattr(doctor, "cache_base", lambda: None)
    assert checks()["kernel cache"].status == "missing"
    assert "NUMBA_CACHE_DIR" in checks()["kernel cache"].advice


HIDDEN = """
import sys
from importlib import metadata
from importlib.abc import MetaPathFinder
hidden = set(sys.argv.pop(1).split(","))
class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
original = metadata.Distribution.from_name.__func__
def from_name(cls, name):
    if name in hidden:
        raise metadata.PackageNotFoundError(name)
    return original(cls, name)
metadata.Distribution.from_name = classmethod(from_name)
from chipgym.experiments.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("absent", "status", "name", "advice"),
    [
        ("optuna,matplotlib", 0, "[search]", "pip install 'chipgym[search]'"),
        ("pettingzoo", 1, "pettingzoo", "pip install 'pettingzoo>=1.26'"),
        ("torch", 1, "torch", "pip install 'torch>=2.5'"),
    ],
)
def test_the_command_without_a_library(absent: str, status: int, name: str, advice: str) -> None:
    command = [sys.executable, "-c", HIDDEN, absent, "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == status, done.stderr
    document = json.loads(done.stdout)
    assert document["healthy"] == (status == 0)
    (check,) = [check for check in document["checks"] if check["name"] == name]
    assert check["status"] == ("missing" if status == 0 else "problem")
    assert check["advice"] == advice
