"""Validation of the logic-synthesis simulator against reference results of the real ABC.

Any folder with the file names and columns of the reference results is accepted; files may be
missing. Circuits are named ``epfl_NAME`` and ``gen_NAME`` and looked for as ``epfl/NAME.aig`` and
``generated/NAME.aig`` in the folder of logic data: beside the results, or where ``CHIPGYM_SHARED``
says.
"""

from __future__ import annotations

import csv
import os
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from chipgym.simulators.core.comparison import (
    Column,
    FileComparison,
    FileReport,
    ValidationReport,
)
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.library import Library
from chipgym.simulators.logic.recipes import ACTION_SETS, recipe_from_digits
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.state import LogicState
from chipgym.simulators.logic.worker import Limits

__all__ = ["validate_logic"]

Row = dict[str, str]
Values = dict[str, float]

_FOLDERS = {"epfl": "epfl", "gen": "generated"}
_LE_DEMO = "le_demo.lib"
_SG13G2 = "sg13g2_stdcell_typ_1p20V_25C.lib"
_STEPS = 10
# The largest circuits take minutes to map on a slow machine.
_LIMIT_S = 1800.0
# Areas and delays are printed by ABC with two decimals; the product is rounded to two again.
_PRINTED, _PRODUCT = 1e-9, 5.1e-3


@dataclass
class _Inputs:
    """Circuits and libraries of the reference cases."""

    reference: Path
    libraries: dict[str, Library | None] = field(default_factory=dict)

    def _folders(self) -> Iterable[Path]:
        yield self.reference
        yield self.reference / "data"
        yield self.reference.parent.parent / "data" / "logic"
        if shared := os.environ.get("CHIPGYM_SHARED"):
            yield Path(shared) / "data" / "logic"
        # Beside a checkout, where the reference results lie.
        yield Path(__file__).resolve().parents[2].parent / "shared" / "data" / "logic"

    def _find(self, name: str) -> Path | None:
        paths = (folder / name for folder in self._folders())
        return next((path for path in paths if path.is_file()), None)

    def circuit(self, name: str) -> bytes | None:
        """Return a circuit, or None where its file is not there."""
        origin, _, stem = name.partition("_")
        if origin not in _FOLDERS or not stem or "/" in stem:
            raise FileFormatError(name, "not a circuit of the reference cases (epfl_…, gen_…)")
        path = self._find(f"{_FOLDERS[origin]}/{stem}.aig")
        return path.read_bytes() if path else None

    def library(self, name: str) -> Library | None:
        """Return a library; the bundled one is the reference's own."""
        if name not in self.libraries:
            path = self._find(f"liberty/{name}")
            bundled = Library.default() if name == _LE_DEMO else None
            self.libraries[name] = Library.load(path) if path else bundled
        return self.libraries[name]


@dataclass
class _Bench:
    """One circuit in one session."""

    session: AbcSession
    initial: LogicState
    inputs: _Inputs

    def states(self, recipe: str) -> list[LogicState]:
        states = [self.initial]
        for command in recipe_from_digits(recipe):
            states.append(self.session.step(states[-1], command))
        return states

    def mapped(self, state: LogicState, library: str, unit: str = "") -> Values | None:
        found = self.inputs.library(library)
        if found is None:
            return None
        values: Values = {}
        for mapper in ("map", "nf"):
            result = self.session.map(state, found, mapper)
            values[f"{mapper}_gates"] = result.gates
            values[f"{mapper}_area{unit}"] = result.area
            values[f"{mapper}_delay_ps"] = result.delay_ps
        return values

    def product(self, recipe: str) -> float:
        library = self.inputs.library(_LE_DEMO)
        return self.session.map(self.states(recipe)[-1], library).area_delay_product


def _trajectory(bench: _Bench, row: Row) -> Values | None:
    states = bench.states(row["recipe"])
    values: Values = {}
    for index, state in enumerate(states):
        values[f"n{index}"], values[f"l{index}"] = state.nodes, state.levels
    return values


