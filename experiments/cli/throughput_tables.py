"""What `chipgym throughput` shows of its measurements; the JSON has the rest."""

from __future__ import annotations

from typing import Any

from rich.table import Table

__all__ = ["codesign_table", "dram_table", "logic_table", "ratio_table", "soc_table"]

SLOWER = 0.8
"""Ratio to the baseline below which a rate is marked."""


def codesign_table(document: dict[str, Any]) -> Table:
    """Show layers, complete designs, the cores and the environments."""
    work = document["workload"]
    what = f"{work['layers']} layers of two networks, {work['sub_accelerators']} sub-accelerators"
    table = _rate_table(f"Throughput of codesign, {what}, one core")
    rate, ratio = document["layers"]["evaluations_per_s"], document["layers"]["ratio_to_reference"]
    _add_rate(table, "evaluate_layers", rate, "layers/s", f"{ratio:,.0f} x")
    for name, row in document["designs"].items():
        ratio = f"{row['ratio_to_reference']:,.0f} x"
        _add_rate(table, f"simulate_chips, {name}", row["evaluations_per_s"], "designs/s", ratio)
    joint = document["joint"]["evaluations_per_s"]
    _add_rate(table, "simulate, other networks each time", joint, "designs/s")
    for row in document["cores"]:
        threads = "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"
        _add_rate(table, f"simulate_batch, {threads}", row["evaluations_per_s"], "designs/s")
    for env_id, kinds in document["environment"].items():
        for kind, rate in kinds.items():
            _add_rate(table, f"{env_id}, {kind.replace('_', ' ')}", rate, "steps/s")
    return table


def ratio_table(ratios: dict[str, float]) -> Table:
    """Show ratios to the baseline, the slowest first."""
    title = "Against the baseline, both in units of plain Python (1: as fast, below: slower)"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("ratio", justify="right")
    table.add_column("")
    for name, ratio in sorted(ratios.items(), key=lambda entry: entry[1]):
        table.add_row(name, f"{ratio:.2f}", "slower" if ratio < SLOWER else "")
    return table


def dram_table(document: dict[str, Any]) -> Table:
    """Show the traces, the cores and the environments."""
    table = _rate_table("Throughput of dram, 10,000 requests a trace, one core")
    for name, row in document["simulator"].items():
        ratio = f"{row['ratio_to_reference']:,.0f} x"
        _add_rate(table, f"simulate, {name}", row["evaluations_per_s"], "traces/s", ratio)
    mean_ms = f"{document['summary']['archgym_mean_ms']:.2f}"
    table.add_row("mean over ArchGym's traces", mean_ms, "", "", "ms of CPU a trace")
    for row in document["cores"]:
        threads = "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"
        what = f"simulate_batch, {row['trace']}, {threads}"
        _add_rate(table, what, row["evaluations_per_s"], "traces/s")
    for env_id, kinds in document["environment"].items():
        for kind, rate in kinds.items():
            _add_rate(table, f"{env_id}, {kind.replace('_', ' ')}", rate, "steps/s")
    return table


def _rate_table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what", no_wrap=True)
    for name in ("median", "best", "per CPU s"):
        table.add_column(name, justify="right")
    table.add_column("unit", no_wrap=True)
    table.add_column("against plain Python", justify="right")
    return table


def logic_table(document: dict[str, Any]) -> Table:
    """Show the circuits; the JSON has the rest."""
    table = Table(title=f"Throughput of logic, {document['abc']}", title_justify="left")
    columns = {
        "circuit": "circuit",
        "nodes": "nodes",
        "bare_abc_ms": "ABC, ms",
        "step_ms": "step, ms",
        "step_over_bare_abc": "step / ABC",
        "replay_over_session": "replay / step",
        "cached_step_us": "cached, µs",
    }
    for head in columns.values():
        table.add_column(head, justify="left" if head == "circuit" else "right")
    for row in document["circuits"]:
        table.add_row(*(str(row[key]) for key in columns))
    summary = document["summary"]
    means = (summary[key] for key in list(columns)[4:])
    table.add_row("mean (cached: median)", "", "", "", *(str(value) for value in means))
    for env_id, kinds in document["environments"].items():
        for kind, row in kinds.items():
            table.add_row(
                f"{env_id}, {kind.replace('_', ' ')}", "", "", f"{row['step_us'] / 1e3:.3g}"
            )
    return table


def soc_table(document: dict[str, Any]) -> Table:
    """Show the medians; the JSON has the rest."""
    title = f"Throughput of {document['family']}, scenario {document['scenario']}, one core"
    table = _rate_table(title)
    for name, row in document["simulator"].items():
        ratio = f"{row['ratio_to_reference']:,.0f} x"
        _add_rate(table, f"simulate, {name}", row["tasks_per_s"], "tasks/s", ratio)
    for order, rate in document["tick_orders"].items():
        _add_rate(table, f"simulate, ETF, order {order}", rate, "tasks/s")
    for kind, rates in document["environment"].items():
        if isinstance(rates, dict):
            for choice, rate in rates.items():
                _add_rate(table, f"{kind}, {choice.replace('_', ' ')}", rate, "decisions/s")
    for env_id, kinds in document["environments"].items():
        for kind, rates in kinds.items():
            _add_rate(
                table,
                f"{env_id}, {kind.replace('_', ' ')}",
                rates["random_valid"],
                "decisions/s",
            )
    for streams, rate in document["learned_scheduler"].items():
        _add_rate(table, f"learned-scheduler, {streams.replace('_', ' ')}", rate, "decisions/s")
    training = document["training"]
    frames = f"{training['frames_per_s']:,.0f}"
    share = f"{training['environment_share']:.1%}"
    per_cpu_s = f"{training['frames_per_cpu_s']:,.0f}"
    table.add_row(f"training, {training['algorithm']}", frames, "", per_cpu_s, "frames/s")
    table.add_row("  time in the environment", share, "", "", "of the training")
    for row in document["linearity"]["streams"]:
        time = f"{row['cpu_us_per_task']:.3f}"
        table.add_row(f"ETF, {row['jobs']:,} jobs", time, "", "", "µs of CPU per task")
    for row in document["memory"]["streams"]:
        peak = f"{row['peak_mib']:,.1f}"
        table.add_row(f"memory, {row['jobs']:,} jobs", peak, "", "", "MiB peak")
    return table


def _add_rate(table: Table, what: str, rate: dict[str, float], unit: str, ratio: str = "") -> None:
    numbers = (f"{rate[name]:,.0f}" for name in ("median", "best", "per_cpu_s"))
    table.add_row(what, *numbers, unit, ratio)
