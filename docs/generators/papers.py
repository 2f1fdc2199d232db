"""Pages of the studies: their texts, with tables and figures of the stored results."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from chipgym.experiments.papers.core.registry import STUDIES


def paper_pages() -> Iterator[tuple[str, str]]:
    """Yield a page for each study: its text, with tables and figures of its stored results."""
    for name, study in STUDIES.items():
        folder = Path(importlib.import_module(study.module).__file__ or "").parent
        yield f"papers/{name}.md", paper_page(name, folder)
        for figure in sorted((folder / "results").glob("*.svg")):
            yield f"papers/{name}-{figure.name}", figure.read_text(encoding="utf-8")


def paper_page(name: str, folder: Path) -> str:
    """Fill ``{{ table NAME }}`` and ``{{ figure NAME: CAPTION }}`` in a study's page."""

    def fill(match: re.Match[str]) -> str:
        kind, stem, caption = match.group(1), match.group(2), (match.group(3) or "").strip()
        source = folder / "results" / f"{stem}.{'md' if kind == 'table' else 'svg'}"
        made = f"\n\nMade by `chipgym reproduce {name}`.\n"
        if kind == "table":
            return source.read_text(encoding="utf-8") + made
        if not source.is_file():
            raise FileNotFoundError(source)
        return f"![{caption}]({name}-{stem}.svg)\n\n*{caption}.*" + made

    text = (folder / "page.md").read_text(encoding="utf-8")
    if not (folder / "results").is_dir():
        note = f"*No results are stored yet; `chipgym reproduce {name}` makes them.*"
        text = re.sub(r"(?:{{ (?:table|figure) [^}]*}}\s*)+", note + "\n\n", text)
    return re.sub(r"{{ (table|figure) ([\w-]+)(?:: ([^}]*))? }}", fill, text)
