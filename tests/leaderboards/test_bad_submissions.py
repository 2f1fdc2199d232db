"""Every bad submission of the corpus is rejected, with its reason; the good one passes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bad_submissions import FILES, HEADS, RECORDS, TEXT, Bad, packed

from chipgym.experiments.work import record_line
from chipgym.leaderboards.schema import Verification, load_submission, records_path
from chipgym.leaderboards.verify import verify_submission

CORPUS = [*FILES, *TEXT, *HEADS, *RECORDS]
Verify = Callable[[Path], Verification]


@pytest.fixture(scope="module")
def verify(suite_file: str) -> Verify:
    def run(folder: Path) -> Verification:
        return verify_submission(folder, suite=suite_file, imports=["fake_scheduling"])

    return run


@pytest.fixture
def good(submission: Callable[[str], Path], fake_run: Any) -> Path:
    """A submission whose records state the schedules too, which they need not."""
    folder = submission("biased")
    lines = [record_line(e) for r in fake_run.results if r.agent == "biased" for e in r.records]
    (folder / "records.jsonl").write_bytes(b"".join(lines))
    return folder


def test_the_good_one_passes(good: Path, verify: Verify) -> None:
    assert '"schedule":{' in (good / "records.jsonl").read_text()
    outcome = verify(good)
    assert outcome.passed, outcome.reasons


def test_schedules_may_be_left_out_and_records_compressed(
    submission: Callable[[str], Path], verify: Verify
) -> None:
    folder = submission("biased")
    assert "schedule" not in records_path(folder).read_text()
    packed()(folder)
    assert records_path(folder).name == "records.jsonl.gz"
    assert load_submission(folder).name == "biased"
    outcome = verify(folder)
    assert outcome.passed, outcome.reasons
    assert outcome.records == 7


@pytest.mark.parametrize("bad", CORPUS, ids=[bad.name for bad in CORPUS])
def test_bad_submissions_are_rejected(bad: Bad, good: Path, verify: Verify) -> None:
    bad.change(good)
    outcome = verify(good)
    assert not outcome.passed
    assert outcome.tasks == ()
    assert outcome.iqm is None
    assert re.search(bad.reason, outcome.reasons[0]), outcome.reasons[0]
    assert all(len(reason) <= 400 for reason in outcome.reasons)
    assert not Path("/tmp/chipgym-was-owned").exists()


def test_an_archive_is_no_submission(
    submission: Callable[[str], Path], verify: Verify, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", submission("biased"))
    outcome = verify(Path(archive))
    assert "not a submission" in outcome.reasons[0]


def test_what_gives_other_results_each_time_is_rejected(
    submit_suite: Callable[..., tuple[Path, str]], tmp_path: Path
) -> None:
    import hostile_env

    document = {
        "name": "hostile",
        "tasks": [{"env": "hostile_env:hostile/Env-v0", "name": "task", "instances": 1}],
        "agents": [{"name": "fine", "policy": "hostile_env:Fine"}],
        "curve": {"points": 0},
    }
    options: dict[str, Any] = {"imports": ["hostile_env"]}
    folder, suite = submit_suite(document, checked=False, **options)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "records.jsonl"
    path.write_text(path.read_text().replace("[0]", f"[{hostile_env.RANDOM}]"))
    outcome = verify_submission(copy, suite=suite, **options)
    assert re.search("episode_return = -1.0, replayed", outcome.reasons[0])
