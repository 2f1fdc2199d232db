"""From Verilog to an AIG, by Yosys out of the pyosys package.

Yosys runs in a process of its own: it prints, keeps designs between calls, and ends the process
where it finds an error. Verilog is not needed for running environments; circuits ship as AIGs.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.aiger import (
    cut_latches,
    decode,
    encode,
    permute,
    read_body,
    symbols,
)
from chipgym.simulators.logic.errors import SynthesisError

__all__ = ["aig_from_verilog"]

_NAME = re.compile(r"[A-Za-z_]\w*")
# Paths come as arguments: a script would have to quote them.
_SCRIPT = """
import sys
from pyosys import libyosys as yosys

design = yosys.Design()
source, target, *commands = sys.argv[1:]
yosys.run_frontend(source, "verilog -sv", design, "")
for command in commands:
    yosys.run_pass(command, design)
yosys.run_backend(target, "aiger -symbols", design)
ports = [str(port)[1:] for port in design.top_module().ports]
with open(target + ".ports", "w") as file:
    file.write("\\n".join(ports))
"""


def _commands(top: str, parameters: Mapping[str, int]) -> list[str]:
    for name in (top, *parameters):
        if not _NAME.fullmatch(name):
            raise InvalidValueError("name", name, "a Verilog identifier")
    settings = "".join(f" -chparam {name} {int(value)}" for name, value in parameters.items())
    return [
        f"hierarchy -check -top {top}{settings}",
        # The top module is renamed where parameters are set.
        "synth -flatten -noabc -auto-top",
        "check -assert",
        "aigmap",
        "clean",
    ]


def aig_from_verilog(
    source: str | os.PathLike[str],
    top: str,
    parameters: Mapping[str, int] | None = None,
    *,
    sequential: str = "error",
    limit_s: float = 300.0,
) -> bytes:
    """Synthesise a module and return its AIGER body, as Yosys writes it.

    Parameters
    ----------
    source : path
        A SystemVerilog file.
    top : str
        Name of the module.
    parameters : mapping, optional
        Values for the module's parameters.
    sequential : str
        ``"error"`` or ``"cut"``: what happens to flip-flops; see `cut_latches`.
    limit_s : float
        Time limit.

    Raises
    ------
    SynthesisError
        pyosys is missing, or Yosys reports an error: a combinational loop, an unknown module.
    SequentialCircuitError
    """
    if importlib.util.find_spec("pyosys") is None:
        raise SynthesisError("reading Verilog needs Yosys: pip install pyosys")
    if not Path(source).is_file():
        raise SynthesisError(f"{os.fspath(source)!r} is not a file")
    commands = _commands(top, parameters or {})
    with tempfile.TemporaryDirectory(prefix="chipgym-yosys-") as folder:
        target = Path(folder) / "out.aig"
        arguments = [sys.executable, "-c", _SCRIPT, os.fspath(Path(source).absolute())]
        try:
            done = subprocess.run(
                [*arguments, str(target), *commands],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
                cwd=folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SynthesisError(f"{top}: Yosys did not finish within {limit_s:g} s") from None
        if not target.is_file() or done.returncode != 0:
            raise SynthesisError(f"{top}: Yosys failed: {_reason(done.stdout + done.stderr)}")
        data = target.read_bytes()
        ports = Path(f"{target}.ports").read_text().split("\n")
    body = cut_latches(data, top) if sequential == "cut" else read_body(data, top)
    return _in_port_order(body, *symbols(data, top), ports)


def _in_port_order(body: bytes, inputs: list[str], outputs: list[str], ports: list[str]) -> bytes:
    """Order inputs and outputs as the module's ports, lowest bit first; latches stay behind."""
    ranks = {port: rank for rank, port in enumerate(ports)}

    def order(names: list[str]) -> list[int]:
        def key(position: int) -> tuple[int, int, int]:
            name, _, index = names[position].partition("[")
            rank = ranks.get(name, len(ranks))
            return rank, int(index[:-1] or 0) if rank < len(ranks) else 0, position

        return sorted(range(len(names)), key=key)

    return encode(permute(decode(body), order(inputs), order(outputs)))


def _reason(output: str) -> str:
    """Return the lines that name the error."""
    lines = [
        line for line in output.splitlines() if re.match(r".*(ERROR|Warning: found logic)", line)
    ]
    return " ".join(lines[-2:]) or output.strip()[-300:]
