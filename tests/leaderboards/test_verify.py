"""Verification: honest submissions pass, and every way to cheat is rejected with its reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chipgym.leaderboards.fresh_process import verify_in_fresh_process
from chipgym.leaderboards.ranking import load_entries
from chipgym.leaderboards.schema import (
    SIZE_LIMITS,
    Verification,
    load_submission,
    read_records,
)
from chipgym.leaderboards.verify import verify_submission
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    SimulationError,
    UnknownNameError,
)

Submit = Callable[[str], Path]


@pytest.fixture
def verify(suite_file: str) -> Callable[[Path], Verification]:
    def run(folder: Path) -> Verification:
        return verify_submission(folder, suite=suite_file, imports=["fake_scheduling"])

    return run


def edit_head(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the submission's head in place."""
    document = json.loads((folder / "submission.json").read_text())
    change(document)
    (folder / "submission.json").write_text(json.dumps(document))


def edit_records(folder: Path, change: Callable[[list[Any]], None]) -> None:
    """Change the records in place."""
    path = folder / "records.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    change(records)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_an_honest_submission_verifies_in_a_fresh_process(
    submission: Submit, suite_file: str
) -> None:
    folder = submission("biased")
    outcome = verify_in_fresh_process(folder, suite=suite_file, imports=["fake_scheduling"])
    assert outcome.passed
    assert outcome.records == 7
    assert outcome == Verification.load(folder / "verified.json")
    claims = load_submission(folder).claims
    assert outcome.iqm == pytest.approx(claims.iqm)
    assert {t.label: t.mean_metric for t in outcome.tasks} == pytest.approx(claims.mean_metric)
    assert sorted(path.name for path in folder.iterdir()) == [
        "records.jsonl",
        "submission.json",
        "verified.json",
    ]


def test_a_method_with_seeds_is_verified_for_each(submission: Submit) -> None:
    folder = submission("random")
    assert len(list(read_records(folder / "records.jsonl"))) == 14


def set_field(name: str, value: Any) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        records[1][name] = value

    return change


def set_inside(name: str, key: Any, factor: float) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        records[1][name][key] *= factor

    return change


def shift_start(records: list[Any]) -> None:
    records[0]["schedule"]["start_us"][3] -= 1e-9


def flip_action(records: list[Any]) -> None:
    records[2]["actions"][4] = 1 - records[2]["actions"][4]


def add_action(records: list[Any]) -> None:
    records[0]["actions"].append(0)
    records[0]["steps"] += 1


def drop_action(records: list[Any]) -> None:
    records[0]["actions"].pop()
    records[0]["steps"] -= 1


def duplicate(records: list[Any]) -> None:
    records.append(records[0])


def copy_to_other_instance(records: list[Any]) -> None:
    records[1] = {**records[0], "instance": 1, "instance_id": "test-1"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_inside("metrics", "mean_latency_us", 0.9), "instance 1: mean_latency_us"),
        (set_inside("metrics", "mean_latency_us", 1 - 1e-15), "instance 1: mean_latency_us"),
        (set_inside("metrics", "energy_j", 0.999999), "instance 1: energy_j"),
        (set_field("episode_return", 0.0), "episode_return"),
        (set_field("evaluations", 0), "evaluations = 0, replayed 1"),
        (set_field("steps", 11), "steps = 11, replayed 12"),
        (set_field("instance_id", "test-3"), "instance_id = 'test-3', replayed 'test-1'"),
        (set_field("schedule", None), "the schedule is missing"),
        (set_field("actions", [7] * 12), "action 0 = 7 is refused"),
        (set_field("actions", []), "does not end after its 0 actions"),
        (set_field("metrics", {"mean_latency_us": 1.0}), "metrics are"),
        (set_field("seed", 5), "seed 5.*does not belong"),
        (set_field("task", "other"), "task other.*does not belong"),
        (set_field("surprise", 1), "surprise"),
        (shift_start, r"schedule start_us\[3\]"),
        (flip_action, "instance 2: (action 4|mean_latency|episode_return|schedule)"),
        (add_action, "ended after 12 of 13"),
        (drop_action, "does not end after its 11 actions"),
        (set_field("agent", "other"), "records of several agents: biased, other"),
        (duplicate, "two records of task heavy, seed 0, instance 0"),
        (copy_to_other_instance, "instance 1"),
        (lambda records: records.pop(), "1 records are missing, the first of task light"),
    ],
)
def test_tampered_records_are_rejected(
    submission: Submit, verify: Any, change: Callable[[list[Any]], None], reason: str
) -> None:
    folder = submission("biased")
    edit_records(folder, change)
    outcome = verify(folder)
    assert not outcome.passed
    assert outcome.tasks == ()
    assert outcome.iqm is None
    assert re.search(reason, outcome.reasons[0]), outcome.reasons[0]


def test_energies_may_differ_in_the_last_bits(submission: Submit, verify: Any) -> None:
    folder = submission("biased")
    edit_records(folder, set_inside("metrics", "energy_j", 1 + 1e-12))
    assert verify(folder).passed


