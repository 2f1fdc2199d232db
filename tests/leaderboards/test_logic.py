"""The leaderboard on logic synthesis: replay, equivalence, counts, and whose ABC it was."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.leaderboards.circuit_equivalence import check_circuit
from chipgym.leaderboards.replay import RejectionError, feasibility_checker, replay
from chipgym.simulators.logic.aiger import Aig, decode, encode
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import find_abc
from chipgym.simulators.logic.session import AbcSession

Submitted = tuple[Path, str]
ReasonsAgainst = Callable[..., tuple[str, ...]]

TASKS = [
    {
        "env": "chipgym/LogicRecipe-v0",
        "name": "recipe",
        "instances": 1,
        "kwargs": {"circuit": ["control-40"], "steps": 4},
    },
    {
        "env": "chipgym/LogicSynthesis-v0",
        "name": "synthesis",
        "instances": 1,
        "kwargs": {"circuit": ["control-40"], "steps": 4},
    },
]
SUITE = {
    "name": "small",
    "tasks": TASKS,
    "agents": [{"name": "search", "policy": "random-search-2", "seeds": 1}],
    "curve": {"points": 0},
}


@pytest.fixture(scope="module")
def abc() -> Path:
    """The ABC that is installed."""
    try:
        return find_abc().path
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")


@pytest.fixture(scope="module")
def session(abc: Path) -> Iterator[AbcSession]:
    """A session with it."""
    with AbcSession(abc) as opened:
        yield opened


@pytest.fixture(scope="module")
def submitted(abc: Path, submit_suite: Callable[..., Submitted]) -> Submitted:
    """Random search on both ids."""
    return submit_suite(SUITE)


def test_recipes_replay_from_the_command_line_too(
    submitted: Submitted, reasons_against: ReasonsAgainst
) -> None:
    assert reasons_against(submitted) == ()
    folder, suite = submitted
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "leaderboard", "verify"]
    done = subprocess.run(
        [*command, str(folder), "--suite", suite], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "verified, 2 records" in done.stdout


def change_metric(index: int, name: str, factor: float) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        records[index]["metrics"][name] *= factor

    return change


def other_actions(index: int) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        actions = records[index]["actions"]
        records[index]["actions"] = [[6] * 4] if isinstance(actions[0], list) else [6] * 4

    return change


def other_circuit(records: list[Any]) -> None:
    records[0]["instance_id"] = "control-80"


def long_recipe(records: list[Any]) -> None:
    records[1]["actions"].append(0)
    records[1]["steps"] += 1


def unknown_command(records: list[Any]) -> None:
    records[1]["actions"][0] = 99


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_metric(0, "nodes", 0.9), "task recipe, seed 0, instance 0: nodes"),
        (change_metric(1, "levels", 0.9), "task synthesis, seed 0, instance 0: levels"),
        (change_metric(0, "delay_ps", 1 - 1e-15), "delay_ps"),
        (change_metric(0, "area", 1 - 2e-9), "area = "),
        (change_metric(1, "area_delay_product", 1 - 2e-9), "area_delay_product"),
        (other_actions(0), "instance 0: (episode_return|[a-z_]+ =)"),
        (other_actions(1), "instance 0: (episode_return|[a-z_]+ =)"),
        (unknown_command, "action 0 = 99 is refused"),
        (other_circuit, "instance_id = 'control-80', replayed 'control-40'"),
        (long_recipe, "ended after 4 of 5"),
    ],
)
def test_tampered_records_are_rejected(
    submitted: Submitted,
    reasons_against: ReasonsAgainst,
    change: Callable[[list[Any]], None],
    reason: str,
) -> None:
    reasons = reasons_against(submitted, change)
    assert reasons
    assert re.search(reason, reasons[0]), reasons[0]


def test_areas_may_differ_in_the_last_bits(
    submitted: Submitted, reasons_against: ReasonsAgainst
) -> None:
    assert reasons_against(submitted, change_metric(0, "area", 1 + 1e-12)) == ()


def test_another_abc_is_named(
    abc: Path,
    submitted: Submitted,
    reasons_against: ReasonsAgainst,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = find_abc().package
    other = tmp_path / "other-abc"
    other.write_text(f'#!/bin/sh\nexec {abc} "$@"\n')
    other.chmod(0o755)
    monkeypatch.setenv("CHIPGYM_ABC", str(other))
    reason = reasons_against(submitted)[0]
    with AbcSession(other) as session:
        assert f"(ABC: {mine}), installed is" in reason
        assert f"(ABC: {session.build}); simulate it again" in reason


def test_without_an_abc_the_reason_says_so(
    submitted: Submitted, reasons_against: ReasonsAgainst, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(path: Any = None) -> None:
        raise AbcNotFoundError("no ABC found: install one")

    monkeypatch.setattr("chipgym.simulators.logic.shared.find_abc", none)
    assert "no ABC" in reasons_against(submitted)[0]


def test_another_library_is_refused(submitted: Submitted, reasons_against: ReasonsAgainst) -> None:
    def change(head: Any) -> None:
        head["tasks"][0]["content"] = "0" * 16

    reasons = reasons_against(submitted, change_head=change)
    assert "task recipe: made on instances 0000" in reasons[0]


def test_a_circuit_that_computes_something_else_is_rejected_even_if_it_replays(
    submitted: Submitted, reasons_against: ReasonsAgainst, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chipgym.leaderboards.circuit_equivalence.check_circuit",
        lambda *_: iter(["not equivalent to the source circuit (cec)"]),
    )
    reasons = reasons_against(submitted)
    assert len(reasons) == 2
    assert "wrong circuit: not equivalent to the source circuit (cec)" in reasons[0]


def test_the_circuit_of_joint_actions_is_checked(
    abc: Path, play_jointly: Callable[..., tuple[Any, Any]]
) -> None:
    env, record = play_jointly(
        {"env": "chipgym/LogicSynthesis-v0", "kwargs": {"circuit": ["control-40"], "steps": 4}}
    )
    checker = feasibility_checker("chipgym/LogicSynthesis-v0")
    product = replay(env, record, "area_delay_product", checker).metric
    assert product == record.metrics["area_delay_product"]
    wrong = record.model_copy(update={"metrics": {**record.metrics, "nodes": 3.0}})
    with pytest.raises(RejectionError, match=r"nodes = 3\.0"):
        replay(env, wrong, "area_delay_product", checker)


def found(source: bytes, final: bytes, session: AbcSession | None = None) -> list[str]:
    """What the check finds in a circuit whose counts are stated correctly."""
    graph = decode(final)
    return list(check_circuit(source, final, graph.num_ands, graph.depth, session))


def with_output_flipped(body: bytes, output: int) -> bytes:
    """A circuit with an inverter before one output."""
    graph = decode(body)
    outputs = graph.outputs.copy()
    outputs[output] ^= 1
    return encode(Aig(graph.num_inputs, graph.fanin0, graph.fanin1, outputs, graph.levels))


@pytest.mark.parametrize("name", ["priority-encoder-32", "multiplier-6"])
def test_other_functions_and_counts_are_found(name: str) -> None:
    body = Circuit.named(name).body
    graph = decode(body)
    assert found(body, body) == []
    assert "not equivalent" in found(body, with_output_flipped(body, 2))[0]
    wrong = list(check_circuit(body, body, graph.num_ands - 1, graph.depth + 1))
    assert wrong == [
        f"nodes = {graph.num_ands - 1}, counted {graph.num_ands}",
        f"levels = {graph.depth + 1}, counted {graph.depth}",
    ]
    assert "interface" in found(body, Circuit.named("alu-8").body)[0]
    assert "ends within" in next(check_circuit(body, body[:-4], 1, 1))


def conjunction(inputs: int, *, constant: bool) -> bytes:
    """The AND of many inputs, or a circuit that is 0 where they are not all 1, and 0 there too."""
    variables = 1 + inputs + np.arange(inputs - 1)
    fanin1 = 2 * (2 + np.arange(inputs - 1))
    fanin0 = np.concatenate([[2], 2 * variables[:-1]])
    pairs = np.sort(np.stack([fanin0, fanin1]), axis=0).astype(np.int32)
    output = np.array([0 if constant else 2 * variables[-1]], dtype=np.int32)
    levels = np.zeros(1 + inputs + inputs - 1, dtype=np.int32)
    return encode(Aig(inputs, pairs[1], pairs[0], output, levels))


def test_a_difference_that_simulation_misses_is_proven(session: AbcSession) -> None:
    source, final = conjunction(80, constant=False), conjunction(80, constant=True)
    assert found(source, final) == []
    assert "(cec)" in found(source, final, session)[0]
    assert found(source, source, session) == []
