"""Tables of results in the three forms that people paste: Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chipgym.simulators.core.files import write_text

__all__ = ["Table", "interval_text"]

LATEX_SPECIAL = {character: "\\" + character for character in "&%_#$"}
LATEX_SPECIAL["\\"] = r"\textbackslash "


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns; the first column names the row.

    Attributes
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequences of str
        As long as `columns` each.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(cls, title: str, records: Sequence[Mapping[str, object]]) -> Table:
        """Make a table of records with the same keys; numbers get four significant digits."""
        columns = list(records[0]) if records else []
        rows = [[_text(record[column]) for column in columns] for record in records]
        return cls(title, columns, rows)

    def markdown(self) -> str:
        """The table in Markdown, numbers to the right."""
        ends = ["---" if index == 0 else "---:" for index in range(len(self.columns))]
        lines = [self.columns, ends, *self.rows]
        body = "\n".join("| " + " | ".join(_no_bar(cell) for cell in line) + " |" for line in lines)
        return f"**{self.title}**\n\n{body}\n"

    def csv(self) -> str:
        """The table as comma-separated values with a header."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return stream.getvalue()

    def latex(self) -> str:
        """The table as a LaTeX ``tabular`` (package booktabs)."""
        align = "l" + "r" * (len(self.columns) - 1)
        lines = [" & ".join(map(_latex, line)) + r" \\" for line in (self.columns, *self.rows)]
        head = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", lines[0], r"\midrule"]
        return "\n".join([*head, *lines[1:], r"\bottomrule", r"\end{tabular}", ""])

    def write(self, folder: Path, name: str) -> None:
        """Write the three forms as ``name.md``, ``name.csv`` and ``name.tex``."""
        for suffix, content in (
            ("md", self.markdown()),
            ("csv", self.csv()),
            ("tex", self.latex()),
        ):
            write_text(folder / f"{name}.{suffix}", content)


def interval_text(value: float, low: float, high: float, digits: int = 3) -> str:
    """A value with its interval."""
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _no_bar(cell: str) -> str:
    return cell.replace("|", r"\|")


def _latex(cell: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in cell)
