"""Builds the site: pages, style and script, the boards as JSON, and files to download."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chipgym.leaderboards.best_known import BestKnown, best_known
from chipgym.leaderboards.policy_files import POLICY_FILES
from chipgym.leaderboards.ranking import Board, Entry, boards_of, by_suite, task_result
from chipgym.leaderboards.records import read_lines
from chipgym.leaderboards.schema import (
    PACKED_FILE,
    README_FILE,
    SUBMISSION_FILE,
    VERIFIED_FILE,
    records_path,
)
from chipgym.leaderboards.site.about import about_page
from chipgym.leaderboards.site.best import best_page
from chipgym.leaderboards.site.boards import family_page, index_page, suite_page
from chipgym.leaderboards.site.html import slug
from chipgym.leaderboards.site.rankings import board_path, families_of, task_path
from chipgym.leaderboards.site.submissions import Download, submission_page, submission_path
from chipgym.leaderboards.site.tasks import task_page
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import write_json

__all__ = ["build_site"]

ASSETS = Path(__file__).parent / "assets"
MARKER = "leaderboard.json"
DOWNLOADS = {
    SUBMISSION_FILE: "submission.json: who, what, claims",
    VERIFIED_FILE: "verified.json: the verification record",
    README_FILE: "README.md",
    **dict.fromkeys(POLICY_FILES, "the trained policy"),
}


def build_site(entries: Sequence[Entry], out: str | Path) -> Path:
    """Write the site of some verified submissions; returns the first page's path.

    A site that is there already is replaced when the new one is complete.

    Raises
    ------
    FileFormatError
        The folder holds something else than a site.
    """
    root = Path(out)
    if root.exists() and not (root / MARKER).is_file() and any(root.iterdir()):
        raise FileFormatError(root, "not a site of leaderboards; choose another folder")
    root.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{root.name}."))
    try:
        _write(entries, folder)
        folder.chmod(0o755)
        if root.exists():
            shutil.rmtree(root)
        folder.rename(root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return root / "index.html"


def _write(entries: Sequence[Entry], root: Path) -> None:
    suites = by_suite(entries)
    boards = {name: boards_of(group) for name, group in suites.items()}
    best = best_known(entries)
    write_json(root / MARKER, {"suites": {n: _document(suites[n], boards[n]) for n in suites}})
    write_json(root / "best_known.json", [solution.document() for solution in best])
    shutil.copytree(ASSETS, root / "assets")
    for entry in entries:
        content = submission_page(entry, boards[entry.submission.suite], list(_copied(entry, root)))
        _page(root / submission_path(entry.folder), content)
    solutions = _solutions(entries, best, root)
    for name in suites:
        _suite(name, boards[name], suites[name], best, solutions, root)
    _page(root / "best-known.html", best_page(best, solutions))
    _page(root / "about.html", about_page())
    _page(root / "index.html", index_page(boards, best))


def _page(path: Path, content: str) -> None:
    """Write a page; the folder as a whole is put in place at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _document(group: Sequence[Entry], boards: Sequence[Board]) -> dict[str, object]:
    order = sorted(group, key=lambda entry: entry.folder)
    return {
        "submissions": [entry.document() for entry in order],
        "boards": [board.document() for board in boards],
    }


def _suite(
    name: str,
    boards: Sequence[Board],
    group: Sequence[Entry],
    best: Sequence[BestKnown],
    solutions: Mapping[BestKnown, str],
    root: Path,
) -> None:
    """Write the pages of a suite, of its families and of its tasks."""
    families = families_of(group[0].verification.suite_tasks)
    _page(root / board_path(name), suite_page(name, boards))
    if len(families) > 1:
        for family in families:
            _page(root / board_path(name, family), family_page(name, family, boards))
    for board in boards:
        if board.level == "task" and board.rows:
            own = [solution for solution in best if _is_of(solution, board)]
            content = task_page(name, board, len(families), own, solutions)
            _page(root / task_path(name, board.name), content)


def _is_of(solution: BestKnown, board: Board) -> bool:
    """Whether a solution, of whichever suite, is of an instance of a board's task."""
    task = task_result(board.rows[0].entry, board.name)
    same = ("env", "scenario", "objective", "metric")
    return (
        task is not None
        and all(getattr(task, name) == getattr(solution, name) for name in same)
        and any(result.instance_id == solution.instance_id for result in task.results)
    )


def _copied(entry: Entry, root: Path) -> Iterator[Download]:
    """Copy what a submission offers, records compressed."""
    target = root / "downloads" / slug(entry.folder)
    target.mkdir(parents=True, exist_ok=True)
    packed = target / PACKED_FILE
    with (
        packed.open("wb") as file,
        # No name and no time, so that equal records give equal files.
        gzip.GzipFile("", "wb", mtime=0, fileobj=file) as compressed,
    ):
        compressed.writelines(read_lines(records_path(entry.path)))
    title = f"{PACKED_FILE}: actions and metrics of every episode"
    yield Download(str(packed.relative_to(root)), title, packed.stat().st_size)
    for name, title in DOWNLOADS.items():
        if (entry.path / name).is_file():
            shutil.copyfile(entry.path / name, target / name)
            path = str((target / name).relative_to(root))
            yield Download(path, title, (target / name).stat().st_size)


def _solutions(
    entries: Sequence[Entry], best: Sequence[BestKnown], root: Path
) -> dict[BestKnown, str]:
    """Write the record of each best-known solution, a file each; returns their paths."""
    wanted = {(b.folder, b.task, b.seed, b.instance): b for b in best}
    holders = {solution.folder for solution in best}
    paths: dict[BestKnown, str] = {}
    for entry in entries:
        if entry.folder not in holders:
            continue
        for line in read_lines(records_path(entry.path)):
            record = json.loads(line)
            key = (entry.folder, record["task"], record["seed"], record["instance"])
            solution = wanted.get(key)
            if solution is not None:
                name = f"{slug(solution.suite)}--{slug(solution.task)}"
                path = f"downloads/best-known/{name}/{solution.instance}.json"
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(line)
                paths[solution] = path
    return paths
