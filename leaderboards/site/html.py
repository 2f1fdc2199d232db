"""Pieces of pages: text, numbers, tables, and the frame that all pages share."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Cell",
    "Column",
    "badge",
    "escape",
    "framed",
    "link",
    "number",
    "page",
    "plural",
    "readable",
    "row_tag",
    "score_text",
    "slug",
    "table",
]

UNITS = {
    "us": "µs",
    "ns": "ns",
    "ps": "ps",
    "ms": "ms",
    "s": "s",
    "pj": "pJ",
    "nj": "nJ",
    "uj": "µJ",
    "j": "J",
    "mw": "mW",
    "w": "W",
    "um2": "µm²",
    "cycles": "cycles",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""Content security policy: nothing comes from elsewhere, and no text can become a script."""

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect x='3' y='3' width='10' height='10' rx='2' fill='%234156c5'/%3E"
    "%3Cpath d='M6 0v3M10 0v3M6 13v3M10 13v3M0 6h3M0 10h3M13 6h3M13 10h3' stroke='%234156c5' "
    "stroke-width='1.5'/%3E%3C/svg%3E"
)


def escape(text: object) -> str:
    """Escape text for HTML."""
    return html.escape(str(text), quote=True)


def slug(text: str) -> str:
    """Text as part of a file name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "x"


def readable(metric: str) -> str:
    """A metric's name as people write it: ``mean_latency_us`` is ``mean latency (µs)``."""
    words = metric.split("_")
    units: list[str] = []
    while len(words) > 1 and words[-1] in UNITS:
        units.insert(0, UNITS[words.pop()])
    return " ".join(words) + (f" ({'·'.join(units)})" if units else "")


def number(value: float | None) -> str:
    """A number with four significant digits."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits <= 6 else f"{value:.3g}"


def score_text(value: float | None, decimals: int = 3) -> str:
    """A score with its decimals."""
    if value is None:
        return "–"
    # Adding zero makes a rounded −0 a plain 0.
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "−")


def plural(count: int, noun: str) -> str:
    """A number of things: ``1 task``, ``2 tasks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def link(target: str, text: str) -> str:
    """A link; both are escaped."""
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def badge(text: str, kind: str = "") -> str:
    """A small label."""
    return f'<span class="badge {escape(kind)}">{escape(text)}</span>'


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    key, title : str
        Name in the address of the page, and heading.
    numeric : bool
        Whether it is set to the right and sorted by number.
    wide : bool
        Whether it is left out on narrow screens.
    best_first : bool
        Whether the first click sorts downwards.
    heads : bool
        Whether its cells are the headings of their rows.
    wraps : bool
        Whether its text may take several lines.
    """

    key: str
    title: str
    numeric: bool = False
    wide: bool = False
    best_first: bool = False
    heads: bool = False
    wraps: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell: its HTML, and the value by which it is sorted."""

    content: str
    value: str | float | None = None


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    tags: Sequence[str] = (),
) -> str:
    """A sortable table in a frame that scrolls where it is too wide.

    `tags` holds attributes of each row (see `row_tag`), by which the script filters.
    """
    heads = "".join(map(_head, columns))
    body = []
    for index, row in enumerate(rows):
        tag = f" {tags[index]}" if tags else ""
        body.append(f"<tr{tag}>{''.join(map(_cell, columns, row))}</tr>")
    return framed(name, caption, f"<thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody>")


def framed(name: str, caption: str, content: str, kind: str = "") -> str:
    """A table around its `thead` and `tbody`; the frame can be focused, so that keys scroll it."""
    classes = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table id="{escape(name)}"{classes} data-sortable=""><caption>{escape(caption)}'
        f"</caption>{content}</table></div>"
    )


def row_tag(
    *, kind: str = "", text: str = "", method: str = "", families: Sequence[int] = ()
) -> str:
    """Attributes by which a row is filtered: kind and words of a method, numbers of families."""
    parts = []
    if text:
        parts.append(f'data-tag="{escape(f"{kind}|{text}".lower())}"')
    if method:
        parts.append(f'data-method="{escape(method)}"')
    if families:
        parts.append(f'data-fs="{" ".join(map(str, families))}"')
    return " ".join(parts)


def _classes(column: Column) -> str:
    names = [
        *(["n"] if column.numeric else []),
        *(["wide"] if column.wide else []),
        *(["wrap"] if column.wraps else []),
    ]
    return f' class="{" ".join(names)}"' if names else ""


def _head(column: Column) -> str:
    title = escape(column.title)
    first = ' data-first="desc"' if column.best_first else ""
    return (
        f'<th scope="col" data-key="{escape(column.key)}"{first}{_classes(column)}>'
        f'<button type="button">{title}</button></th>'
    )


def _cell(column: Column, cell: Cell) -> str:
    value = "" if cell.value is None else f' data-v="{escape(_sorted_by(cell.value))}"'
    if column.heads:
        return f'<th scope="row"{_classes(column)}{value}>{cell.content}</th>'
    return f"<td{_classes(column)}{value}>{cell.content}</td>"


def _sorted_by(value: str | float) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def page(title: str, content: str, *, root: str = "", current: str = "") -> str:
    """A whole page.

    Parameters
    ----------
    title, content : str
        Heading of the window, and the HTML of the page.
    root : str
        Way to the site's folder, such as ``"../"``.
    current : str
        The entry of the menu that the page belongs to.
    """
    entries = [
        ("index.html", "Boards"),
        ("best-known.html", "Best known"),
        ("about.html", "How it works"),
    ]
    menu = "".join(
        f'<a href="{root}{target}"{" aria-current=page" if name == current else ""}>{name}</a>'
        for target, name in entries
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} · ChipGym leaderboards</title>"
        f'<link rel="icon" href="{ICON}"><link rel="stylesheet" href="{root}assets/site.css">'
        f'<script src="{root}assets/site.js"></script></head><body>\n'
        '<a class="skip" href="#main">To the content</a>'
        f'<header><div class="bar"><a class="brand" href="{root}index.html">ChipGym '
        f'<b>leaderboards</b></a><nav aria-label="Pages">{menu}</nav>'
        '<button type="button" id="theme" hidden>Theme</button></div></header>'
        f'<main id="main" tabindex="-1">{content}</main>'
        "<footer><p>Every number on these pages was recomputed from the submitted actions by "
        "<code>chipgym leaderboard verify</code>. Budgets and learning curves are attested by the "
        "submitters.</p></footer></body></html>\n"
    )
