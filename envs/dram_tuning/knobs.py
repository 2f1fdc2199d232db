"""The controller's knobs, each declared once, and the sets of them that scenarios offer.

Design spaces, masks, observations, agents and the tables in the docs are derived from here. A
design is a tuple of value indexes, one a knob.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.dram.config import CHOICES

__all__ = ["GROUPS", "KNOBS", "KNOB_SETS", "Knob", "KnobSet", "build_knobs"]

Value = str | int
Values = tuple[Value, ...]

GROUPS: dict[str, str] = {
    "arbiter_buffer": "arbiter, request buffers and response queue",
    "scheduler_page": "scheduler, command choice, page policy and address map",
    "refresh_power": "refresh and power-down",
}
"""Subsystems of the controller, by the name of the agent that sets one."""

POWERS_TO_128 = (1, 2, 4, 8, 16, 32, 64, 128)
ONE_TO_EIGHT = tuple(range(1, 9))
ADDRESS_MAP = "address_map"


@dataclass(frozen=True)
class Knob:
    """A setting of the controller and the values it may take.

    Attributes
    ----------
    name : str
        Field of `chipgym.simulators.dram.config.ControllerConfig`, or ``"address_map"``.
    values : tuple of str or int
        In the order of the indexes.
    default : str or int
        Value of the design to which all others are compared.
    group : str
        Subsystem, a key of `GROUPS`.
    meaning : str
    """

    name: str
    values: tuple[Value, ...]
    default: Value
    group: str
    meaning: str

    def index(self, value: Value) -> int:
        """Index of a value.

        Raises
        ------
        InvalidValueError
            It is not one of the knob's values.
        """
        if value not in self.values:
            raise InvalidValueError(self.name, value, f"one of {', '.join(map(str, self.values))}")
        return self.values.index(value)


_ALL = (
    Knob(
        "page_policy",
        CHOICES["page_policy"],
        "Open",
        "scheduler_page",
        "When a row is closed: on a conflict, after each access, or by the waiting requests",
    ),
    Knob(
        "scheduler",
        CHOICES["scheduler"],
        "FrFcfs",
        "scheduler_page",
        "Which request of a bank is served next",
    ),
    Knob(
        "scheduler_buffer",
        CHOICES["scheduler_buffer"],
        "Bankwise",
        "arbiter_buffer",
        "What the buffer size counts: requests of a bank, of a direction, or all",
    ),
    Knob(
        "request_buffer_size",
        POWERS_TO_128,
        8,
        "arbiter_buffer",
        "Requests that the controller holds",
    ),
    Knob(
        "command_mux",
        CHOICES["command_mux"],
        "Oldest",
        "scheduler_page",
        "Whether column commands keep the order of arrival",
    ),
    Knob(
        "response_queue",
        CHOICES["response_queue"],
        "Fifo",
        "arbiter_buffer",
        "Whether responses keep the order of arrival",
    ),
    Knob(
        "refresh_policy",
        CHOICES["refresh_policy"],
        "AllBank",
        "refresh_power",
        "Which banks are refreshed at once; without refresh the memory loses its data",
    ),
    Knob(
        "refresh_max_postponed",
        (0, 1, 2, 4, 8),
        0,
        "refresh_power",
        "Refreshes that may be late; JEDEC allows eight",
    ),
    Knob(
        "refresh_max_pulledin",
        (0, 1, 2, 4, 8),
        0,
        "refresh_power",
        "Refreshes that may be early; JEDEC allows eight",
    ),
    Knob(
        "power_down_policy",
        CHOICES["power_down_policy"],
        "NoPowerDown",
        "refresh_power",
        "Whether an idle rank is powered down",
    ),
    Knob(
        "arbiter",
        CHOICES["arbiter"],
        "Simple",
        "arbiter_buffer",
        "How requests reach the controller, and responses the initiator",
    ),
    Knob(
        "max_active_transactions",
        POWERS_TO_128,
        128,
        "arbiter_buffer",
        "Requests under way; arbiter Simple ignores it",
    ),
    Knob(
        "high_watermark",
        (4, 8, 16, 32, 64),
        16,
        "scheduler_page",
        "Buffered writes above which GrpFrFcfsWm turns to writing; others ignore it",
    ),
    Knob(
        "low_watermark",
        (2, 4, 8, 16, 32),
        8,
        "scheduler_page",
        "Buffered writes down to which GrpFrFcfsWm writes; others ignore it",
    ),
    Knob(
        ADDRESS_MAP,
        (),
        "",
        "scheduler_page",
        "Which address bits select group, bank, row and column; offered where a device has several",
    ),
)

KNOBS: dict[str, Knob] = {knob.name: knob for knob in _ALL}
"""Every knob by name, with the widest corrected choice of values."""


@dataclass(frozen=True)
class KnobSet:
    """A design space: some knobs, some with values of their own.

    Attributes
    ----------
    name, description : str
    values : dict
        Values by knob, in the order of the design; an empty tuple: those of `KNOBS`, or what the
        device offers.
    """

    name: str
    description: str
    values: dict[str, tuple[Value, ...]]

    def knobs(
        self, address_maps: Sequence[str], refresh_policies: Sequence[str] = ("AllBank",)
    ) -> tuple[Knob, ...]:
        """Return the knobs for a device with the given address maps, its default first.

        Where it has a choice of maps or of refresh policies, that is a knob.
        """
        offered = {
            ADDRESS_MAP: tuple(address_maps),
            "refresh_policy": tuple(p for p in refresh_policies if p != "NoRefresh"),
        }
        knobs = []
        for name, values in self.values.items():
            knob = KNOBS[name]
            if not values and name in offered:
                values = offered[name]
                if len(values) < 2:
                    continue
            values = values or knob.values
            default = knob.default if knob.default in values else values[0]
            knobs.append(replace(knob, values=values, default=default))
        return tuple(knobs)

    def size(
        self, address_maps: Sequence[str] = (), refresh_policies: Sequence[str] = ("AllBank",)
    ) -> int:
        """Number of designs, invalid combinations included."""
        knobs = self.knobs(address_maps, refresh_policies)
        return math.prod(len(knob.values) for knob in knobs)


def _archgym(name: str, buffers: Values, refreshes: Values, active: Values, whose: str) -> KnobSet:
    """One of ArchGym's three spaces, in its order of knobs and values."""
    return KnobSet(
        name,
        f"ArchGym's ten knobs as its {whose} search them",
        {
            "page_policy": ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive"),
            "scheduler": ("Fifo", "FrFcfsGrp", "FrFcfs"),
            "scheduler_buffer": ("Bankwise", "ReadWrite", "Shared"),
            "request_buffer_size": buffers,
            "response_queue": ("Fifo", "Reorder"),
            "refresh_policy": ("NoRefresh", "AllBank"),
            "refresh_max_postponed": refreshes,
            "refresh_max_pulledin": refreshes,
            "arbiter": ("Simple", "Fifo", "Reorder"),
            "max_active_transactions": active,
        },
    )


