"""The commands of README, docs and studies exist, with the options and the names they are given."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from snippets import blocks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES = [page for page in PAGES if page.exists()]  # an sdist has not all of them
PAGES += [*sorted((ROOT / "docs").rglob("*.md"))]
PAGES += [*sorted((ROOT / "experiments" / "papers").glob("*/page.md"))]
TUTORIALS = sorted((ROOT / "examples").glob("*.py"))
# Commands of others, which are not looked into.
FOREIGN = ("pip install ", "ray ", ".ci/run", ".venv/bin/", "source ", "tensorboard ", "git ", "#")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def lines(page: Path) -> list[str]:
    """Commands of a page's blocks, or of the text of a tutorial, without comments."""
    found = []
    for block in blocks(page):
        if block.language in {"bash", "console", "shell", "sh"}:
            found += block.code.replace("\\\n", " ").split("\n")
    if page.suffix == ".py":
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"^# {1,5}(chipgym \S.*)$", text, re.MULTILINE)
    return [line.strip() for line in found if line.strip()]


def params(commands: dict[str, list[str]]) -> list[Any]:
    return [
        pytest.param(line, id=f"{where}: {line}")
        for where, found in commands.items()
        for line in dict.fromkeys(found)
    ]


BLOCKS = params({name(page): lines(page) for page in [*PAGES, *TUTORIALS]})
INLINE = params(
    {
        name(page): re.findall(r"(?<!`)`(chipgym [a-z][^`]*)`", page.read_text(encoding="utf-8"))
        for page in [*PAGES, *TUTORIALS]
    }
)


@pytest.mark.parametrize("line", BLOCKS)
def test_commands_exist(line: str) -> None:
    if line.startswith(FOREIGN):
        assert extras(line) <= known_extras()
        return
    words = shlex.split(line.split(" #")[0].split(" > ")[0])
    if words[0] == "chipgym":
        parse(words[1:])
        check_names(words[1:])
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]) is not None
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    else:
        assert words[0] == "make", "of which program is this? see FOREIGN"
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = [word for word in words[1:] if "=" not in word]
        assert [t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("line", INLINE)
def test_commands_in_the_text_exist(line: str) -> None:
    """What the text names may be a part of a command, so only its options are looked up."""
    words = shlex.split(line.replace("\n", " "))[1:]
    command, _ = resolve(words)
    options = {option for param in command.params for option in param.opts} | {"--help"}
    assert [word for word in words if word.startswith("-") and word not in options] == []


def test_suites_in_the_text_are_valid(tmp_path: Path) -> None:
    from chipgym.experiments.suite import load_suite

    found = [
        block.code
        for page in PAGES
        for block in blocks(page)
        if block.language == "yaml" and "\nagents:" in block.code
    ]
    assert found
    for number, code in enumerate(found):
        path = tmp_path / f"{number}.yaml"
        path.write_text(code, encoding="utf-8")
        suite = load_suite(str(path))
        assert suite.tasks
        assert suite.agents


def extras(line: str) -> set[str]:
    """Extras of ChipGym that a command installs."""
    found = re.findall(r"(?:\.|chipgym)\[([\w,]+)\]", line)
    return {extra for names in found for extra in names.split(",")}


def known_extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the words lead to, and the words behind it."""
    import typer

    from chipgym.experiments.cli import main

    assert words[0] in main.COMMANDS, f"no such subcommand: {words[0]}"
    app = main._root()
    main._mount(app, words[0], *main.COMMANDS[words[0]])
    app.command("another")(main._placeholder)  # so that Typer keeps the subcommand's name
    command: Any = typer.main.get_command(app)
    context = command.make_context("chipgym", list(words))
    rest = words
    while hasattr(command, "resolve_command") and rest:
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None, f"no such command: {rest}"
        command = found
        if hasattr(command, "resolve_command"):
            context = command.make_context(command.name, list(rest) or ["--"], parent=context)
    return command, rest


def parse(words: list[str]) -> None:
    """Parse a `chipgym` command line without running it."""
    command, rest = resolve(words)
    command.make_context(command.name, list(rest))


def check_names(words: list[str]) -> None:
    """Look up the environments, scenarios, agents, suites and studies that a command names."""
    from chipgym.agents.core.registry import policy_names
    from chipgym.agents.search.registry import searcher_names
    from chipgym.experiments.environments import env_ids, scenarios
    from chipgym.experiments.papers.core.registry import STUDIES
    from chipgym.experiments.random_episodes import random_episodes
    from chipgym.experiments.suite import suite_names
    from chipgym.experiments.training import algorithm_names

    given = dict(zip(words, [*words[1:], ""], strict=True))
    ids = [word for word in words if word.startswith("chipgym/")]
    assert set(ids) <= set(env_ids())
    if ids and "--scenario" in given:
        assert given["--scenario"] in scenarios(ids[0])
    if "--searcher" in given:
        assert given["--searcher"] in searcher_names()
    if "--agent" in given and words[0] in {"train", "tune", "evaluate"}:
        agent = given["--agent"]
        known = policy_names() if words[0] == "evaluate" else algorithm_names()
        assert ":" in agent or agent in known or random_episodes(agent) is not None
    suite = given.get("benchmark", "-")
    assert suite.startswith("-") or suite.endswith(".yaml") or suite in suite_names()
    study = given.get("reproduce", "-")
    assert not study or study.startswith("-") or study in STUDIES
