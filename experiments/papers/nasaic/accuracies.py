"""Report on the shipped tables of accuracies, without training anything.

``python -m chipgym.experiments.papers.nasaic.accuracies`` prints data sets, recipes, counts,
spreads, and the predictor's error on held-out architectures, as Markdown or, with ``--json``, as a
document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.accuracy.statistics import TableStatistics, table_statistics
from chipgym.envs.codesign.accuracy.table import MeasuredTable, read_table, shipped_tables
from chipgym.envs.codesign.spaces import space_named
from chipgym.experiments.papers.core.tables import Table

__all__ = ["main", "markdown", "page", "report"]

PAGE = Path(__file__).with_suffix(".md")


def _shipped() -> list[tuple[MeasuredTable, TableStatistics]]:
    tables = [read_table(path) for path in shipped_tables()]
    return [(table, table_statistics(table)) for table in tables]


def report() -> list[dict[str, Any]]:
    """Return a document for each shipped table."""
    return [
        {
            "data_set": table.data_set,
            "source": data_set_named(table.data_set).source,
            "space": table.space,
            "recipe": table.recipe,
            "seeds": list(table.seeds),
            "command": table.command,
            **asdict(statistics),
        }
        for table, statistics in _shipped()
    ]


def markdown() -> str:
    """Return the report as Markdown: a section of tables, then one of spaces and recipes."""
    spreads, errors, text = [], [], ""
    for table, own in _shipped():
        name = {"data set": table.data_set, "space": table.space}
        spreads.append(
            {
                **name,
                "architectures": str(own.architectures),
                "failed": str(own.failures),
                "seeds": str(own.seeds),
                "lowest": f"{own.low:.3f}",
                "mean": f"{own.mean:.3f}",
                "highest": f"{own.high:.3f}",
                "std of architectures": f"{own.architecture_deviation:.4f}",
                "std of seeds": f"{own.seed_deviation:.4f}",
                "rank correlation of seeds": f"{own.seed_correlation:.3f}",
                "variance explained": f"{own.explained:.3f}",
            }
        )
        if own.predictor:
            errors.append(
                {
                    **name,
                    "held-out architectures": str(own.predictor.architectures),
                    "mean absolute error": f"{own.predictor.mean_absolute:.4f}",
                    "RMSE": f"{own.predictor.root_mean_square:.4f}",
                    "rank correlation": f"{own.predictor.rank_correlation:.3f}",
                    "R2": f"{own.predictor.explained:.3f}",
                }
            )
        text += _details(table)
    measured = Table.of("Measured: truly trained, each value the mean over the seeds", spreads)
    predicted = Table.of(
        "Predicted: ridge regression, five folds, architectures not used in the fit", errors
    )
    return f"{measured.markdown()}\n{predicted.markdown()}\n{text}"


def page() -> str:
    """Return the documentation page."""
    return PAGE.read_text(encoding="utf-8").replace("{{ tables }}", markdown())


def _details(table: MeasuredTable) -> str:
    entry = data_set_named(table.data_set)
    metric = "intersection over union" if entry.segmentation else "share of correct classes"
    tokens = ", ".join(
        f"{token.name} {{{', '.join(map(str, token.options))}}}"
        for token in space_named(table.space).tokens
    )
    recipe = ", ".join(f"{name} {value}" for name, value in table.recipe.items())
    shape = "x".join(map(str, entry.shape))
    return (
        f"### {table.space} on {table.data_set}\n\n"
        f"- Images: {entry.source}; {shape}, {entry.classes} classes; accuracy is the {metric} on "
        f"held-out images\n- Space: {tokens}\n- Recipe: {recipe}\n"
        f"- Made by `{table.command}`\n\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="accuracies", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print a document instead of text")
    chosen = parser.parse_args(arguments)
    print(json.dumps(report(), indent=2) if chosen.json else markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())