def _qor_le_demo(bench: _Bench, row: Row) -> Values | None:
    state = bench.states(row["recipe"])[-1]
    values = bench.mapped(state, _LE_DEMO)
    if values is None:
        return None
    luts = bench.session.luts(state)
    values |= {"nodes": state.nodes, "levels": state.levels}
    values |= {"lut6": luts.luts, "lut6_levels": luts.levels}
    # A digest is compared as a whole: 0 for equal, 1 for different.
    values["aig_sha256"] = float(state.digest != row["aig_sha256"])
    return values


def _qor_sg13g2(bench: _Bench, row: Row) -> Values | None:
    state = bench.states(row["recipe"])[-1]
    values = bench.mapped(state, _SG13G2, "_um2")
    return None if values is None else {**values, "nodes": state.nodes, "levels": state.levels}


def _single(bench: _Bench, row: Row) -> Values | None:
    state = bench.session.step(bench.initial, row["command"])
    return {"nodes": state.nodes, "levels": state.levels}


def _random_products(bench: _Bench) -> list[float]:
    """Area-delay products of the 100 random recipes of the reference searches."""
    generator = random.Random(7)
    digits = len(ACTION_SETS["abc-rl"])
    recipes = ["".join(str(generator.randrange(digits)) for _ in range(_STEPS)) for _ in range(100)]
    return [bench.product(recipe) for recipe in recipes]


def _search(bench: _Bench, row: Row) -> Values | None:
    library = bench.inputs.library(_LE_DEMO)
    baseline = bench.product("6206236136")
    if row["method"] == "random100_median":
        product = statistics.median_high(_random_products(bench))
        reduction = 100 * (baseline - product) / baseline
        blank = {name: float("nan") for name in ("nf_area", "nf_delay_ps", "nodes", "levels")}
        return {"nf_adp": product, "adp_reduction_vs_resyn2_pct": reduction, **blank}
    state = bench.states(row["recipe"])[-1]
    result = bench.session.map(state, library)
    product = result.area_delay_product
    return {
        "nf_adp": product,
        "nf_area": result.area,
        "nf_delay_ps": result.delay_ps,
        "nodes": state.nodes,
        "levels": state.levels,
        "adp_reduction_vs_resyn2_pct": 100 * (baseline - product) / baseline,
    }


