"""The site: only what was verified is on it, nothing is loaded from elsewhere, names are text."""

from __future__ import annotations

import gzip
import json
import re
import threading
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_up import make_mixed, make_submission

from chipgym.experiments import optima
from chipgym.leaderboards.best_known import best_known
from chipgym.leaderboards.ranking import boards_of, by_suite, load_entries
from chipgym.leaderboards.schema import Verification, file_hash
from chipgym.leaderboards.site import build_site, make_server
from chipgym.simulators.core.errors import FileFormatError

Submit = Callable[[str], Path]


def edit_verified(folder: Path, **changes: Any) -> None:
    """Change a verification record, as if it had been made of the files that are there."""
    record = Verification.load(folder / "verified.json")
    hashes = {
        "records_sha256": file_hash(folder / "records.jsonl"),
        "submission_sha256": file_hash(folder / "submission.json"),
    }
    record.model_copy(update={**hashes, **changes}).save(folder / "verified.json")


def edit_head(folder: Path, **changes: Any) -> None:
    """Change the head of a submission."""
    path = folder / "submission.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    edit_verified(folder)


EXPECTED_PAGES = sum(
    (
        3,  # boards, best-known solutions, how it works
        2 + 2,  # a page a suite, and a page a family of the suite that has two
        2 + 4,  # tasks
        3 + 4,  # submissions
    )
)


@pytest.fixture
def site(submission: Submit, tmp_path: Path) -> Path:
    """A site of two suites; one submission says that it learned."""
    folders = {name: submission(name) for name in ("random", "greedy", "biased")}
    point = {"steps": 10, "evaluations": 10, "score": 0.2, "low": 0.1, "high": 0.3}
    curve = [point, {**point, "evaluations": 20, "score": 0.6, "low": 0.4, "high": 0.7}]
    edit_head(folders["biased"], kind="learned", curves={"heavy": curve}, authors=["B. Builder"])
    make_mixed(folders["greedy"].parent)
    return build_site(load_entries(folders["greedy"].parent), tmp_path / "site").parent


