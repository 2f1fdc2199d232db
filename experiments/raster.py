"""Charts of `chipgym.experiments.svg` as PNG or PDF, drawn by Matplotlib from their SVG documents.

It reads the few elements that those charts consist of, not SVG at large: paths of horizontal and
vertical strokes, polylines, polygons, circles, rectangles and text, in the light colours of the
style sheet.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from chipgym.experiments.report.style import STYLE
from chipgym.simulators.core.errors import InvalidValueError, MissingLibraryError
from chipgym.simulators.core.files import write_bytes

__all__ = ["FORMATS", "draw"]

FORMATS = ("png", "pdf")
PIXELS_PER_UNIT = 2.0
UNITS_PER_INCH = 100.0
POINTS_PER_UNIT = 72.0 / UNITS_PER_INCH
FONT_UNITS = {"tick": 10.0, "note": 10.0, "task": 9.0}
FONT_USUAL = 11.0
MUTED = frozenset({"tick", "note", "axis"})
_SVG = "{http://www.w3.org/2000/svg}"
_COLOURS = dict(re.findall(r"(--\w+): (#\w+)", STYLE.partition("@media")[0]))
# Presentation that the style sheet gives to classes.
_STROKES = {"grid": "--grid", "level": "--muted"}
_DASHES = {"level": "4 4"}
_OPACITY = {"band": 0.18}


def draw(document: str, path: Path) -> None:
    """Write the picture of an SVG document; the suffix of the path chooses the format.

    Parameters
    ----------
    document : str
        What `chipgym.experiments.svg.Chart.document` returned.
    path : Path
        ``.png`` (200 pixels an inch) or ``.pdf``.

    Raises
    ------
    InvalidValueError
        Another suffix.
    MissingLibraryError
        Matplotlib is not installed.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise InvalidValueError("path", str(path), f"a suffix of {', '.join(FORMATS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingLibraryError(f"drawing {path.name}", "matplotlib", "plots") from error

    root = ElementTree.fromstring(document)
    width, height = (float(value) for value in root.attrib["viewBox"].split()[2:])
    figure = Figure(figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, width)
    axes.set_ylim(height, 0.0)
    axes.axis("off")
    for element in root.iter():
        painter = _PAINTERS.get(element.tag.removeprefix(_SVG))
        if painter is not None:
            painter(axes, element.attrib, element.text or "")
    stream = io.BytesIO()
    # Without the date, equal charts are equal files.
    metadata: dict[str, Any] = {"CreationDate": None} if kind == "pdf" else {"Software": None}
    figure.savefig(stream, format=kind, dpi=UNITS_PER_INCH * PIXELS_PER_UNIT, metadata=metadata)
    write_bytes(path, stream.getvalue())


def _colour(value: str) -> str:
    """A colour of a document, ``var(--name)`` looked up."""
    name = re.fullmatch(r"var\((--\w+)\)", value)
    return _COLOURS[name[1]] if name else value


def _stroke(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of a line."""
    kind = attributes.get("class", "")
    stroke = attributes.get("stroke") or f"var({_STROKES.get(kind, '--ink')})"
    width = float(attributes.get("stroke-width", 1.0)) * POINTS_PER_UNIT
    dashes = attributes.get("stroke-dasharray") or _DASHES.get(kind, "")
    style: Any = "-"
    if dashes:
        on, off = (float(value) * POINTS_PER_UNIT / width for value in dashes.split())
        style = (0, (on, off))
    return {
        "color": _colour(stroke),
        "linewidth": width,
        "linestyle": style,
        "alpha": float(attributes.get("stroke-opacity", 1.0)),
        "solid_capstyle": "butt",
        "solid_joinstyle": "round",
    }


def _points(text: str) -> tuple[list[float], list[float]]:
    pairs = [pair.split(",") for pair in text.split()]
    return [float(x) for x, _ in pairs], [float(y) for _, y in pairs]


def _path(axes: Any, attributes: Mapping[str, str], text: str) -> None:
    """A path of moves and of horizontal and vertical strokes."""
    lines: list[list[tuple[float, float]]] = []
    x = y = 0.0
    for command, numbers in re.findall(r"([MHVh])([^MHVh]*)", attributes["d"]):
        values = [float(value) for value in numbers.split()]
        if command == "M":
            x, y = values
            lines.append([])
        else:
            x = values[0] if command == "H" else x + values[0] if command == "h" else x
            y = values[0] if command == "V" else y
        lines[-1].append((x, y))
    for line in lines:
        axes.plot([x for x, _ in line], [y for _, y in line], **_stroke(attributes))


def _polyline(axes: Any, attributes: Mapping[str, str], text: str) -> None:
    axes.plot(*_points(attributes["points"]), **_stroke(attributes))


def _polygon(axes: Any, attributes: Mapping[str, str], text: str) -> None:
    opacity = _OPACITY.get(attributes.get("class", ""), 1.0)
    axes.fill(
        *_points(attributes["points"]), color=_colour(attributes["fill"]), alpha=opacity, lw=0
    )


def _circle(axes: Any, attributes: Mapping[str, str], text: str) -> None:
    from matplotlib.patches import Circle

    place = float(attributes["cx"]), float(attributes["cy"])
    radius, fill = float(attributes["r"]), _colour(attributes["fill"])
    axes.add_patch(Circle(place, radius, color=fill, linewidth=0, zorder=3))


def _rect(axes: Any, attributes: Mapping[str, str], text: str) -> None:
    from matplotlib.patches import Rectangle

    width, height = float(attributes["width"]), float(attributes["height"])
    place = float(attributes.get("x", 0.0)), float(attributes.get("y", 0.0))
    opacity = float(attributes.get("fill-opacity", 1.0))
    fill = _colour(attributes["fill"])
    axes.add_patch(Rectangle(place, width, height, facecolor=fill, alpha=opacity, linewidth=0))


def _text(axes: Any, attributes: Mapping[str, str], text: str) -> None:
    kind = attributes.get("class", "")
    x, y = float(attributes.get("x", 0.0)), float(attributes.get("y", 0.0))
    moved = re.match(
        r"translate\(([\d.]+) ([\d.]+)\) rotate\(-90\)", attributes.get("transform", "")
    )
    if moved:
        x, y = float(moved[1]), float(moved[2])
    anchors = {"start": "left", "middle": "center", "end": "right"}
    axes.text(
        x,
        y,
        text.replace("$", r"\$"),
        color=_COLOURS["--paper" if kind == "task" else "--muted" if kind in MUTED else "--ink"],
        fontsize=FONT_UNITS.get(kind, FONT_USUAL) * POINTS_PER_UNIT,
        horizontalalignment=anchors[attributes.get("text-anchor", "start")],
        verticalalignment="center" if moved else "baseline",
        rotation=90 if moved else 0,
    )


_PAINTERS: dict[str, Callable[[Any, Mapping[str, str], str], None]] = {
    "path": _path,
    "polyline": _polyline,
    "polygon": _polygon,
    "circle": _circle,
    "rect": _rect,
    "text": _text,
}
