"""The code in README and docs runs, and their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from snippets import blocks

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if page.exists()]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_PYTHON = [p for p in PAGES if any(b.language == "python" and b.run for b in blocks(p))]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    """All blocks of a page run in order, in one fresh interpreter and one empty folder."""
    script = []
    for block in blocks(page):
        if block.title and block.language == "json":
            (tmp_path / block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "python" and block.run:
            # Line numbers of errors are those of the page.
            script.append("\n" * (block.line - 1 - sum(s.count("\n") for s in script)) + block.code)
    variables = dict(
        os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path]), PYTHONWARNINGS="default"
    )
    done = subprocess.run(
        [sys.executable, "-"],
        input="".join(script),
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{name(page)}:\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_json_blocks_parse(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.code)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    generated = generated_pages()
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        target = (page.parent / link).resolve()
        known = target.exists() or target in generated
        assert known, f"{name(page)} links to {link}, which does not exist"


def generated_pages() -> set[Path]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return {(ROOT / "docs" / path).resolve() for path in re.findall(r"[\w/-]+\.md", text)}


def test_readme_keeps_its_markers() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for table in ("quick", "throughput", "dram-throughput", "codesign-throughput"):
        assert text.count(f"<!-- {table}:begin -->") == 1
        assert text.count(f"<!-- {table}:end -->") == 1


def test_single_job_table_is_what_its_command_prints() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "compare_event_orders.py"), "--seeds", "0"],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])),
        capture_output=True,
        text=True,
        check=True,
    )
    page = (ROOT / "docs" / "simulators" / "soc.md").read_text(encoding="utf-8")
    table = page.split("<!-- single-job:begin -->")[1].split("<!-- single-job:end -->")[0]
    assert table.strip() == done.stdout.strip()
