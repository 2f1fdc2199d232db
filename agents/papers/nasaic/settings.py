"""Hyperparameters of NASAIC."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.agents.search.settings import check_flag, check_integer, check_range

__all__ = ["NasaicSettings"]

MAX_DECAY = 0.9999


@dataclass(frozen=True)
class NasaicSettings:
    """Hyperparameters of NASAIC.

    Attributes
    ----------
    hardware_steps : int
        Further chips that are tried for the networks of an episode (the paper's phi), from 0, which
        leaves the optimiser selector out: each episode is then one design.
    hidden : int
        Width of the recurrent state and of the embeddings of choices, from 1.
    learning_rate : float
        Step size of RMSProp.
    halve_every : int
        Episodes after which the step size is halved, 0: never.
    discount : float
        Factor on the gradient of a choice for each choice that follows it, up to 1.
    baseline : float
        Decay of the moving average of rewards, from 0 to 0.9999.
    entropy : float
        Weight of the policy's entropy; the paper has none.
    normalise : bool
        Whether advantages are divided by the moving deviation of rewards; the paper does not.
    bins : int
        Cells of a continuous knob, or of one with too many choices, from 2.
    """

    hardware_steps: int = 10
    hidden: int = 32
    learning_rate: float = 0.01
    halve_every: int = 0
    discount: float = 0.99
    baseline: float = 0.8
    entropy: float = 0.1
    normalise: bool = True
    bins: int = 16

    def __post_init__(self) -> None:
        check_integer("hardware_steps", self.hardware_steps, 0, 1000)
        check_integer("hidden", self.hidden, 1, 4096)
        check_range("learning_rate", self.learning_rate, 0.0, low_open=True)
        check_integer("halve_every", self.halve_every, 0)
        check_range("discount", self.discount, 0.0, 1.0, low_open=True)
        check_range("baseline", self.baseline, 0.0, MAX_DECAY)
        check_range("entropy", self.entropy, 0.0)
        check_flag("normalise", self.normalise)
        check_integer("bins", self.bins, 2, 4096)