class Page(HTMLParser):
    """Collects links and what a page loads; fails on tags that are not closed."""

    EMPTY = frozenset({"meta", "link", "input", "br", "line", "circle", "path"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == [], path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag refers to."""
        found = dict(attrs)
        if tag == "a":
            self.links.append(found["href"] or "")
        self.loads += [
            found[name] or "" for name in ("src", "href") if name in found and tag != "a"
        ]
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the tag."""
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def test_pages_are_whole_and_lead_only_to_one_another(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == EXPECTED_PAGES
    for path in pages:
        page = Page(path)
        assert page.inline == []
        for target in [*page.links, *page.loads]:
            if target.startswith("data:image/svg+xml,"):
                continue
            assert not re.match(r"[a-z]+:|//", target), target
            local, _, fragment = target.partition("#")
            assert (path.parent / local).exists() if local else fragment, f"{path}: {target}"
        assert "Content-Security-Policy" in path.read_text()


def test_ranking_and_best_known_are_what_was_verified(submission: Submit, tmp_path: Path) -> None:
    folders = {name: submission(name) for name in ("random", "greedy", "biased")}
    edit_head(folders["random"], claims={"iqm": 99.0, "mean_metric": {}})
    edit_verified(folders["biased"], passed=False)
    entries = load_entries(folders["greedy"].parent)
    board = boards_of(by_suite(entries)["fakes"])[0]
    assert [row.entry.submission.name for row in board.rows] == ["greedy", "random"]
    best = best_known(entries)
    assert len(best) == 7
    for solution in best:
        values = [
            result.metric
            for entry in entries
            for task in entry.verification.tasks
            for result in task.results
            if (task.scenario, result.instance) == (solution.scenario, solution.instance)
        ]
        assert solution.value == min(values)

    root = build_site(entries, tmp_path / "site").parent
    page = (root / "boards" / "fakes.html").read_text()
    assert "99.0" not in page
    assert "biased" not in page
    assert page.index(">greedy<") < page.index(">random<")
    ranking = json.loads((root / "leaderboard.json").read_text())
    boards = ranking["suites"]["fakes"]["boards"]
    assert [row["name"] for row in boards[0]["ranking"]] == ["greedy", "random"]
    assert [row["rank"] for row in boards[0]["ranking"]] == [1, 2]
    assert len(json.loads((root / "best_known.json").read_text())) == 7


def test_downloads_are_the_submission_and_the_best_solutions(site: Path) -> None:
    folder = site / "downloads" / "greedy"
    assert sorted(path.name for path in folder.iterdir()) == [
        "records.jsonl.gz",
        "submission.json",
        "verified.json",
    ]
    records = gzip.decompress((folder / "records.jsonl.gz").read_bytes()).splitlines()
    assert len(records) == 7
    folder = site / "downloads" / "best-known" / "fakes--heavy"
    solutions = [json.loads((folder / f"{k}.json").read_text()) for k in range(4)]
    assert [solution["instance"] for solution in solutions] == [0, 1, 2, 3]
    known = {
        b["instance"]: b
        for b in json.loads((site / "best_known.json").read_text())
        if b["task"] == "heavy"
    }
    for solution in solutions:
        value = solution["metrics"]["mean_latency_us"]
        assert value == pytest.approx(known[solution["instance"]]["value"])
        assert solution["actions"]


def test_pages_show_curves_intervals_and_the_verification(site: Path) -> None:
    task = (site / "tasks" / "fakes--heavy.html").read_text()
    assert "Performance profile" in task
    assert "Learning curves" in task
    assert re.search(r'class="band s[0-7]"', task)
    assert "mean latency (µs)" in task
    submitted = (site / "submissions" / "biased.html").read_text()
    assert "replayed in a fresh process" in submitted
    assert file_hash(site / "downloads" / "biased" / "submission.json") in submitted


def test_text_of_strangers_stays_text(submission: Submit, tmp_path: Path) -> None:
    folder = submission("greedy")
    text = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    edit_head(folder, authors=[text], description=text)
    root = build_site(load_entries(folder.parent), tmp_path / "site").parent
    for path in root.rglob("*.html"):
        page = path.read_text()
        assert "<script>" not in page
        assert "<img" not in page
        Page(path)


def test_methods_without_all_tasks_are_shown_apart(site: Path) -> None:
    page = (site / "boards" / "mixed.html").read_text()
    ranking = re.search(r'<table id="ranking".*?</table>', page, re.DOTALL)
    assert ranking
    assert "generalist" in ranking[0]
    assert "tuner" not in ranking[0]
    apart = re.search(r"<details>.*?</details>", page, re.DOTALL)
    assert apart
    assert "3 submissions that have only some of these tasks" in apart[0]
    assert "2 of 4" in apart[0]
    assert "calm, bursty" in apart[0]
    family = (site / "boards" / "mixed--soc-scheduling.html").read_text()
    assert family.index("ranking-chipgym-socscheduling-v0") < family.index("The whole family")
    assert "tuner" not in family
    submitted = (site / "submissions" / "list-scheduler.html").read_text()
    assert "1 of 2" in submitted  # its place on the environment's board
    assert "2 of 4" in submitted  # tasks


def test_gaps_to_optima_are_shown_where_they_are_known(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Gap to optimum" not in (site / "best-known.html").read_text()
    make_submission(tmp_path / "solved", "one", {"calm": 1.0})
    monkeypatch.setattr(optima, "known_optima", lambda task: {0: 40.0})
    build_site(load_entries(tmp_path / "solved"), site)
    for page in ("best-known.html", "tasks/mixed--calm.html"):
        text = (site / page).read_text()
        assert "Gap to optimum" in text
        assert re.search(r"\d+\.\d\d %", text)
        assert "unknown" in text


def test_a_site_replaces_a_site_and_nothing_else(site: Path, tmp_path: Path) -> None:
    (site / "old.html").write_text("old")
    build_site([], site)
    assert not (site / "old.html").exists()
    assert "No verified submission yet" in (site / "index.html").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(FileFormatError, match="not a site"):
        build_site([], tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_equal_submissions_give_equal_sites(submission: Submit, tmp_path: Path) -> None:
    folder = make_mixed(submission("greedy").parent)
    roots = [build_site(load_entries(folder), tmp_path / name).parent for name in ("one", "two")]
    found = [
        sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
        for root in roots
    ]
    assert found[0] == found[1]
    for name in found[0]:
        assert (roots[0] / name).read_bytes() == (roots[1] / name).read_bytes()


def test_the_server_serves_this_machine_only(site: Path, tmp_path: Path) -> None:
    server = make_server(site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert b"ranked by what can be replayed" in answer.read()
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(FileFormatError, match="chipgym leaderboard build"):
        make_server(tmp_path)
