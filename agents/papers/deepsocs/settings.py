"""Hyperparameters of DeepSoCS."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.core.errors import UnknownNameError, check_range

__all__ = ["FEATURES", "DeepSocsSettings"]

FEATURES = ("full", "published")
COUNTS = ("rollouts", "minibatch", "depth", "average_rewards", "entropy_updates", "gap_updates")


@dataclass(frozen=True)
class DeepSocsSettings:
    """Hyperparameters of DeepSoCS.

    Attributes
    ----------
    features : str
        What the network sees of a task: the six features that were ``published``, or ``full``,
        which adds execution times, ranks and estimates.
    real_time : bool
        Whether the full features hold what changes with the time: waiting, age, rest, estimated
        finish (an ablation leaves them out).
    time_scale_us : float
        Times t of the full features are shown as t / (t + this).
    width : int
        Numbers of an embedding.
    hidden : tuple of int
        Hidden layers of each function of the embedding.
    score_hidden : tuple of int
        Hidden layers of the score.
    depth : int
        Passes of messages along the edges; 0: tasks do not hear of each other.
    summaries : bool
        Whether the score sees the summaries of the job and of everything.
    num_envs : int
        Episodes of an update, one in each copy of the environment.
    rollouts : int
        Neighbouring copies whose episodes make up a baseline; 0: all.
    same_stream : bool
        Whether these have the same stream of jobs, so that the baseline knows of the arrivals.
    learning_rate : float
        Step size of Adam at the start.
    learning_rate_end : float or None
        Step size in the end, reached along a line; None: as at the start.
    minibatch : int
        Decisions of a gradient step; 0: all of an update.
    discount : float
        Discount of later rewards, an instant (or, without `share_instants`, a decision) later.
    share_instants : bool
        Give all decisions at one instant the same return, that of their instant.
    average_rewards : int
        Intervals over which the average reward per µs is taken; it is subtracted from the rewards.
        0: it is not.
    normalise_advantages : bool
        Divide the advantages of an update by their deviation.
    entropy_start, entropy_end : float
        Weight of the policy's entropy in the first update and in the end.
    entropy_updates : int
        Updates over which the weight falls; 0: the whole training.
    gap_start : float
        Factor on the gaps between arrivals in the first update; it falls to 1, so that jobs first
        come rarely (1: no such curriculum).
    gap_updates : int
        Updates over which the factor falls; 0: half of the training.
    max_grad_norm : float
        Longest gradient; a longer one is cut. 0: none is.
    batch_size : int
        Decisions that are in memory at a time; results do not depend on it but for rounding.
    """

    features: str = "full"
    real_time: bool = True
    time_scale_us: float = 50.0
    width: int = 8
    hidden: tuple[int, ...] = (16, 8)
    score_hidden: tuple[int, ...] = (32, 16, 8)
    depth: int = 2
    summaries: bool = True
    num_envs: int = 8
    rollouts: int = 0
    same_stream: bool = True
    learning_rate: float = 3e-3
    learning_rate_end: float | None = None
    minibatch: int = 0
    discount: float = 1.0
    share_instants: bool = True
    average_rewards: int = 100_000
    normalise_advantages: bool = True
    entropy_start: float = 0.05
    entropy_end: float = 1e-4
    entropy_updates: int = 0
    gap_start: float = 1.0
    gap_updates: int = 0
    max_grad_norm: float = 1.0
    batch_size: int = 512

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise UnknownNameError("features", self.features, FEATURES)
        for name in ("width", "num_envs", "batch_size"):
            check_range(name, getattr(self, name), 1)
        for name in ("hidden", "score_hidden"):
            for width in getattr(self, name):
                check_range(name, width, 1)
        for name in COUNTS:
            check_range(name, getattr(self, name), 0)
        for name in ("time_scale_us", "learning_rate"):
            check_range(name, getattr(self, name), 0.0, low_open=True)
        for name in ("entropy_start", "entropy_end", "max_grad_norm"):
            check_range(name, getattr(self, name), 0.0)
        if self.learning_rate_end is not None:
            check_range("learning_rate_end", self.learning_rate_end, 0.0)
        check_range("discount", self.discount, 0.0, 1.0)
        check_range("gap_start", self.gap_start, 1.0, 1000.0)
