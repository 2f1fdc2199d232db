"""Rules between the settings of the controller, the device and the workload, each with its reason.

Settings that break a rule marked *impossible* are refused when a `ControllerConfig` is made:
DRAMSys v4.0 rejects them, or never ends under them. The other rules name what is degenerate or ends
only by accident; a run under such settings is possible and bounded, and environments mask them.
Settings that are merely ignored break no rule: `ControllerConfig.canonical` collapses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.device import Device

if TYPE_CHECKING:
    from chipgym.simulators.dram.config import ControllerConfig

__all__ = [
    "LOSES_DATA",
    "MAX_JEDEC_POSTPONED",
    "broken_rules",
    "check_config",
    "check_device",
    "check_possible",
]

MAX_JEDEC_POSTPONED = 8
"""Refreshes that JEDEC's standards for DDR3 and DDR4 allow to be late or early."""
LOSES_DATA = "NoRefresh loses data: time and energy gained by it are no gain"
"""Reason of the one rule that an environment may want to allow (ArchGym's space has NoRefresh)."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class _Rule:
    """What settings must not be; `broken` is asked with settings, device and reads_only."""

    fields: tuple[str, ...]
    reason: str
    broken: Callable[[Settings, Device | None, bool], bool]
    impossible: bool = False


def _watermarks(s: Settings) -> bool:
    return bool(s["scheduler"] == "GrpFrFcfsWm")


def _strict(s: Settings) -> bool:
    return bool(s["command_mux"] == "Strict")


def _lacks_refresh(s: Settings, device: Device | None) -> bool:
    return device is not None and s["refresh_policy"] not in device.refresh_policies


RULES = (
    _Rule(
        ("low_watermark", "scheduler"),
        "GrpFrFcfsWm needs a low_watermark above 0",
        lambda s, device, reads: _watermarks(s) and s["low_watermark"] < 1,
        impossible=True,
    ),
    _Rule(
        ("high_watermark", "low_watermark", "scheduler"),
        "GrpFrFcfsWm needs a high_watermark above the low_watermark",
        lambda s, device, reads: _watermarks(s) and s["high_watermark"] <= s["low_watermark"],
        impossible=True,
    ),
    _Rule(
        ("command_mux", "scheduler"),
        "Strict never ends with a scheduler that groups reads and writes: it needs Oldest",
        lambda s, device, reads: _strict(s) and s["scheduler"].startswith("Grp"),
        impossible=True,
    ),
    _Rule(
        ("command_mux", "scheduler"),
        "Strict requires the Fifo scheduler: another one waits for a forced refresh, or for ever",
        lambda s, device, reads: _strict(s) and s["scheduler"] in ("FrFcfs", "FrFcfsGrp"),
    ),
    _Rule(
        ("high_watermark", "request_buffer_size", "scheduler_buffer"),
        "high_watermark must be below request_buffer_size, else writes wait until no read does",
        lambda s, device, reads: (
            _watermarks(s)
            and s["scheduler_buffer"] != "Bankwise"
            and s["high_watermark"] >= s["request_buffer_size"]
        ),
    ),
    _Rule(
        ("high_watermark", "request_buffer_size"),
        "high_watermark must be below what all banks buffer, else writes wait until no read does",
        lambda s, device, reads: (
            _watermarks(s)
            and device is not None
            and s["scheduler_buffer"] == "Bankwise"
            and s["high_watermark"] >= s["request_buffer_size"] * device.banks
        ),
    ),
    _Rule(
        ("refresh_policy",),
        LOSES_DATA,
        lambda s, device, reads: s["refresh_policy"] == "NoRefresh",
    ),
    _Rule(
        ("refresh_policy",),
        "the device does not have this refresh policy",
        lambda s, device, reads: _lacks_refresh(s, device),
    ),
    _Rule(
        ("refresh_max_postponed",),
        f"at most {MAX_JEDEC_POSTPONED} refreshes may be postponed",
        lambda s, device, reads: (
            s["refresh_policy"] != "NoRefresh" and s["refresh_max_postponed"] > MAX_JEDEC_POSTPONED
        ),
    ),
    _Rule(
        ("refresh_max_pulledin",),
        f"at most {MAX_JEDEC_POSTPONED} refreshes may be pulled in",
        lambda s, device, reads: (
            s["refresh_policy"] != "NoRefresh" and s["refresh_max_pulledin"] > MAX_JEDEC_POSTPONED
        ),
    ),
)


def _settings(config: ControllerConfig | Settings) -> Settings:
    """Return all settings by name, absent ones at their default."""
    if not isinstance(config, Mapping):
        return vars(config)
    from chipgym.simulators.dram.config import ControllerConfig  # which imports this module

    return vars(ControllerConfig()) | dict(config)


def broken_rules(
    config: ControllerConfig | Settings,
    device: Device | None = None,
    *,
    reads_only: bool = False,
) -> list[tuple[tuple[str, ...], str]]:
    """Return every rule that a configuration breaks.

    Parameters
    ----------
    config : ControllerConfig or mapping
        Settings by name, each of its own range; absent ones are default. As a mapping, because
        impossible combinations cannot be made a `ControllerConfig`.
    device : Device, optional
        Without it the rules that depend on the device hold.
    reads_only : bool
        Whether the workload never writes.

    Returns
    -------
    list of (fields, reason)
        Names of the settings concerned, and why they do not go together.
    """
    settings = _settings(config)
    broken = [rule for rule in RULES if rule.broken(settings, device, reads_only)]
    return [(rule.fields, rule.reason) for rule in broken]


def check_possible(settings: Settings) -> None:
    """Raise `InvalidValueError` if settings break a rule marked impossible."""
    for rule in RULES:
        if rule.impossible and rule.broken(settings, None, False):
            raise InvalidValueError(rule.fields[0], settings[rule.fields[0]], rule.reason)


def check_device(config: ControllerConfig, device: Device) -> None:
    """Raise `InvalidValueError` unless a device has what a configuration asks for."""
    if _lacks_refresh(vars(config), device):
        raise InvalidValueError(
            "refresh_policy",
            config.refresh_policy,
            f"{' or '.join(device.refresh_policies)} with {device.name}",
        )


def check_config(
    config: ControllerConfig | Settings,
    device: Device | None = None,
    *,
    reads_only: bool = False,
) -> None:
    """Raise `InvalidValueError` for the first rule that a configuration breaks (`broken_rules`)."""
    for fields, reason in broken_rules(config, device, reads_only=reads_only):
        raise InvalidValueError(fields[0], _settings(config)[fields[0]], reason)
