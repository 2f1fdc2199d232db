"""Tables of the committed baseline of `chipgym throughput`, a table for each family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chipgym.experiments.throughput.baseline import Baseline
from generators.markdown import short, table
from generators.rates import QUICK, committed, wall_rate, words

FAMILIES = ("soc", "dram", "logic", "codesign")
REFERENCE = "reference_"
REQUESTS = 10_000
"""Requests of a trace of the DRAM measurements; the reference's rate counts single ones."""

UNITS = {"tasks_per_s": "tasks", "evaluations_per_s": "evaluations"}
IDS = {"soc": "chipgym/SocScheduling-v0", "logic": "chipgym/LogicSynthesis-v0"}
"""Environments of the families whose baselines do not name the id."""

SECTIONS = {
    "simulator": "simulate",
    "layers": "evaluate_layers",
    "tick_orders": "tick order",
    "learned_scheduler": "learned scheduler",
    "environment": "",
    "environments": "",
    "cores": "simulate_batch",
    "designs": "simulate_chips",
    "joint": "simulate, other networks each time",
}
CIRCUIT_COLUMNS = {
    "bare_abc_cpu_ms": "ABC by itself, commands",
    "step_cpu_ms": "steps",
    "cached_step_us": "cached steps",
    "replay_ms": "steps by replaying",
}


def facts_table() -> str:
    """What was measured, where, and by which command."""
    effort, baseline = committed()
    rows = [
        ["Processor", baseline.cpu],
        ["ChipGym", baseline.package_version],
        ["Command", f"`{baseline.command}`"],
        ["Yardstick", f"{short(baseline.yardstick)} events of plain Python a CPU second"],
    ]
    text = table(["", "the committed baseline"], rows)
    return text + (f"\n{QUICK}" if effort == "quick" else "")


def family_table(family: str) -> str:
    """Rates of a family."""
    baseline = committed()[1]
    rates = {
        name.removeprefix(f"{family}/"): rate
        for name, rate in baseline.rates.items()
        if name.startswith(f"{family}/")
    }
    if not rates:
        return "*The committed baseline has no rates of this family.*\n"
    if family == "logic":
        return _circuit_table(rates) + "\n" + _rate_table(family, rates, baseline)
    return _rate_table(family, rates, baseline)


def _rate_table(family: str, rates: Mapping[str, float], baseline: Baseline) -> str:
    head = [
        "what",
        "unit",
        "a second",
        "a CPU second",
        "cost in yardstick events",
        "× plain Python",
    ]
    rows = list(_rows(family, rates, baseline))
    if not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    return table(head, rows, right=list(range(2, len(head))))


def _rows(family: str, rates: Mapping[str, float], baseline: Baseline) -> Iterator[list[str]]:
    for place, rate in rates.items():
        first, _, rest = place.partition("/")
        stem, _, last = place.rpartition("/")
        if last.startswith(REFERENCE) or first == "circuits" or last == "mean_ms":
            continue
        ratio = rate / slow if (slow := _reference(rates, stem, last)) else 0.0
        yield [
            _what(family, first, rest),
            _unit(family, first, last),
            wall_rate(baseline, f"{family}/{place}"),
            short(rate),
            short(baseline.yardstick / rate),
            f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}" if ratio else "",
        ]


def _reference(rates: Mapping[str, float], stem: str, last: str) -> float | None:
    """Rate of the plain-Python model of the same thing, in the same unit."""
    requests = rates.get(f"{stem}/{REFERENCE}requests_per_s")
    return rates.get(f"{stem}/{REFERENCE}{last}", requests / REQUESTS if requests else None)


def _what(family: str, first: str, rest: str) -> str:
    """Name a place of the baseline in words."""
    parts = [part for part in rest.split("/") if part not in UNITS and not part.endswith("_ms")]
    if first == "cores" and parts:
        name, _, threads = parts[0].rpartition(" ")
        parts = [part for part in (name, f"{threads} thread{'s' * (threads != '1')}") if part]
    if parts[:1] == ["chipgym"]:
        parts = [f"`{'/'.join(parts[:2])}`", *parts[2:]]
    elif first == "environment":
        parts = [f"`{IDS[family]}`", *parts]
    mode = rest.removesuffix("_step_ms").replace("_", "-") if first == "modes" else ""
    named = [SECTIONS.get(first, first.replace("_", " ")), mode, words("/".join(parts))]
    if parts and parts[0].startswith("`"):
        named = [parts[0], words("/".join(parts[1:]))]
    return ", ".join(part for part in named if part)


def _unit(family: str, first: str, last: str) -> str:
    if first == "tick_orders":
        return "tasks"
    if last == "evaluations_per_s":
        parts = {"layers": "layers", "simulator": "traces", "cores": "traces"}
        return "designs" if family == "codesign" and first != "layers" else parts[first]
    return UNITS.get(last, "steps")


def _circuit_table(rates: Mapping[str, float]) -> str:
    """Rates of each circuit beside those of ABC by itself."""
    circuits: dict[str, dict[str, float]] = {}
    for place, rate in rates.items():
        part, _, rest = place.partition("/")
        if part == "circuits":
            name, _, column = rest.partition("/")
            circuits.setdefault(name, {})[column] = rate
    rows = []
    for name, found in circuits.items():
        share = found["step_cpu_ms"] / found["bare_abc_cpu_ms"]
        cells = [short(found[column]) if column in found else "" for column in CIRCUIT_COLUMNS]
        rows.append([f"`{name}`", *cells, f"{share:.2f}"])
    head = ["circuit", *(f"{text} a second" for text in CIRCUIT_COLUMNS.values()), "steps / ABC"]
    return table(head, rows, right=list(range(1, len(head))))
