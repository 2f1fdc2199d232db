"""Extract the code blocks of Markdown pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?P<note><!-- not run: [^\n]*-->\n+)?^```(?P<language>\w+)(?P<attributes>[^\n]*)\n"
    r"(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file name in its title, and where it stands."""

    language: str
    title: str
    code: str
    line: int
    run: bool


def blocks(page: Path) -> list[Block]:
    """Blocks of a page in order; those after a ``<!-- not run: reason -->`` comment do not run."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        title = re.search(r'title="([^"]+)"', match["attributes"])
        line = text[: match.start("code")].count("\n") + 1
        name = title[1] if title else ""
        found.append(Block(match["language"], name, match["code"], line, match["note"] is None))
    return found
