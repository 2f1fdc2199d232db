"""Specifications, penalties and the reward, after NASAIC (Yang et al., DAC 2020).

NASAIC's reward is ``R = sum_i alpha_i * accuracy_i - rho * P`` with rho = 10 and, for each of
latency, energy and area, a term ``max((result - limit) / (bound - limit), 0)`` in P; the bounds are
found by trying chips for the most accurate networks. Where no chip of an episode meets all limits
the networks are not trained and ``R = -rho * P``. (Recalled, not checked against the paper's body.)

Ours are: terms are clipped at 1, so that the penalty is bounded by 3 and the reward by -30; a
design that cannot be built has the largest penalties; the weights alpha add up to 1; a design whose
training fails has no accuracy, and says so. Limits and bounds of the shipped scenarios are derived
from random designs (`chipgym.envs.codesign.specs`), those named ``-paper`` apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chipgym.simulators.core.errors import check_range

__all__ = ["COSTS", "PENALTY_WEIGHT", "WORST", "Spec", "penalties", "reward_terms"]

COSTS = ("latency_cycles", "energy_nj", "area_um2")
"""What a specification limits."""

PENALTY_WEIGHT = 10.0
"""NASAIC's weight of the penalties."""

WORST = 1.0
"""Largest penalty of one cost: at its bound, and beyond."""


@dataclass(frozen=True)
class Spec:
    """Limits of a chip, and where the penalties reach their largest value.

    Attributes
    ----------
    latency_cycles, energy_nj, area_um2 : float
        Limits.
    latency_bound_cycles, energy_bound_nj, area_bound_um2 : float
        Larger than the limits; the penalty of a cost is 1 from there on.
    """

    latency_cycles: float
    energy_nj: float
    area_um2: float
    latency_bound_cycles: float
    energy_bound_nj: float
    area_bound_um2: float

    def __post_init__(self) -> None:
        for name, limit, bound in zip(COSTS, self.limits, self.bounds, strict=True):
            check_range(name, limit, 0, low_open=True)
            check_range(f"bound of {name}", bound, limit, low_open=True)

    @property
    def limits(self) -> tuple[float, float, float]:
        """The limits in the order of `COSTS`."""
        return self.latency_cycles, self.energy_nj, self.area_um2

    @property
    def bounds(self) -> tuple[float, float, float]:
        """The bounds in the order of `COSTS`."""
        return self.latency_bound_cycles, self.energy_bound_nj, self.area_bound_um2


def penalties(spec: Spec, costs: Mapping[str, float] | None) -> dict[str, float]:
    """Return the penalty of each cost: 0 within the limit, then rising to 1 at the bound.

    `costs` is None for a design that cannot be built, which has the largest penalties.
    """
    if costs is None:
        return dict.fromkeys(COSTS, WORST)
    found = {}
    for name, limit, bound in zip(COSTS, spec.limits, spec.bounds, strict=True):
        over = (costs[name] - limit) / (bound - limit)
        found[name] = min(max(over, 0.0), WORST)
    return found


def reward_terms(penalty: Mapping[str, float], weighted_accuracy: float) -> dict[str, float]:
    """Return the terms of the reward: weighted accuracy, and minus ten times each penalty."""
    # Zero minus, because minus zero would print as such.
    terms = {name: 0.0 - PENALTY_WEIGHT * value for name, value in penalty.items()}
    return {"accuracy": weighted_accuracy, **terms}
