"""Pieces of Markdown that the pages share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()
) -> str:
    """Render a Markdown table; columns in `right` are aligned to the right."""
    marks = ["---:" if place in right else "---" for place in range(len(columns))]
    lines = ["| " + " | ".join(columns) + " |", "|" + "|".join(marks) + "|"]
    for row in rows:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page_name(env_id: str) -> str:
    """``chipgym/SocScheduling-v0`` becomes ``soc-scheduling``."""
    name = env_id.split("/")[1].rsplit("-v", 1)[0]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def promote(doc: str) -> str:
    """Give a docstring's underlined sections page-level headings."""
    underlined = re.compile(r"^-{3,}$")
    result: list[str] = []
    for line in doc.split("\n"):
        if underlined.match(line) and result and result[-1].strip():
            result[-1] = f"## {result[-1].strip()}"
        else:
            result.append(line)
    return "\n".join(result)


def short(value: float) -> str:
    """Write a number with four digits, thousands separated: 12,340 or 0.1234."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 or rounded == 0 else f"{rounded:.4g}"