@dataclass(frozen=True)
class _File:
    """A kind of reference file."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    values: Callable[[_Bench, Row], Values | None]
    note: str = ""


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def _mapped_columns(unit: str = "") -> tuple[Column, ...]:
    columns: list[Column] = []
    for mapper in ("map", "nf"):
        columns.append(Column(f"{mapper}_gates"))
        columns += [
            Column(f"{mapper}_{quantity}", resolution=_PRINTED)
            for quantity in (f"area{unit}", "delay_ps")
        ]
    return tuple(columns)


_FILES = (
    _File(
        "trajectories.csv",
        ("circuit", "recipe_id", "recipe"),
        _columns(*(f"{kind}{step}" for kind in "nl" for step in range(_STEPS + 1))),
        _trajectory,
    ),
    _File(
        "qor_le_demo.csv",
        ("circuit", "recipe_id", "recipe"),
        (
            *_columns("nodes", "levels", "aig_sha256", "lut6", "lut6_levels"),
            *_mapped_columns(),
        ),
        _qor_le_demo,
        "aig_sha256: 0 for equal digests, 1 for different ones",
    ),
    _File(
        "qor_sg13g2.csv",
        ("circuit", "recipe_id", "recipe"),
        (*_columns("nodes", "levels"), *_mapped_columns("_um2")),
        _qor_sg13g2,
    ),
    _File("single_commands.csv", ("circuit", "command"), _columns("nodes", "levels"), _single),
    _File(
        "search_le_demo.csv",
        ("circuit", "method", "recipe"),
        (
            *_columns("nodes", "levels"),
            Column("nf_adp", resolution=_PRODUCT),
            Column("nf_area", resolution=_PRINTED),
            Column("nf_delay_ps", resolution=_PRINTED),
            Column("adp_reduction_vs_resyn2_pct", resolution=_PRODUCT),
        ),
        _search,
        "the recipes found and the random median; the searches themselves are not repeated",
    ),
)


def _read(path: Path, file: _File) -> list[Row]:
    wanted = {*file.key, *(column.name for column in file.columns)}
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, restkey="", restval=None)
            rows: list[Row] = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error
    missing = wanted - set(reader.fieldnames or ())
    if missing:
        raise FileFormatError(path, f"lacks the columns {sorted(missing)}")
    for number, row in enumerate(rows, 2):
        if "" in row or None in row.values():
            raise FileFormatError(path, f"line {number} has the wrong number of fields")
    return rows


def _expected(file: _File, row: Row) -> Values:
    try:
        return {
            column.name: 0.0 if column.name == "aig_sha256" else float(row[column.name] or "nan")
            for column in file.columns
        }
    except ValueError as error:
        raise FileFormatError(file.name, f"a field is not a number: {error}") from error


Results = dict[tuple[str, int], Values | None]


def _run_circuit(name: str, cases: Sequence[tuple[_File, int, Row]], inputs: _Inputs) -> Results:
    """Simulate every case of one circuit in a session of its own."""
    data = inputs.circuit(name)
    if data is None:
        return {(file.name, index): None for file, index, _ in cases}
    limits = Limits(command_s=_LIMIT_S)
    with AbcSession(cache=ResultCache(128 << 20), limits=limits) as session:
        bench = _Bench(session, session.load(data, name), inputs)
        return {(file.name, index): file.values(bench, row) for file, index, row in cases}


def _report(file: _File, rows: list[Row], results: Results) -> FileReport:
    comparison = FileComparison(file.name, file.columns)
    for index, row in enumerate(rows):
        actual = results[file.name, index]
        if actual is None:
            comparison.skip(1)
            continue
        label = "/".join(row[key] for key in file.key)
        comparison.add(label, _expected(file, row), actual)
    missing = "skipped: the circuit or library is not there" if comparison.skipped_rows else ""
    return comparison.report("; ".join(text for text in (file.note, missing) if text))


def validate_logic(reference: str | os.PathLike[str]) -> ValidationReport:
    """Run every case of a folder of reference results and compare column by column.

    Parameters
    ----------
    reference : path
        Folder with files such as ``trajectories.csv``.

    Returns
    -------
    ValidationReport
        Every column must be equal (areas, delays and products as printed). That is so for the ABC
        of pyosys 0.70; other builds differ a little.

    Raises
    ------
    FileFormatError
        The folder has none of the files, a file breaks its format, or no circuit was found.
    AbcNotFoundError
    """
    folder = Path(reference)
    if not folder.is_dir():
        raise FileFormatError(reference, "not a folder of reference results")
    inputs = _Inputs(folder.resolve())
    tables = {
        file: _read(folder / file.name, file) for file in _FILES if (folder / file.name).is_file()
    }
    if not tables:
        raise FileFormatError(reference, "has none of the reference files of the logic family")
    cases: dict[str, list[tuple[_File, int, Row]]] = {}
    for file, rows in tables.items():
        for index, row in enumerate(rows):
            cases.setdefault(row["circuit"], []).append((file, index, row))
    # The work is done by ABC's processes; the last circuits are the largest, so they start first.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        order = reversed(list(cases))
        parts = list(pool.map(lambda name: _run_circuit(name, cases[name], inputs), order))
    results = {key: values for part in parts for key, values in part.items()}
    if all(values is None for values in results.values()):
        raise FileFormatError(reference, "none of its circuits was found in a folder data/logic")
    return ValidationReport("logic", tuple(_report(f, rows, results) for f, rows in tables.items()))
