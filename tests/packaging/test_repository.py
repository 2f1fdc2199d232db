"""What stands in the repository: short files, one version, fitting pins, no trace of a machine."""

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import chipgym

MAX_LINES = 450
BINARY = {".png", ".gif", ".ico", ".npz", ".npy", ".onnx", ".safetensors", ".zip", ".gz", ".woff2"}


def committed(repository: Path) -> list[Path]:
    """Return the files that git tracks, or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=repository, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = [repository / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return document


def test_python_files_hold_one_idea_each(repository: Path) -> None:
    lengths = {
        path.relative_to(repository).as_posix(): len(path.read_text().splitlines())
        for path in committed(repository)
        if path.suffix == ".py"
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def machine_hosts() -> set[str]:
    """Return the hosts that this machine's pip is configured with; they belong in no file."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {host for host in re.findall(r"://(?:[^@/\s]*@)?([^/:\s']+)", done.stdout) if host}


def test_no_file_names_a_machine_or_a_registry(repository: Path) -> None:
    hosts = "|".join(re.escape(host) for host in sorted(machine_hosts()))
    patterns = [
        r"(?<![\w.}*])/(?:home|Users|root|work)/",
        re.escape(str(Path.home()) + "/"),
        r"://[\w.-]*(?:pypi|pythonhosted)\.",
        r"--(?:extra-)?index-url|--find-links",
        *([hosts] if hosts else []),
    ]
    pattern = re.compile("|".join(patterns))
    found = [
        f"{path.relative_to(repository)}:{number}: {line.strip()[:120]}"
        for path in committed(repository)
        if path.suffix not in BINARY and path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def _limit(path: Path) -> int:
    """Trained weights and submissions are data that nobody reads, and may be larger."""
    data = path.suffix == ".safetensors" or "submissions" in path.parts
    return 5_000_000 if data else 1_000_000


def test_files_are_small(repository: Path) -> None:
    large = [path for path in committed(repository) if path.stat().st_size > _limit(path)]
    assert not large


def test_one_version_everywhere(repository: Path) -> None:
    version = chipgym.__version__
    assert re.search(
        rf"^## \[{re.escape(version)}\]", (repository / "CHANGELOG.md").read_text(), re.M
    )
    assert yaml.safe_load((repository / "CITATION.cff").read_text())["version"] == version


def test_dependencies_have_lower_bounds_only(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"].values()
    for text in itertools.chain(project["dependencies"], *extras):
        requirement = Requirement(text)
        operators = [specifier.operator for specifier in requirement.specifier]
        assert operators == [">="] or requirement.name == "chipgym", text
        assert requirement.url is None


def test_every_extra_is_in_all(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    (everything,) = [Requirement(text) for text in extras["all"]]
    assert everything.extras == set(extras) - {"all"}


def test_the_constraints_pin_what_the_tests_use(repository: Path, project: dict[str, Any]) -> None:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {}
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert "+" not in specifier.version, "a local version is on no other machine"
        versions[canonicalize_name(pin.name)] = specifier.version
    assert versions["torch"] == "2.13.0"
    extras = project["optional-dependencies"]
    used = [*project["dependencies"], *extras["dev"]]
    for extra in Requirement(extras["dev"][0]).extras:
        used += extras[extra]
    for text in used:
        requirement = Requirement(text)
        if requirement.name != "chipgym":
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{text} excludes the pin {version}"


def code_lines(repository: Path) -> str:
    blocks = re.findall(
        r"```(?:bash|sh|console)\n(.*?)```", (repository / "README.md").read_text(), re.S
    )
    return "\n".join(blocks)


def test_the_readme_names_the_two_commands(repository: Path) -> None:
    code = code_lines(repository)
    assert "make demo" in code
    assert "make test" in code


def test_the_make_targets_of_the_readme_exist(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.M))
    documents = code_lines(repository) + (repository / "CONTRIBUTING.md").read_text()
    lines = re.findall(r"^make ([a-z ]+?)\s*(?:[#A-Z]|$)", documents, re.M)
    named = {target for line in lines for target in line.split()}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_the_subcommands_of_the_readme_exist(repository: Path) -> None:
    named = set(re.findall(r"\bchipgym ([a-z]+)", code_lines(repository)))
    for name in sorted(named):
        command = [sys.executable, "-m", "chipgym.experiments.cli.main", name, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"chipgym {name}: {done.stderr}"


def test_continuous_integration_runs_the_commands_of_the_readme(repository: Path) -> None:
    script = repository / ".ci" / "run"
    assert script.stat().st_mode & 0o111, "not executable"
    text = script.read_text()
    assert "make demo" in text
    assert "make test" in text
