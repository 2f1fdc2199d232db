"""Mapped results: what is asked of ABC, and what its answers say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range
from chipgym.simulators.logic.errors import AbcCommandError

__all__ = ["MAPPERS", "LutCount", "Mapping", "find_failure", "mapping_commands"]

_NUMBER = r"([-+\d.eE]+|nan|inf)"
_AIG = re.compile(
    r"i/o\s*=\s*(\d+)\s*/\s*(\d+)\s+lat\s*=\s*(\d+)\s+and\s*=\s*(\d+)\s+lev\s*=\s*(\d+)"
)
_NETWORK = re.compile(r"nd\s*=\s*(\d+)\s+edge\s*=\s*\d+.*?lev\s*=\s*(\d+)")
_TIMING = re.compile(rf"Gates\s*=\s*(\d+).*?Area\s*=\s*{_NUMBER}.*?Delay\s*=\s*{_NUMBER}\s*ps")
_FAILURE = re.compile(
    r"^(Error\b.*|\*\* cmd error.*|Cannot open .*|Reading AIG from file has failed.*|usage: .*"
    r"|\S+: unknown option.*|.*[Ll]ibrary is not available.*)$",
    re.MULTILINE,
)

MAPPERS = {
    "map": "map; topo; stime",
    "nf": "&get -n; &nf; &put; topo; stime",
}
"""Commands of each mapper: ABC-RL's `map`, and the area-oriented `&nf`."""

BUFFERING = "buffer; upsize; dnsize; "
MIN_LUT, MAX_LUT = 2, 16


@dataclass(frozen=True)
class Mapping:
    """A circuit mapped to a library.

    Attributes
    ----------
    gates : int
    area : float
        In the library's unit.
    delay_ps : float
        Of the longest path.
    """

    gates: int
    area: float
    delay_ps: float

    @property
    def area_delay_product(self) -> float:
        """Area times delay, in the library's area unit times ps."""
        return self.area * self.delay_ps


@dataclass(frozen=True)
class LutCount:
    """A circuit mapped to look-up tables: how many, and levels of them."""

    luts: int
    levels: int


def find_failure(answer: str) -> str | None:
    """Return the line in which ABC reports a failure, if any."""
    match = _FAILURE.search(answer)
    return match[0] if match else None


def _fields(pattern: re.Pattern[str], command: str, answer: str) -> tuple[str, ...]:
    """Return the fields of the last statistics line; its absence is a failure too."""
    found = pattern.findall(answer)
    if find_failure(answer) is not None or not found:
        raise AbcCommandError(command, answer)
    return tuple(found[-1])


def parse_aig(command: str, answer: str) -> tuple[int, int]:
    """Return nodes and levels of an AIG from the answer to `print_stats`."""
    fields = _fields(_AIG, command, answer)
    return int(fields[3]), int(fields[4])


def parse_luts(command: str, answer: str) -> LutCount:
    """Return a look-up table count from the answer to `print_stats` after `if`."""
    luts, levels = _fields(_NETWORK, command, answer)
    return LutCount(int(luts), int(levels))


def parse_timing(command: str, answer: str) -> Mapping:
    """Return a mapping from the answer to `stime`."""
    gates, area, delay = _fields(_TIMING, command, answer)
    return Mapping(int(gates), float(area), float(delay))


def mapping_commands(mapper: str, buffered: bool = False, required_ps: float | None = None) -> str:
    """Return ABC's commands for a mapper, with buffering and sizing if asked for.

    A required time, which only ``"map"`` takes, lets it save area on paths that are fast enough.
    """
    if mapper not in MAPPERS:
        raise UnknownNameError("mapper", mapper, MAPPERS)
    commands = MAPPERS[mapper]
    if required_ps is not None:
        check_range("required_ps", required_ps, 0.0, low_open=True)
        if mapper != "map":
            raise InvalidValueError("required_ps", required_ps, "None: only 'map' takes one")
        commands = f"map -D {required_ps:.2f}" + commands.removeprefix("map")
    return commands.replace("stime", BUFFERING + "stime") if buffered else commands


def lut_commands(inputs: int) -> str:
    """Return ABC's commands for mapping to look-up tables of so many inputs."""
    if not isinstance(inputs, int) or not MIN_LUT <= inputs <= MAX_LUT:
        raise InvalidValueError("inputs", inputs, f"{MIN_LUT} to {MAX_LUT}")
    return f"if -K {inputs}; print_stats"
