"""Pages that are made from the code: the environments', the tutorials, the studies, the reference.

MkDocs loads this file as a hook; the parts are in ``docs/generators``. ``python docs/generate.py``
prints the pages.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generators.environments import env_ids, environment_page, index_page
from generators.fidelity import fidelity_section
from generators.markdown import ROOT, page_name, table
from generators.modules import FOLDERS, modules_page
from generators.papers import paper_pages
from generators.performance import facts_table, family_table
from generators.pictures import pictures
from generators.tutorials import TUTORIALS, tutorial_page

import chipgym  # noqa: F401  # registers the ids
from chipgym.experiments.papers.nasaic import accuracies

__all__ = ["FOLDERS", "TUTORIALS", "fill", "modules_page", "pages", "tutorial_page"]


def on_files(files: Any, config: Any) -> Any:
    """MkDocs hook: add the generated pages and pictures."""
    from mkdocs.structure.files import File

    for name, text in pages():
        files.append(File.generated(config, name, content=text))
    for name, image in pictures():
        files.append(File.generated(config, name, content=image))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """MkDocs hook: fill the tables of stored results into pages that are written by hand."""
    return fill(markdown)


def fill(markdown: str) -> str:
    """Replace each line such as ``{{ fidelity soc }}`` by what it names."""

    def made(match: re.Match[str]) -> str:
        name, _, argument = match[1].partition(" ")
        return FILLED[name](*([argument] if argument else [])).rstrip("\n")

    return re.sub(rf"^{{{{ ((?:{'|'.join(FILLED)})(?: \w+)?) }}}}$", made, markdown, flags=re.M)


def zigzag_table() -> str:
    """Rank correlations of the accelerator model and ZigZag, from the shipped results."""
    from chipgym.experiments.cli.validate_zigzag import COLUMNS, correlation_rows
    from chipgym.simulators.accelerator.zigzag_validation import RESULTS

    return table(COLUMNS, list(correlation_rows(json.loads(RESULTS.read_text(encoding="utf-8")))))


FILLED: dict[str, Callable[..., str]] = {
    "fidelity": fidelity_section,
    "throughput-facts": facts_table,
    "throughput": family_table,
    "zigzag": zigzag_table,
}
"""What pages may name in double braces."""


def pages() -> Iterator[tuple[str, str]]:
    """Yield every generated page: its path under docs/, its Markdown."""
    ids = env_ids()
    yield "environments/index.md", index_page(ids)
    for env_id in ids:
        yield f"environments/{page_name(env_id)}.md", environment_page(env_id)
    yield "environments/accuracy-tables.md", accuracies.page()
    for page, script in TUTORIALS.items():
        yield page, tutorial_page(ROOT / "examples" / script)
    yield from paper_pages()
    for folder, title in FOLDERS.items():
        yield f"reference/modules/{folder}.md", modules_page(folder, title)


if __name__ == "__main__":
    for path, content in pages():
        print(f"=== {path} ===\n{content}")
