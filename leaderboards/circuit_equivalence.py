"""An independent check of a synthesised circuit: the same function, and as large as stated.

Nodes and levels are counted from the AIGER graph itself, where the simulator takes what ABC prints.
The function is compared by simulation, exhaustive up to 14 inputs, and proven with ABC's `cec`
where a proof is found in time. A circuit without a proof and without a difference passes.
"""

from __future__ import annotations

from collections.abc import Iterator

from chipgym.simulators.logic.aiger import decode
from chipgym.simulators.logic.equivalence import check_equivalence
from chipgym.simulators.logic.errors import AigerError
from chipgym.simulators.logic.session import AbcSession

__all__ = ["PROOF_LIMIT_S", "check_circuit"]

PROOF_LIMIT_S = 10.0
"""Time limit of each of ABC's two checkers, for each circuit."""


def check_circuit(
    source: bytes,
    final: bytes,
    nodes: float | None,
    levels: float | None,
    session: AbcSession | None = None,
    *,
    limit_s: float = PROOF_LIMIT_S,
) -> Iterator[str]:
    """Yield what is wrong with a synthesised circuit.

    Parameters
    ----------
    source, final : bytes
        Binary AIGER of the circuit as given and as synthesised.
    nodes, levels : float or None
        What is stated: AND nodes, and ANDs on the longest path to an output.
    session : AbcSession, optional
        For a proof; without it only simulation is used.
    limit_s : float
        Time limit of each of ABC's two checkers.
    """
    try:
        graph = decode(final, "synthesised circuit")
    except AigerError as error:
        yield str(error)
        return
    for name, stated, counted in (
        ("nodes", nodes, graph.num_ands),
        ("levels", levels, graph.depth),
    ):
        if stated != counted:
            yield f"{name} = {stated!r}, counted {counted}"
    outcome = check_equivalence(source, final, session, limit_s=limit_s)
    if outcome.verdict == "different":
        yield f"not equivalent to the source circuit ({outcome.method})"
