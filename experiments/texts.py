"""Numbers and names as rankings, reports and tables show them."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["number", "quantity", "readable", "span"]


def readable(metric: str) -> str:
    """Name of a metric in words: ``mean_latency_us`` is mean latency, µs."""
    words = metric.replace("_", " ")
    return f"{words.removesuffix(' us')}, µs" if words.endswith(" us") else words


def number(value: float) -> str:
    """A score with four decimals, or a dash."""
    return "–" if math.isnan(value) else f"{value:.4f}"


def quantity(value: float) -> str:
    """A metric: five digits or a little more, thousands apart."""
    if abs(value) >= 1e7:
        return f"{value:.4e}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.5g}"


def span(values: Iterable[float]) -> str:
    """Whole numbers: one if all are the same, otherwise the least and the greatest."""
    low, *more = sorted({round(value) for value in values})
    return f"{low:,} to {more[-1]:,}" if more else f"{low:,}"
