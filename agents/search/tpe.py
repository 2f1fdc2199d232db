"""Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl, NIPS 2011), by Optuna."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.optuna_study import OptunaSearcher
from chipgym.agents.search.settings import check_flag, check_integer

__all__ = ["TpeSettings", "TreeParzenEstimator"]


@dataclass(frozen=True)
class TpeSettings:
    """Hyperparameters of TPE.

    Attributes
    ----------
    startup : int
        Random designs before the first estimate, from 1.
    candidates : int
        Designs drawn from the estimate of good ones, of which the most promising is proposed, from
        1.
    ordered : bool
        Whether neighbouring choices of a knob are taken to be alike, or all choices as unrelated.
    """

    startup: int = 10
    candidates: int = 24
    ordered: bool = False

    def __post_init__(self) -> None:
        check_integer("startup", self.startup, 1)
        check_integer("candidates", self.candidates, 1)
        check_flag("ordered", self.ordered)


class TreeParzenEstimator(OptunaSearcher[TpeSettings]):
    """Proposes what is likely among good designs and unlikely among bad ones.

    Needs the extra ``[search]``. Proposals whose scores are out count as bad (constant liar), so
    batches spread.
    """

    name = "tpe"
    Settings = TpeSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "startup": (5, 10, 20),
        "candidates": (12, 24, 96),
        "ordered": (False, True),
    }

    def _sampler(self) -> Any:
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.settings.startup,
            n_ei_candidates=self.settings.candidates,
            seed=self._sampler_seed(),
        )

    def _ordered(self) -> bool:
        return self.settings.ordered
