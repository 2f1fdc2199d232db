"""Verification: honest submissions pass, and every way to cheat is rejected with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chipgym.leaderboards.fresh_process import verify_in_fresh_process
from chipgym.leaderboards.ranking import load_entries
from chipgym.leaderboards.records import read_records
from chipgym.leaderboards.schema import (
    Verification,
    load_submission,
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
    monkeypatch.setattr("chipgym.leaderboards.records.MAX_LINE_BYTES", 100)
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

    real = module.Packer.head

    def boastful(*args: Any) -> Any:
        head = real(*args)
        return head.model_copy(update={"claims": head.claims.model_copy(update={"iqm": 2.0})})

    monkeypatch.setattr(module.Packer, "head", boastful)
    out = tmp_path / "submissions" / "greedy"
    options: dict[str, Any] = {"suite": suite_file, "imports": ["fake_scheduling"]}
    outcome = module.submit(fake_run, "greedy", out, **options)
    assert not outcome.passed
    assert list(out.parent.iterdir()) == []
    with pytest.raises(UnknownNameError, match="did you mean 'greedy'"):
        module.submit(fake_run, "gredy", out, **options)
