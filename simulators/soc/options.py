"""Everything that selects the model rather than the instance, checked before a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = ["Communication", "EventOrder", "SocOptions", "parse_governor"]

EventOrder = Literal["clean", "ds3", "ds3gym"]
Communication = Literal["pe_to_pe", "shared_memory"]
GOVERNORS = ("performance", "powersave", "ondemand", "constant-<MHz>", "explicit")


def parse_governor(governor: str) -> tuple[str, float]:
    """Split a governor's name into its kind and, for ``constant-<MHz>``, its frequency in MHz."""
    if governor in ("performance", "powersave", "ondemand", "explicit"):
        return governor, 0.0
    kind, _, text = governor.partition("-")
    try:
        frequency_mhz = float(text)
    except ValueError:
        frequency_mhz = -1.0
    if kind != "constant" or not frequency_mhz > 0:
        raise UnknownNameError("governor", governor, GOVERNORS)
    return "constant", frequency_mhz


@dataclass(frozen=True)
class SocOptions:
    """Options of a SoC simulation.

    Attributes
    ----------
    order : {"clean", "ds3", "ds3gym"}
        Event order: `clean` (completions, arrivals, one scheduling pass, starts), DS3's tick order,
        or DS3's tick order with the arrival and queue rules of SoCRATES.
    communication : {"pe_to_pe", "shared_memory"}
        How data reach the consumer.
    max_in_flight : int
        Jobs in the system at most; further arrivals are delayed, never dropped.
    horizon_us : float or None
        Stop at this time; ``None`` runs until every job of the workload is completed.
    warmup_us : float
        Completions before this time do not count in the mean latency.
    steady_state_fill : bool
        Fill the system with jobs up to the cap at time 0 (SoCRATES' pseudo-steady state).
    noise_std : float
        Standard deviation of execution times as a fraction of the table time; a noisy time is
        rounded to whole µs and at least 1; zero-length tasks stay so.
    mtbf_us, mttr_us : float or None
        Mean times between failures and to repair of each PE (exponential); ``None``: no failures.
        The tasks of a failing PE go back to the ready list and start anew.
    governor : str
        DVFS governor of every cluster: performance, powersave, ondemand, constant-<MHz>, explicit
        (starts at the highest frequency and follows `set_operating_point` calls).
    dvfs_period_us : float
        Sampling period of the ondemand governor.
    thermal : bool
        Follow temperatures (and their effect on leakage); otherwise everything stays at ambient.
        The ``ds3`` order always follows DS3's own thermal rule.
    thermal_step_us : float
        Time step of the thermal model in the clean order.
    throttle : bool
        Cap frequencies beyond the trip temperatures (clean order, needs `thermal`).
    """

    order: EventOrder = "clean"
    communication: Communication = "pe_to_pe"
    max_in_flight: int = 12
    horizon_us: float | None = None
    warmup_us: float = 0.0
    steady_state_fill: bool = False
    noise_std: float = 0.0
    mtbf_us: float | None = None
    mttr_us: float | None = None
    governor: str = "performance"
    dvfs_period_us: float = 10.0
    thermal: bool = False
    thermal_step_us: float = 1000.0
    throttle: bool = False

    def __post_init__(self) -> None:
        if self.order not in get_args(EventOrder):
            raise UnknownNameError("order", self.order, get_args(EventOrder))
        if self.communication not in get_args(Communication):
            raise UnknownNameError("communication", self.communication, get_args(Communication))
        if not isinstance(self.max_in_flight, int) or isinstance(self.max_in_flight, bool):
            raise InvalidValueError("max_in_flight", self.max_in_flight, "an integer >= 1")
        check_range("max_in_flight", self.max_in_flight, 1, 1_000_000)
        if self.horizon_us is not None:
            check_range("horizon_us", self.horizon_us, 0, low_open=True)
        check_range("warmup_us", self.warmup_us, 0)
        check_range("noise_std", self.noise_std, 0, 1)
        if (self.mtbf_us is None) != (self.mttr_us is None):
            raise InvalidValueError(
                "mttr_us", self.mttr_us, "set exactly when mtbf_us is set (both or neither)"
            )
        if self.mtbf_us is not None and self.mttr_us is not None:
            check_range("mtbf_us", self.mtbf_us, 0, low_open=True)
            check_range("mttr_us", self.mttr_us, 0, low_open=True)
        parse_governor(self.governor)
        check_range("dvfs_period_us", self.dvfs_period_us, 0, low_open=True)
        check_range("thermal_step_us", self.thermal_step_us, 0, low_open=True)
        if self.throttle and not self.thermal:
            raise InvalidValueError("throttle", self.throttle, "False unless thermal is True")
        if self.order != "clean":
            self._check_compatibility()

    def _check_compatibility(self) -> None:
        """Refuse what the reference simulators do not model."""
        plain: dict[str, object] = {"noise_std": 0.0, "mtbf_us": None, "thermal": False}
        if self.order == "ds3gym":
            del plain["noise_std"]
            plain |= {"communication": "pe_to_pe", "governor": "performance", "warmup_us": 0.0}
        else:
            plain |= {"steady_state_fill": False}
        for field, only in plain.items():
            if getattr(self, field) != only:
                raise InvalidValueError(
                    field, getattr(self, field), f"{only!r} with order={self.order!r}"
                )
        if self.order == "ds3gym" and self.horizon_us is None:
            raise InvalidValueError("horizon_us", None, "a time with order='ds3gym'")
