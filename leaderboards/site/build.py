"""Builds the site: pages, style and script, the boards as JSON, and files to download."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from chipgym.leaderboards.policy_files import POLICY_FILES
from chipgym.leaderboards.ranking import BestKnown, Entry, best_known, rank
from chipgym.leaderboards.records import read_lines
from chipgym.leaderboards.schema import (
    PACKED_FILE,
    README_FILE,
    SUBMISSION_FILE,
    VERIFIED_FILE,
    records_path,
)
from chipgym.leaderboards.site.boards import (
    board_page,
    board_path,
    index_page,
    task_page,
    task_path,
)
from chipgym.leaderboards.site.html import slug
from chipgym.leaderboards.site.submissions import (
    Download,
    about_page,
    best_page,
    submission_page,
    submission_path,
)
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import write_json, write_text

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
    suites = rank(entries)
    best = best_known(entries)
    ranking = {name: [entry.document() for entry in group] for name, group in suites.items()}
    write_json(root / MARKER, {"suites": ranking})
    write_json(root / "best_known.json", [solution.document() for solution in best])
    shutil.copytree(ASSETS, root / "assets")
    for entry in entries:
        downloads = list(_copied(entry, root))
        write_text(root / submission_path(entry.folder), submission_page(entry, downloads))
    for name, group in suites.items():
        write_text(root / board_path(name), board_page(name, group))
        for label in dict.fromkeys(t.label for e in group for t in e.verification.tasks):
            own = [s for s in best if _is_of(s, group, label)]
            write_text(root / task_path(name, label), task_page(name, label, group, own))
    write_text(root / "best-known.html", best_page(best, _solutions(entries, best, root)))
    write_text(root / "about.html", about_page())
    write_text(root / "index.html", index_page(suites, best))


def _is_of(solution: BestKnown, group: Sequence[Entry], label: str) -> bool:
    """Whether a solution, of whichever suite, is of an instance of a suite's task."""
    task = next(t for e in group for t in e.verification.tasks if t.label == label)
    same = ("env", "scenario", "objective", "metric")
    return all(getattr(task, name) == getattr(solution, name) for name in same) and any(
        result.instance_id == solution.instance_id for result in task.results
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
) -> dict[tuple[str, str], str]:
    """Write the records of the best-known solutions, one file a task; returns their paths."""
    wanted: dict[tuple[str, str], dict[tuple[str, int, int], BestKnown]] = {}
    for solution in best:
        of_task = wanted.setdefault((solution.suite, solution.task), {})
        of_task[solution.folder, solution.seed, solution.instance] = solution
    lines: dict[tuple[str, str], list[bytes]] = {key: [] for key in wanted}
    for entry in entries:
        if not any(entry.folder == solution.folder for solution in best):
            continue
        for line in read_lines(records_path(entry.path)):
            record = json.loads(line)
            key = (entry.submission.suite, record["task"])
            place = (entry.folder, record["seed"], record["instance"])
            if place in wanted.get(key, ()):
                lines[key].append(line)
    paths = {}
    for (suite, task), found in lines.items():
        path = f"downloads/best-known/{slug(suite)}--{slug(task)}.jsonl"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"".join(found))
        paths[suite, task] = path
    return paths
