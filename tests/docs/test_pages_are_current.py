"""Pages keep up with the code: the navigation, the lists of names, the reference."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "generate.py"), run_name="generate")


@pytest.fixture(scope="module")
def navigation() -> set[str]:
    return set(re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))


def test_every_page_is_in_the_navigation(generator: dict[str, Any], navigation: set[str]) -> None:
    written = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    made = {name for name, _ in generator["pages"]() if name.endswith(".md")}
    assert not written & made, "a page is written by hand and made from the code"
    assert navigation == written | made


def test_the_reference_has_every_public_module(generator: dict[str, Any]) -> None:
    """A module is public if it exports something, by the parser's word, not the generator's."""
    for folder in generator["FOLDERS"]:
        wanted = set()
        for path in (ROOT / folder).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if exported(path) and not name.startswith("experiments.cli"):
                wanted.add(f"chipgym.{name.removesuffix('.__init__')}")
        page = generator["modules_page"](folder, "title")
        assert set(re.findall(r"^::: (\S+)$", page, re.MULTILINE)) == wanted


def exported(path: Path) -> bool:
    """Whether a module has a list of exports with something in it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return bool(ast.literal_eval(node.value))
    return False


def test_documented_names_are_all_names() -> None:
    """Every name that `chipgym list` prints is explained somewhere, and so is every subcommand."""
    from chipgym.agents.core.registry import policy_names
    from chipgym.agents.search.registry import searcher_names
    from chipgym.experiments.cli.main import COMMANDS
    from chipgym.experiments.training import algorithm_names

    text = "".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    names = [*policy_names(), *searcher_names(), *algorithm_names()]
    missing = [name for name in names if not re.search(rf"`{re.escape(name)}`", text)]
    assert not missing
    assert [name for name in COMMANDS if f"chipgym {name}" not in text] == []


def test_every_extra_of_users_is_explained() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    page = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    assert [name for name in extras if f"`[{name}]`" not in page] == []


def test_each_family_is_trained_in_getting_started() -> None:
    page = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    for family in ("Soc", "Dram", "CoDesign", "Logic"):
        assert re.search(rf"^chipgym train chipgym/{family}\w*-v0 ", page, re.MULTILINE), family
