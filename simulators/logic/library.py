"""Liberty libraries: the bundled one, its generator, and any other by path.

The bundled library follows the method of logical effort (Sutherland, Sproull, Harris, *Logical
Effort*, 1999): a gate of drive ``x`` that drives the load ``C`` (in input capacitances of the unit
inverter) has the delay ``tau (p + C / x)``, and each of its inputs the capacitance ``g x``. Rise
and fall are equal; a part of the input's slew adds to the delay; the output's slew is 1.4 times the
load-dependent delay; area is proportional to the width of the transistors.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.logic.errors import AbcCommandError

__all__ = ["CELLS", "Cell", "Library", "logical_effort_library"]

TAU_PS = 5.0
SLEW_SHARE = 0.15
SLEW_FACTOR = 1.4
MAX_LOAD = 64
LOADS = (1, 4, 16, 64)
SLEWS_PS = (5, 20, 80, 320)
FIXED_AREA = 0.4


@dataclass(frozen=True)
class Cell:
    """A gate of the logical-effort library.

    Attributes
    ----------
    name : str
    function : str
        Of the inputs A, B, C, D, in Liberty's notation.
    effort : float
        Logical effort g of every input.
    parasitic : float
        Parasitic delay p, in units of `TAU_PS`.
    area : float
        Area at drive 1, in areas of the unit inverter.
    senses : str
        Unateness by input: n negative, p positive, x neither.
    drives : tuple of int
    """

    name: str
    function: str
    effort: float
    parasitic: float
    area: float
    senses: str
    drives: tuple[int, ...] = (1, 2, 4)


CELLS = (
    Cell("INV", "!A", 1, 1, 1, "n", (1, 2, 4, 8)),
    Cell("BUF", "A", 1, 2.2, 1.5, "p", (1, 2, 4, 8)),
    Cell("NAND2", "!(A&B)", 4 / 3, 2, 1.5, "nn"),
    Cell("NAND3", "!(A&B&C)", 5 / 3, 3, 2, "nnn"),
    Cell("NAND4", "!(A&B&C&D)", 2, 4, 2.5, "nnnn"),
    Cell("NOR2", "!(A|B)", 5 / 3, 2, 1.5, "nn"),
    Cell("NOR3", "!(A|B|C)", 7 / 3, 3, 2, "nnn"),
    Cell("AND2", "A&B", 1.33, 3.2, 2, "pp"),
    Cell("OR2", "A|B", 1.67, 3.4, 2, "pp"),
    Cell("AOI21", "!((A&B)|C)", 2, 3, 2, "nnn"),
    Cell("OAI21", "!((A|B)&C)", 2, 3, 2, "nnn"),
    Cell("AOI22", "!((A&B)|(C&D))", 2, 4, 2.5, "nnnn"),
    Cell("OAI22", "!((A|B)&(C|D))", 2, 4, 2.5, "nnnn"),
    Cell("XOR2", "A^B", 4, 4, 3, "xx"),
    Cell("XNOR2", "!(A^B)", 4, 4, 3, "xx"),
    Cell("MUX2", "(A&!C)|(B&C)", 2, 4.5, 3.5, "xxx"),
)

_SENSES = {"n": "negative_unate", "p": "positive_unate", "x": "non_unate"}
_TABLES = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
_HEADER = """\
library ({name}) {{
  delay_model : table_lookup;
  time_unit : "1ps";
  capacitive_load_unit (1,ff);
  voltage_unit : "1V";
  current_unit : "1mA";
  pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW";
  nom_process : 1; nom_voltage : 1; nom_temperature : 25;
  lu_table_template (t44) {{ variable_1 : input_net_transition; \
variable_2 : total_output_net_capacitance; index_1 ("{slews}"); index_2 ("{loads}"); }}
"""


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)


def _table(cell: Cell, drive: int, kind: str) -> str:
    """Return one look-up table: rows by input slew, columns by load."""
    rows = []
    for slew in SLEWS_PS:
        efforts = [cell.parasitic + load for load in LOADS]
        if kind.endswith("transition"):
            values = [SLEW_FACTOR * TAU_PS * effort for effort in efforts]
        else:
            values = [TAU_PS * effort + SLEW_SHARE * slew for effort in efforts]
        rows.append('"' + ",".join(f"{value:.4f}" for value in values) + '"')
    loads = _numbers(tuple(load * drive for load in LOADS))
    indices = f'index_1 ("{_numbers(SLEWS_PS)}"); index_2 ("{loads}");'
    return f"        {kind} (t44) {{ {indices} values (" + ", \\\n".join(rows) + "); }\n"


def _cell(cell: Cell, drive: int) -> str:
    area = cell.area * (FIXED_AREA + (1 - FIXED_AREA) * drive)
    pins = "ABCD"[: len(cell.senses)]
    text = f"  cell ({cell.name}_X{drive}) {{ area : {area:.3f};\n"
    for pin in pins:
        capacitance = f"capacitance : {cell.effort * drive:.4f};"
        text += f"    pin ({pin}) {{ direction : input; {capacitance} }}\n"
    limit = f"max_capacitance : {MAX_LOAD * drive};"
    text += f'    pin (Y) {{ direction : output; {limit} function : "{cell.function}";\n'
    for pin, sense in zip(pins, cell.senses, strict=True):
        text += f'      timing () {{ related_pin : "{pin}"; timing_sense : {_SENSES[sense]};\n'
        text += "".join(_table(cell, drive, kind) for kind in _TABLES)
        text += "      }\n"
    return text + "    }\n  }\n"


def logical_effort_library(name: str = "le_demo", cells: tuple[Cell, ...] = CELLS) -> str:
    """Return the text of a logical-effort library in Liberty format.

    Times are in ps, capacitances in fF (the unit inverter's input has 1 fF), areas in areas of the
    unit inverter.
    """
    text = _HEADER.format(name=name, slews=_numbers(SLEWS_PS), loads=_numbers(LOADS))
    return text + "".join(_cell(cell, drive) for cell in cells for drive in cell.drives) + "}"


@dataclass(frozen=True)
class Library:
    """A Liberty library, by content.

    Attributes
    ----------
    name : str
    content : bytes
        Text of the Liberty file.
    """

    name: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hex: part of the identity of every mapped result."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def default(cls) -> Library:
        """Return the bundled logical-effort library."""
        file = resources.files("chipgym.simulators.logic") / "data" / "logical-effort.lib"
        return cls("logical-effort", file.read_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Library:
        """Read a Liberty file.

        Raises
        ------
        FileFormatError
            It is missing or is not Liberty text.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise FileFormatError(path, f"cannot be read: {error}") from error
        if b"library" not in content or b"cell" not in content:
            raise FileFormatError(path, "is not a Liberty library: no 'library' with a 'cell'")
        return cls(Path(path).stem, content)

    def check_answer(self, answer: str) -> None:
        """Raise `AbcCommandError` unless ABC says that it has read the library."""
        if "has" not in answer or "cells" not in answer:
            raise AbcCommandError(f"read_lib {self.name}", answer)
