"""Rates are compared with a baseline in units of plain Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipgym.experiments.throughput.baseline import (
    Baseline,
    compare,
    load_baseline,
    rates_of,
    save_baseline,
)
from chipgym.experiments.throughput.yardstick import measure_yardstick
from chipgym.simulators.core.errors import FileFormatError

FAMILIES = {
    "soc": {
        "simulator": {"ETF": {"tasks_per_s": {"median": 5.0, "per_cpu_s": 8.0}}},
        "memory": {"peak": {"per_cpu_s": 1.0}},
    },
    "logic": {"circuits": [{"circuit": "alu", "step_ms": 9.0, "step_cpu_ms": 4.0, "nodes": 3}]},
}


def test_rates_have_places_in_the_document() -> None:
    assert rates_of(FAMILIES) == {
        "soc/simulator/ETF/tasks_per_s": 8.0,
        "logic/circuits/alu/step_cpu_ms": 250.0,
    }


def test_ratios_are_in_units_of_the_yardstick(tmp_path: Path) -> None:
    rates = {"a": 10.0, "gone": 1.0}
    old = Baseline(command="x", cpu="y", package_version="1", yardstick=100.0, rates=rates)
    path = tmp_path / "baseline.json"
    save_baseline("full", old, path)
    save_baseline("quick", old, path)
    assert load_baseline("full", path) == old
    assert compare({"a": 10.0, "new": 3.0}, 200.0, old) == {"a": 0.5}
    path.write_text("{}")
    with pytest.raises(FileFormatError, match="no baseline of the effort 'quick'"):
        load_baseline("quick", path)


def test_the_committed_baseline_is_of_all_families() -> None:
    committed = load_baseline("quick")
    assert {name.partition("/")[0] for name in committed.rates} >= {"soc", "dram", "logic"}
    assert measure_yardstick(1).per_cpu_s > 1000