def claim(path: str, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        *steps, last = path.split(".")
        for step in steps:
            document = document[int(step) if step.isdigit() else step]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (claim("claims.iqm", 9.0), "claimed iqm = 9.0"),
        (claim("claims.mean_metric.heavy", 1.0), "claimed mean metric of heavy = 1.0"),
        (claim("tasks.0.instances", [0, 1, 2]), "task heavy is not one of suite 'fakes'"),
        (claim("tasks.0.kwargs", {"num_jobs": 1}), "task heavy is not one of suite 'fakes'"),
        (claim("tasks.0.scenario", "noisy"), "task heavy is not one of suite 'fakes'"),
        (claim("tasks.0.env", "os:system-v0"), r"tasks\.0\.env"),
        (claim("tasks.0.split", "train"), r"tasks\.0\.split"),
        (claim("tasks.0.simulator_version", "fake-0"), "simulator version fake-0"),
        (claim("seeds", [0, 1]), "records are missing"),
        (claim("suite", "other"), "for suite 'other'"),
        (claim("format", 2), "format"),
        (claim("date", "yesterday"), "date"),
        (claim("date", "2026-02-31"), "not in the calendar"),
        (claim("seeds", [0, 0]), "seeds must be distinct"),
        (claim("claims.mean_metric.other", 1.0), "claimed mean metric of other"),
    ],
)
def test_false_heads_are_rejected(
    submission: Submit, verify: Any, change: Callable[[Any], None], reason: str
) -> None:
    folder = submission("biased")
    edit_head(folder, change)
    outcome = verify(folder)
    assert not outcome.passed
    assert re.search(reason, outcome.reasons[0]), outcome.reasons[0]


def test_only_plain_files_of_limited_size(
    submission: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submission("greedy")
    (folder / "policy.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(FileFormatError, match=r"policy\.pkl: not allowed"):
        load_submission(folder)
    (folder / "policy.pkl").unlink()
    (folder / "README.md").symlink_to("/etc/hostname")
    with pytest.raises(FileFormatError, match=r"README\.md: not allowed"):
        load_submission(folder)
    (folder / "README.md").unlink()
    monkeypatch.setitem(SIZE_LIMITS, "records.jsonl", 1000)
    with pytest.raises(FileFormatError, match="at most 1000"):
        load_submission(folder)


def test_a_submission_names_shipped_suites_but_no_files(
    submission: Submit, suite_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submission("greedy")
    (tmp_path / "mine.yaml").write_text(Path(suite_file).read_text())
    monkeypatch.chdir(tmp_path)
    edit_head(folder, claim("suite", "mine.yaml"))
    outcome = verify_submission(folder, imports=["fake_scheduling"])
    assert not outcome.passed
    assert "'mine.yaml' is not shipped" in outcome.reasons[0]
    assert "--suite" in outcome.reasons[0]


def test_modules_that_do_not_exist_are_named(submission: Submit, suite_file: str) -> None:
    folder = submission("greedy")
    with pytest.raises(SimulationError, match="--import = 'no_module' is not allowed"):
        verify_in_fresh_process(folder, suite=suite_file, imports=["no_module"])


@pytest.mark.parametrize("edit", ["records", "head"])
def test_what_changed_after_the_verification_is_not_ranked(submission: Submit, edit: str) -> None:
    folder = submission("greedy")
    assert len(load_entries(folder.parent)) == 1
    if edit == "records":
        edit_records(folder, set_field("evaluations", 0))
    else:
        edit_head(folder, claim("training_steps", 1))
    assert load_entries(folder.parent) == []


def test_heads_that_break_the_schema_are_refused(
    tmp_path: Path, fake_run: Any, suite_file: str
) -> None:
    from chipgym.experiments.submission import submit

    out = tmp_path / "submissions" / "x"
    with pytest.raises(InvalidValueError, match="name = '<b>'"):
        submit(fake_run, "greedy", out, name="<b>", suite=suite_file)
    assert not out.parent.exists()


def test_lines_are_limited(submission: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    path = submission("greedy") / "records.jsonl"
    monkeypatch.setattr("chipgym.leaderboards.schema.MAX_LINE_BYTES", 100)
    with pytest.raises(FileFormatError, match="line 1: over 100 bytes"):
        list(read_records(path))
    monkeypatch.undo()
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(FileFormatError, match="line 1: not JSON"):
        list(read_records(path))
    path.write_text("9" * 5000 + "\n")
    with pytest.raises(FileFormatError, match="line 1: not JSON"):
        list(read_records(path))


def test_a_rejected_submission_leaves_nothing(
    tmp_path: Path, fake_run: Any, suite_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chipgym.experiments import submission as module

    real = module._head

    def boastful(*args: Any) -> Any:
        head = real(*args)
        return head.model_copy(update={"claims": head.claims.model_copy(update={"iqm": 2.0})})

    monkeypatch.setattr(module, "_head", boastful)
    out = tmp_path / "submissions" / "greedy"
    options: dict[str, Any] = {"suite": suite_file, "imports": ["fake_scheduling"]}
    outcome = module.submit(fake_run, "greedy", out, **options)
    assert not outcome.passed
    assert list(out.parent.iterdir()) == []
    with pytest.raises(UnknownNameError, match="did you mean 'greedy'"):
        module.submit(fake_run, "gredy", out, **options)
