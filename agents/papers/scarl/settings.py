"""Hyperparameters of SCARL."""

from __future__ import annotations

from dataclasses import dataclass, field

from chipgym.agents.papers.socrates.settings import MatchingSettings
from chipgym.simulators.core.errors import check_range

__all__ = ["ScarlSettings"]


@dataclass(frozen=True)
class ScarlSettings:
    """Hyperparameters of SCARL.

    Attributes
    ----------
    width : int
        Numbers of an embedding.
    masked : bool
        Draw only among the PEs that can execute the task. If not, the choice of another PE stands
        for the next one that can.
    estimates : bool
        Show the execution time, data delay and estimated finish of the task on each PE, which the
        published state lacks.
    time_scale_us : float
        Times t are shown as t / (t + this).
    learning : MatchingSettings
        How it learns.
    """

    width: int = 32
    masked: bool = True
    estimates: bool = True
    time_scale_us: float = 50.0
    learning: MatchingSettings = field(default_factory=MatchingSettings)

    def __post_init__(self) -> None:
        check_range("width", self.width, 1)
        check_range("time_scale_us", self.time_scale_us, 0.0, low_open=True)
