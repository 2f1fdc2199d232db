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
        published state lacks. They also go straight to the scores of the PEs, by weights that all
        PEs and tasks share.
    finish_prior : float
        Weight, at the start, by which the estimates draw to PEs of an early finish (to those of a
        short execution without `real_time`); 0: all PEs are alike at first.
    real_time : bool
        Whether the agent sees what changes of tasks with the time: waiting, rest, age of the job,
        data delay and estimated finish (an ablation leaves them out).
    time_scale_us : float
        Times t are shown as t / (t + this).
    learning : MatchingSettings
        How it learns.
    """

    width: int = 32
    masked: bool = True
    estimates: bool = True
    finish_prior: float = 0.0
    real_time: bool = True
    time_scale_us: float = 50.0
    learning: MatchingSettings = field(default_factory=MatchingSettings)

    def __post_init__(self) -> None:
        check_range("finish_prior", self.finish_prior, 0.0)
        check_range("width", self.width, 1)
        check_range("time_scale_us", self.time_scale_us, 0.0, low_open=True)
