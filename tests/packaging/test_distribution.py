"""sdist -> wheel -> empty environment -> every module: nothing gets lost on the way."""

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

FOLDERS = ("simulators", "envs", "agents", "experiments", "leaderboards")
# What a checkout, and an editable installation of it, leave behind in the folders.
LEFTOVERS = {"__pycache__", ".ipynb_checkpoints"}


def package_files(repository: Path) -> set[str]:
    """Return the files of the five folders, under the names that they are installed with."""
    files = {
        f"chipgym/{path.relative_to(repository).as_posix()}"
        for folder in FOLDERS
        for path in (repository / folder).rglob("*")
        if path.is_file() and not LEFTOVERS & set(path.parts)
    }
    return files | {"chipgym/__init__.py", "chipgym/py.typed"}


def test_the_wheel_holds_every_file_and_no_other(repository: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == package_files(repository)
    assert any(name.endswith(".json") for name in names)
    assert any(name.startswith("chipgym/experiments/suites/") for name in names)
    assert any(name.startswith("chipgym/agents/hyperparams/") for name in names)


def test_the_wheel_names_licence_entry_point_and_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (root,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{root}/METADATA").decode()
        entry_points = archive.read(f"{root}/entry_points.txt").decode()
        licences = {name for name in archive.namelist() if name.startswith(f"{root}/licenses/")}
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: MIT" in metadata
    named = "search exact distributed tracking plots data images zigzag onnx all"
    for extra in named.split():
        assert f"Provides-Extra: {extra}" in metadata
    assert "chipgym = chipgym.experiments.cli.main:main" in entry_points
    assert licences == {f"{root}/licenses/LICENSE", f"{root}/licenses/THIRD_PARTY.md"}


def test_the_sdist_holds_the_real_folders(repository: Path, distributions: Path) -> None:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    names = {member.name.split("/", 1)[1] for member in members if "/" in member.name}
    assert not [member.name for member in members if member.issym() or member.islnk()]
    assert not [name for name in names if name.startswith("chipgym/simulators")]
    expected = {name.removeprefix("chipgym/") for name in package_files(repository)}
    assert expected - {"__init__.py", "py.typed"} <= names
    assert {"Makefile", "constraints.txt", "LICENSE", "README.md", "pyproject.toml"} <= names


def test_every_module_imports_from_the_wheel(
    repository: Path, installed: Path, tmp_path: Path
) -> None:
    code = """
import importlib, json, pkgutil, chipgym
def fail(name):
    raise ImportError(name)
names = [found.name for found in pkgutil.walk_packages(chipgym.__path__, "chipgym.", onerror=fail)]
modules = {name: importlib.import_module(name).__file__ for name in names}
print(json.dumps({"chipgym": chipgym.__file__, **modules}))
"""
    done = subprocess.run(
        [str(installed), "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    modules: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    environment = installed.parents[1]
    for name, file in modules.items():
        assert Path(file).is_relative_to(environment), f"{name} comes from {file}"
    expected = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in package_files(repository)
        if name.endswith(".py")
    }
    assert set(modules) == expected


def test_the_command_is_installed(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed.parent / "chipgym"), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "benchmark" in done.stdout
