"""`chipgym doctor`: says what is there, what is missing, and how to get it."""

import json
import subprocess
import sys

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
