"""Writes the files that ship: circuits as AIGs and the default library.

``python -m chipgym.simulators.logic.bundle`` repeats what is in the package.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from chipgym.simulators.core.errors import SimulationError
from chipgym.simulators.core.files import write_bytes, write_text
from chipgym.simulators.logic.aiger import decode
from chipgym.simulators.logic.circuits import FAMILIES, check_circuit, generate
from chipgym.simulators.logic.library import logical_effort_library
from chipgym.simulators.logic.session import AbcSession

__all__ = ["bundled_circuit", "write_bundle"]


def bundled_circuit(family: str, width: int, session: AbcSession) -> bytes:
    """Generate a circuit, hash it structurally with ABC, and check it against its model."""
    body = session.load(generate(family, width).body).body
    # ABC's second reading may still merge nodes; the third changes nothing.
    body = session.load(body).body
    if check_circuit(family, width, decode(body)):
        raise SimulationError(f"{family}-{width} does not compute what its model says")
    return body


def write_bundle(folder: Path) -> None:
    """Write all circuits and the default library to a data folder."""
    write_text(folder / "logical-effort.lib", logical_effort_library())
    with AbcSession() as session:
        for family in FAMILIES.values():
            for width in family.sizes:
                body = bundled_circuit(family.name, width, session)
                write_bytes(folder / "circuits" / f"{family.name}-{width}.aig", body)


if __name__ == "__main__":
    write_bundle(Path(str(resources.files("chipgym.simulators.logic"))) / "data")
