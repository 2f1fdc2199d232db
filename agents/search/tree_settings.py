"""Hyperparameters of tree search."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = ["ROLLOUTS", "RULES", "TreeSettings"]

RULES = ("puct", "uct")
ROLLOUTS = ("uniform", "prior-first", "policy")


@dataclass(frozen=True)
class TreeSettings:
    """How a tree is searched.

    Attributes
    ----------
    rule : str
        ``puct`` adds ``c P(a) sqrt(1 + N) / (1 + n(a))`` to the mean value of an action, ``uct``
        adds ``c sqrt(ln N / n(a))`` and tries every action first.
    exploration : float
        The constant c.
    normalise : bool
        Stretch the mean values that are met in the tree to 0 … 1 before they are compared.
    virtual_visits : int
        Visits of value 0 that every action starts with.
    unvisited : str
        What counts as the mean value of an action before its first visit: ``parent`` (that of the
        state) or ``zero``.
    rollout : str
        How a leaf's recipe is completed: ``uniform`` at random, ``prior-first`` (the likeliest
        action, then uniform) or ``policy`` (every action drawn from the prior).
    value_weight : float
        Weight of the guide's value against the rollout's score, 0 to 1.
    noise_share : float
        Share of Dirichlet noise in the prior of the root, 0 to 1; for training.
    noise_concentration : float
        Concentration of that noise.
    shares : tuple of float
        Shares of the budget by depth: after each share the search moves on to the most visited
        action. Empty: everything is spent at the root.
    """

    rule: str = "puct"
    exploration: float = 1.38
    normalise: bool = True
    virtual_visits: int = 0
    unvisited: str = "parent"
    rollout: str = "policy"
    value_weight: float = 0.0
    noise_share: float = 0.0
    noise_concentration: float = 0.3
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UnknownNameError("rule", self.rule, RULES)
        if self.rollout not in ROLLOUTS:
            raise UnknownNameError("rollout", self.rollout, ROLLOUTS)
        if self.unvisited not in ("parent", "zero"):
            raise UnknownNameError("unvisited", self.unvisited, ("parent", "zero"))
        check_range("exploration", self.exploration, 0.0)
        check_range("virtual_visits", self.virtual_visits, 0)
        check_range("value_weight", self.value_weight, 0.0, 1.0)
        check_range("noise_share", self.noise_share, 0.0, 1.0)
        check_range("noise_concentration", self.noise_concentration, 0.0, low_open=True)
        for index, share in enumerate(self.shares):
            check_range(f"shares[{index}]", share, 0.0)
        if self.shares and sum(self.shares) <= 0.0:
            raise InvalidValueError("shares", self.shares, "at least one share above 0")