_SETS = (
    KnobSet(
        "toy",
        "Three knobs of two values, for tests and first steps",
        {
            "page_policy": ("Open", "Closed"),
            "scheduler": ("FrFcfs", "Fifo"),
            "command_mux": ("Oldest", "Strict"),
        },
    ),
    _archgym(
        "archgym",
        POWERS_TO_128,
        (1, 2, 4, 8),
        POWERS_TO_128,
        "reinforcement-learning agents, one or several,",
    ),
    _archgym(
        "archgym-ga",
        ONE_TO_EIGHT,
        ONE_TO_EIGHT,
        tuple(range(1, 129)),
        "genetic, Bayesian, random and exhaustive methods",
    ),
    _archgym("archgym-aco", ONE_TO_EIGHT, ONE_TO_EIGHT, POWERS_TO_128, "ant colonies"),
    KnobSet(
        "full",
        "All knobs of the controller; the memory is always refreshed",
        dict.fromkeys(KNOBS, ()),
    ),
)

KNOB_SETS: dict[str, KnobSet] = {entry.name: entry for entry in _SETS}


def build_knobs(
    name: str, address_maps: Sequence[str], refresh_policies: Sequence[str] = ("AllBank",)
) -> tuple[Knob, ...]:
    """Return the knobs of a set by name, for a device with these address maps and policies.

    Raises
    ------
    UnknownNameError
        There is no such set.
    """
    if name not in KNOB_SETS:
        raise UnknownNameError("knob set", name, KNOB_SETS, "DRAM tuning")
    return KNOB_SETS[name].knobs(address_maps, refresh_policies)
