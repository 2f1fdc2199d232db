"""The record of a search: a head, one line a proposal, how it ended; written as it goes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import ChipGymError, FileFormatError

__all__ = [
    "Ending",
    "ScoreKind",
    "SearchHead",
    "SearchRun",
    "SearchStep",
    "SearchWriter",
    "read_search",
]

Ending = Literal["budget", "asks", "exhausted", "no allowed design"]
ScoreKind = Literal["reward", "metric", "vector"]
Line = TypeVar("Line", bound=Description)


class SearchHead(Description):
    """What a search was: environment, instance, searcher, budget. Equal heads, equal searches.

    Attributes
    ----------
    env, arguments : str, dict
        Id and keyword arguments of the environment.
    instance, instance_id, instance_hash, simulator_version : int, str, str, str
        The hash is that of the instance's description, "" where it has none.
    metric, lower_is_better : str, bool
        The environment's primary metric.
    searcher, hyperparameters, seed : str, dict, int
    score : {"reward", "metric", "vector"}
        What the searcher was told.
    budget, max_asks : int
        Distinct simulations and proposals at which the search ends.
    """

    format: Literal[1] = 1
    env: str
    arguments: dict[str, Any]
    instance: Annotated[int, Field(ge=0)]
    instance_id: str
    instance_hash: str
    simulator_version: str
    metric: str
    lower_is_better: bool
    searcher: str
    hyperparameters: dict[str, Any]
    seed: Annotated[int, Field(ge=0)]
    score: ScoreKind
    budget: Annotated[int, Field(ge=1)]
    max_asks: Annotated[int, Field(ge=1)]


class SearchStep(Description):
    """One proposal.

    Attributes
    ----------
    ask : int
        Its number, from 1.
    design : JSON
        The design as plain numbers and lists.
    key : str
        Name of what was simulated.
    score : float or None
        What the searcher was told; None if the design could not be evaluated. Where it was told a
        vector, the reward.
    vector : list of float or None
        The vector that it was told.
    metrics : dict
        Metrics with their units, None where not finite.
    evaluations : int
        Distinct simulations so far, this one included.
    trainings : int or None
        Trainings that the search had paid for by then, where they have a budget.
    repeated : bool
        Whether the same design had been proposed before: it was answered from memory.
    error : str
        Why it could not be evaluated.
    """

    ask: Annotated[int, Field(ge=1)]
    design: Any
    key: str
    score: float | None
    metrics: dict[str, float | None]
    evaluations: Annotated[int, Field(ge=0)]
    vector: tuple[float, ...] | None = None
    trainings: int | None = None
    repeated: bool = False
    error: str = ""


class _End(Description):
    """Last line of a record."""

    ended: Ending
    asks: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class SearchRun:
    """A finished search.

    Attributes
    ----------
    head : SearchHead
        What was run.
    steps : tuple of SearchStep
        Every proposal, in order.
    ended : {"budget", "asks", "exhausted", "no allowed design"}
        Why it ended.
    """

    head: SearchHead
    steps: tuple[SearchStep, ...]
    ended: Ending

    @property
    def asks(self) -> int:
        """Number of proposals."""
        return len(self.steps)

    @property
    def evaluations(self) -> int:
        """Number of distinct simulations."""
        return self.steps[-1].evaluations if self.steps else 0

    @property
    def best(self) -> SearchStep | None:
        """The step with the highest score, the first one on ties; None if no design had one."""
        scored = [step for step in self.steps if step.score is not None]
        return max(scored, key=lambda step: step.score or 0.0) if scored else None

    def best_so_far(self) -> npt.NDArray[np.float64]:
        """Highest score after each evaluation.

        Returns
        -------
        float64 array, shape (evaluations,)
            Entry i belongs to i + 1 distinct simulations; nan before the first score.
        """
        curve = np.full(self.evaluations, np.nan)
        for step in self.steps if self.evaluations else ():
            place = max(step.evaluations - 1, 0)
            curve[place] = np.fmax(curve[place], np.nan if step.score is None else step.score)
        return np.fmax.accumulate(curve)


class SearchWriter:
    """Writes a record line by line beside its place and moves it there when it is complete.

    Parameters
    ----------
    head : SearchHead
        What is run.
    path : Path or None
        Place of the record; None keeps the steps in memory only.

    Attributes
    ----------
    finished : SearchRun or None
        The run, where the record is complete already.

    Raises
    ------
    FileFormatError
        A record is there already, of another search or damaged.
    """

    def __init__(self, head: SearchHead, path: Path | None) -> None:
        self.head, self.path = head, path
        self.finished: SearchRun | None = None
        self._steps: list[SearchStep] = []
        self._recorded: list[SearchStep] = []
        self._file: BinaryIO | None = None
        if path is None:
            return
        self._partial = path.with_name(path.name + ".partial")
        if path.exists():
            self.finished = read_search(path)
            self._check_head(path, self.finished.head)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._resume()
        self._file = self._partial.open("ab")
        if self._file.tell() == 0:
            self._write(head)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def recorded(self, ask: int) -> SearchStep | None:
        """Return the step of an earlier, interrupted run; None if it did not come so far."""
        return self._recorded[ask - 1] if ask <= len(self._recorded) else None

    def add(self, step: SearchStep) -> None:
        """Keep a step, and write it if it is new."""
        self._steps.append(step)
        if len(self._steps) > len(self._recorded):
            self._write(step)

    def finish(self, ended: Ending) -> SearchRun:
        """Write the end, make the record durable, and move it to its place."""
        if self._file is not None and self.path is not None:
            self._write(_End(ended=ended, asks=len(self._steps)))
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._partial, self.path)
        return SearchRun(self.head, tuple(self._steps), ended)

    def _write(self, line: Description) -> None:
        if self._file is not None:
            self._file.write(_line(line))
            self._file.flush()

    def _resume(self) -> None:
        """Read what an interrupted run left, and cut off a line that was being written."""
        if not self._partial.exists():
            return
        content = self._partial.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        os.truncate(self._partial, len(whole))
        lines = whole.splitlines()
        if not lines:
            return
        self._check_head(self._partial, _parse(self._partial, 1, lines[0], SearchHead))
        if lines[-1].startswith(b'{"ended"'):  # killed between the last line and the move
            os.truncate(self._partial, len(whole) - len(lines.pop()) - 1)
        self._recorded = _steps(self._partial, lines[1:])

    def _check_head(self, path: Path, found: SearchHead) -> None:
        wanted, there = self.head.model_dump(), found.model_dump()
        differing = [name for name in wanted if wanted[name] != there[name]]
        if differing:
            raise FileFormatError(
                path, f"the record of another search: {', '.join(differing)} differ"
            )


def read_search(path: str | Path) -> SearchRun:
    """Read the record of a finished search.

    Raises
    ------
    FileFormatError
        It cannot be read, is incomplete, or breaks the format; the line is named.
    """
    place = Path(path)
    try:
        lines = place.read_bytes().splitlines()
    except OSError as error:
        raise FileFormatError(place, f"cannot be read: {error}") from error
    if len(lines) < 2:
        raise FileFormatError(place, "not the record of a finished search: head or end is missing")
    head = _parse(place, 1, lines[0], SearchHead)
    end = _parse(place, len(lines), lines[-1], _End)
    steps = _steps(place, lines[1:-1])
    if len(steps) != end.asks:
        raise FileFormatError(place, f"{len(steps)} steps; its end states {end.asks}")
    return SearchRun(head, tuple(steps), end.ended)


def _steps(path: Path, lines: list[bytes]) -> list[SearchStep]:
    steps = [_parse(path, number, line, SearchStep) for number, line in enumerate(lines, 2)]
    for number, step in enumerate(steps, 1):
        if step.ask != number:
            raise FileFormatError(path, f"line {number + 1}: ask {step.ask}, expected {number}")
    return steps


def _parse(path: Path, number: int, line: bytes, kind: type[Line]) -> Line:
    try:
        return kind.parse(json.loads(line))
    except ChipGymError as error:
        raise FileFormatError(path, f"line {number}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise FileFormatError(path, f"line {number}: not JSON: {error}") from error


def _line(line: Description) -> bytes:
    text = json.dumps(line.document(), separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"
