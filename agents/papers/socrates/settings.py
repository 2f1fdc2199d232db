"""Hyperparameters of SoCRATES, and those of learning that SCARL shares."""

from __future__ import annotations

from dataclasses import dataclass, field

from chipgym.simulators.core.errors import UnknownNameError, check_range

__all__ = ["REWARDS", "MatchingSettings", "SocratesSettings"]

REWARDS = ("latency", "completions")


@dataclass(frozen=True)
class MatchingSettings:
    """How the mapping agents learn from their decisions.

    Attributes
    ----------
    num_envs : int
        Episodes of an update, one in each copy of the environment.
    learning_rate : float
        Step size of Adam at the start.
    learning_rate_end : float or None
        Step size in the end, reached along a line; None: as at the start.
    minibatch : int
        Decisions of a gradient step; 0: all of an update.
    matching : bool
        Credit each decision with the rewards from its own time on, discounted by the time that
        passes, once its task is completed (eclectic interaction matching). If not, rewards are
        discounted by the decisions between, as if one followed from the other.
    discount : float
        Factor per µs (per decision without `matching`).
    reward : str
        ``latency``: the environment's reward, evenly over the time between two decisions;
        ``completions``: the published one, -0.5 a µs and 50 for every completed job.
    reward_scale : float
        Factor on the environment's rewards; about the number of jobs makes returns of order 1.
    gap_start, gap_end : float
        Factors on the gaps between arrivals in the first update and in the end. Choices that are
        still drawn at random pile up jobs, and in a long queue every choice looks alike; where jobs
        come rarely, a task on the wrong PE delays its own job (1: arrivals as they are).
    gap_updates : int
        Updates over which the factor changes, geometrically; 0: the whole training.
    critic : bool
        Subtract the critic's value from the return; if not, the return itself is the advantage.
    value_weight : float
        Weight of the critic's squared error.
    entropy : float
        Weight of the policy's entropy.
    normalise_returns : bool
        Divide the returns of an update by their deviation, so that the critic's errors do not
        drown what the policy learns where jobs pile up.
    normalise_advantages : bool
        Give the advantages of an update mean 0 and deviation 1.
    max_grad_norm : float
        Longest gradient; a longer one is cut. 0: none is.
    batch_size : int
        Decisions that are in memory at a time; results do not depend on it but for rounding.
    """

    num_envs: int = 8
    learning_rate: float = 1e-3
    learning_rate_end: float | None = None
    minibatch: int = 0
    matching: bool = True
    discount: float = 0.99
    reward: str = "latency"
    reward_scale: float = 20.0
    gap_start: float = 1.0
    gap_end: float = 1.0
    gap_updates: int = 0
    critic: bool = True
    value_weight: float = 0.5
    entropy: float = 0.01
    normalise_returns: bool = True
    normalise_advantages: bool = True
    max_grad_norm: float = 1.0
    batch_size: int = 1024

    def __post_init__(self) -> None:
        if self.reward not in REWARDS:
            raise UnknownNameError("reward", self.reward, REWARDS)
        for name in ("num_envs", "batch_size"):
            check_range(name, getattr(self, name), 1)
        for name in ("learning_rate", "reward_scale"):
            check_range(name, getattr(self, name), 0.0, low_open=True)
        for name in ("value_weight", "entropy", "max_grad_norm"):
            check_range(name, getattr(self, name), 0.0)
        for name in ("minibatch", "gap_updates"):
            check_range(name, getattr(self, name), 0)
        for name in ("gap_start", "gap_end"):
            check_range(name, getattr(self, name), 0.1, 1000.0)
        if self.learning_rate_end is not None:
            check_range("learning_rate_end", self.learning_rate_end, 0.0)
        check_range("discount", self.discount, 0.0, 1.0, low_open=True)


@dataclass(frozen=True)
class SocratesSettings:
    """Hyperparameters of SoCRATES.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the layers that actor and critic share.
    max_jobs : int
        Most jobs in flight that the state shows, the oldest ones; fewer where the environment
        admits fewer. The job of the task to be placed is always among them.
    masked : bool
        Draw only among the PEs that can execute the task. If not, the choice of another PE stands
        for the next one that can.
    estimates : bool
        Show the estimated finish and the execution time of the task on each PE, which the
        published state lacks. They also go straight to the logits of the PEs, by weights that all
        PEs and tasks share.
    finish_prior : float
        Weight, at the start, by which the estimates draw to PEs of an early finish (to those of a
        short execution without `real_time`); 0: all PEs are alike at first.
    real_time : bool
        Whether the state holds what changes with the time: the shares of waiting of tasks and jobs,
        and of the estimates the finish (an ablation leaves them out).
    time_scale_us : float
        These times t are shown as t / (t + this).
    learning : MatchingSettings
        How it learns.
    """

    hidden: tuple[int, ...] = (512, 256)
    max_jobs: int = 8
    masked: bool = True
    estimates: bool = False
    finish_prior: float = 0.0
    real_time: bool = True
    time_scale_us: float = 50.0
    learning: MatchingSettings = field(default_factory=MatchingSettings)

    def __post_init__(self) -> None:
        check_range("hidden", len(self.hidden), 1)
        for width in self.hidden:
            check_range("hidden", width, 1)
        check_range("finish_prior", self.finish_prior, 0.0)
        check_range("max_jobs", self.max_jobs, 1)
        check_range("time_scale_us", self.time_scale_us, 0.0, low_open=True)
