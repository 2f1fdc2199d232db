"""DRAM commands: one number each, the same in the kernel, the tables and the traces."""

from __future__ import annotations

__all__ = ["COMMANDS", "NOP", "NUM_COMMANDS"]

ACT, RD, RDA, WR, WRA, PRE, PREA, REF, PDEA, PDEP, PDXA, PDXP, SREFEN, SREFEX = range(14)
REFPB, REFSB = range(14, 16)
NOP = -1

COMMANDS = (
    "ACT",
    "RD",
    "RDA",
    "WR",
    "WRA",
    "PREPB",
    "PREAB",
    "REFAB",
    "PDEA",
    "PDEP",
    "PDXA",
    "PDXP",
    "SREFEN",
    "SREFEX",
    "REFPB",
    "REFSB",
)
"""Names by number: per-bank and all-bank precharge, all-bank refresh, entry to and exit from
power-down with banks active or precharged, and from self-refresh; refresh of a bank and of
the same bank of each group."""

NUM_COMMANDS = len(COMMANDS)
READS = (RD, RDA)
WRITES = (WR, WRA)
CAS = (RD, RDA, WR, WRA)
