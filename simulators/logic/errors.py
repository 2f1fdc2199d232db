"""What can go wrong between ChipGym and ABC, each as a type of its own."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.errors import ChipGymError, FileFormatError, SimulationError

__all__ = [
    "AbcCommandError",
    "AbcCrashedError",
    "AbcError",
    "AbcNotFoundError",
    "AbcTimeoutError",
    "AigerError",
    "SequentialCircuitError",
    "SynthesisError",
]


class AbcError(SimulationError):
    """Base class of what goes wrong with an ABC process."""


class AbcNotFoundError(AbcError):
    """No executable ABC; the message says how to get one."""


class AbcCommandError(AbcError):
    """ABC refused a command. The session and its state live on.

    Parameters
    ----------
    command : str
    output : str
        What ABC said.
    """

    def __init__(self, command: str, output: str) -> None:
        self.command = command
        self.output = output
        said = output.strip() or "nothing, and no statistics came"
        super().__init__(f"ABC refused {command!r}; it said: {said[-800:]}")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.command, self.output)


class AbcTimeoutError(AbcError):
    """A command ran past its time limit. ABC was killed; the state before the command is kept."""

    def __init__(self, command: str, limit_s: float) -> None:
        self.command = command
        self.limit_s = limit_s
        super().__init__(f"ABC did not finish {command!r} within {limit_s:g} s and was killed")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.command, self.limit_s)


class AbcCrashedError(AbcError):
    """ABC died during a command, and each time when it was repeated in a fresh process."""

    def __init__(self, command: str, output: str) -> None:
        self.command = command
        self.output = output
        super().__init__(f"ABC died during {command!r}; its last words: {output.strip()[-800:]!r}")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.command, self.output)


class AigerError(FileFormatError):
    """Bytes that are not a well-formed AIGER circuit."""


class SequentialCircuitError(AigerError):
    """A circuit with latches, where only combinational ones are accepted."""


class SynthesisError(ChipGymError):
    """Verilog that cannot be turned into an AIG."""
