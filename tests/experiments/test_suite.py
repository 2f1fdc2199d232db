"""Suites: the shipped ones load, and every mistake in a user's own is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from chipgym.experiments.suite import Suite, load_suite, suite_names
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError


def broken(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The document with one field set, or left out (value ``...``)."""
    target: Any = document
    *steps, last = path.split(".")
    for step in steps:
        target = target[int(step) if step.isdigit() else step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return document


@pytest.mark.parametrize("name", suite_names())
def test_shipped_suites_keep_the_protocol(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    policies = [agent.policy for agent in suite.agents]
    assert "random" in policies
    for agent in suite.agents:
        if agent.algorithm is not None:
            assert len(agent.seed_list(suite.seeds)) >= 3
    assert all(task.split == "test" for task in suite.tasks)


def test_shortened_form_is_smaller_and_named_apart(suite_document: dict[str, Any]) -> None:
    agent = {"name": "learner", "algorithm": "maskable_ppo", "steps": 50_000}
    suite = Suite.parse({**suite_document, "agents": [*suite_document["agents"], agent]})
    short = suite.shortened()
    assert short.name == "fakes-smoke"
    assert [len(task.instance_indexes) for task in short.tasks] == [2, 2]
    assert [len(agent.seed_list(short.seeds)) for agent in short.agents] == [1, 1, 1, 1]
    assert short.agents[-1].steps == 2048
    assert Suite.parse(short.document()) == short


def test_seeds_belong_to_methods_that_use_them(suite_document: dict[str, Any]) -> None:
    suite = Suite.parse(suite_document)
    assert [agent.seed_list(suite.seeds) for agent in suite.agents] == [(0, 1), (0,), (0,)]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", ..., "name.*required"),
        ("nmae", "x", "nmae"),
        ("tasks", [], "tasks.*at least 1"),
        ("tasks.0.env", ..., r"tasks\.0\.env.*required"),
        ("tasks.0.instances", 0, r"tasks\.0\.instances"),
        ("tasks.0.instances", [1, 1], "distinct"),
        ("tasks.0.instances", [-1], r"tasks\.0\.instances"),
        ("tasks.1.scenario", "heavy", "two tasks share the name 'heavy'"),
        ("tasks.0.split", "validation", r"tasks\.0\.split.*'test' or 'train'"),
        ("tasks.0.kwargs", {"scenario": "x"}, "must not repeat scenario"),
        ("agents.0.policy", ..., "exactly one of policy, algorithm and searcher"),
        ("agents.0.algorithm", "ppo", "exactly one of policy, algorithm and searcher"),
        ("agents.0.steps", 10, "belong to algorithms"),
        ("agents.1.name", "random", "two agents share the name 'random'"),
        ("agents.0.name", "../x", r"agents\.0\.name"),
        ("agents.0.seeds", 0, r"agents\.0\.seeds"),
        ("agents.2", {"name": "a", "algorithm": "ppo"}, "needs steps"),
        ("agents.2", {"name": "a", "algorithm": "ppo", "steps": 9, "kwargs": {"x": 1}}, "kwargs"),
        ("seeds", [1, 1], "seeds must be distinct"),
        ("seeds", [-1], "seeds"),
        ("curve", {"points": -1}, r"curve\.points"),
    ],
)
def test_mistakes_name_the_field(
    tmp_path: Path, suite_document: dict[str, Any], field: str, value: Any, words: str
) -> None:
    path = tmp_path / "mine.yaml"
    steps = field.split(".")
    document: Any = suite_document
    if len(steps) == 2 and steps[1].isdigit():
        document[steps[0]][int(steps[1])] = value
    else:
        broken(document, field, value)
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(FileFormatError, match=words) as caught:
        load_suite(path)
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: [", "not YAML"),
        (b"\xff\xfe\x00", "cannot be read|not YAML"),
        (b"- a\n- b\n", "Suite"),
        (b"", "Suite"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        load_suite(path)


def test_mistyped_names_and_missing_files() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        load_suite("quik")
    with pytest.raises(FileFormatError, match="no such suite file"):
        load_suite("nowhere/mine.yaml")
