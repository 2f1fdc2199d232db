"""Settings of the memory controller, checked, and brought to a canonical form."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range
from chipgym.simulators.core.hashing import content_hash
from chipgym.simulators.dram.rules import check_possible

__all__ = ["ControllerConfig"]

PagePolicy = Literal["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"]
Scheduler = Literal["Fifo", "FrFcfs", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"]
SchedulerBuffer = Literal["Bankwise", "ReadWrite", "Shared"]
CommandMux = Literal["Oldest", "Strict"]
ResponseQueue = Literal["Fifo", "Reorder"]
RefreshPolicy = Literal["NoRefresh", "AllBank", "PerBank", "SameBank"]
PowerDownPolicy = Literal["NoPowerDown", "Staggered"]
Arbiter = Literal["Simple", "Fifo", "Reorder"]

CHOICES: dict[str, tuple[str, ...]] = {
    "page_policy": get_args(PagePolicy),
    "scheduler": get_args(Scheduler),
    "scheduler_buffer": get_args(SchedulerBuffer),
    "command_mux": get_args(CommandMux),
    "response_queue": get_args(ResponseQueue),
    "refresh_policy": get_args(RefreshPolicy),
    "power_down_policy": get_args(PowerDownPolicy),
    "arbiter": get_args(Arbiter),
}
"""Values of each named setting; the kernel knows them by their position."""

INTEGERS = {
    "request_buffer_size": (1, 1 << 20),
    "refresh_max_postponed": (0, 1 << 10),
    "refresh_max_pulledin": (0, 1 << 10),
    "max_active_transactions": (1, 1 << 20),
    "high_watermark": (0, 1 << 20),
    "low_watermark": (0, 1 << 20),
}
MAX_DELAY_NS = 1e6


@dataclass(frozen=True)
class ControllerConfig:
    """Settings of the controller, with the values of DRAMSys v4.0.

    Attributes
    ----------
    page_policy : {"Open", "OpenAdaptive", "Closed", "ClosedAdaptive"}
    scheduler : {"Fifo", "FrFcfs", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"}
    scheduler_buffer : {"Bankwise", "ReadWrite", "Shared"}
        What `request_buffer_size` counts: requests of a bank, of each direction, or all.
    request_buffer_size : int
    command_mux : {"Oldest", "Strict"}
    response_queue : {"Fifo", "Reorder"}
    refresh_policy : {"NoRefresh", "AllBank", "PerBank", "SameBank"}
        The last two only with devices that have them.
    refresh_max_postponed, refresh_max_pulledin : int
        Refreshes of the whole rank that may be late or early.
    power_down_policy : {"NoPowerDown", "Staggered"}
    arbiter : {"Simple", "Fifo", "Reorder"}
    max_active_transactions : int
        Requests between the arbiter's END_REQ and the initiator's END_RESP (Fifo and Reorder).
    high_watermark, low_watermark : int
        Writes buffered at which GrpFrFcfsWm turns to writes, and back to reads.
    arbitration_delay_fw_ns, arbitration_delay_bw_ns, think_delay_fw_ns, think_delay_bw_ns, \
phy_delay_fw_ns, phy_delay_bw_ns : float
        Delays towards (fw) and from (bw) the memory; rounded to whole cycles.
    """

    page_policy: PagePolicy = "Open"
    scheduler: Scheduler = "FrFcfs"
    scheduler_buffer: SchedulerBuffer = "Bankwise"
    request_buffer_size: int = 8
    command_mux: CommandMux = "Oldest"
    response_queue: ResponseQueue = "Fifo"
    refresh_policy: RefreshPolicy = "AllBank"
    refresh_max_postponed: int = 0
    refresh_max_pulledin: int = 0
    power_down_policy: PowerDownPolicy = "NoPowerDown"
    arbiter: Arbiter = "Simple"
    max_active_transactions: int = 128
    high_watermark: int = 0
    low_watermark: int = 0
    arbitration_delay_fw_ns: float = 0.0
    arbitration_delay_bw_ns: float = 0.0
    think_delay_fw_ns: float = 0.0
    think_delay_bw_ns: float = 0.0
    phy_delay_fw_ns: float = 0.0
    phy_delay_bw_ns: float = 0.0

    def __post_init__(self) -> None:
        for field, known in CHOICES.items():
            if getattr(self, field) not in known:
                raise UnknownNameError(field, getattr(self, field), known)
        for field, (low, high) in INTEGERS.items():
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidValueError(field, value, f"an integer >= {low}")
            check_range(field, value, low, high)
        for spec in fields(self):
            if spec.name.endswith("_ns"):
                check_range(spec.name, getattr(self, spec.name), 0, MAX_DELAY_NS)
        self._check_combinations()

    def _check_combinations(self) -> None:
        """Refuse settings that DRAMSys rejects or under which it never ends (see rules.py)."""
        check_possible(vars(self))

    @classmethod
    def parse(cls, document: dict[str, Any]) -> ControllerConfig:
        """Build a configuration from a mapping of settings; the rest keeps its default.

        Raises
        ------
        UnknownNameError, InvalidValueError
            A setting is unknown or out of range.
        """
        known = [spec.name for spec in fields(cls)]
        for name in document:
            if name not in known:
                raise UnknownNameError("setting", name, known, "the DRAM controller")
        return cls(**document)

    def document(self) -> dict[str, Any]:
        """Return the settings by name."""
        return asdict(self)

    def canonical(self, *, reads_only: bool = False) -> ControllerConfig:
        """Return the configuration with every ignored setting at its default.

        Two configurations with equal canonical forms give equal results, on every device.

        Parameters
        ----------
        reads_only : bool
            Also merge what differs only where there are writes.
        """
        default = ControllerConfig()
        changes: dict[str, Any] = {}
        if self.scheduler != "GrpFrFcfsWm" or reads_only:
            changes |= {
                name: getattr(default, name) for name in ("high_watermark", "low_watermark")
            }
        if self.arbiter == "Simple":
            changes["max_active_transactions"] = default.max_active_transactions
        if self.refresh_policy == "NoRefresh":
            for name in ("refresh_max_postponed", "refresh_max_pulledin"):
                changes[name] = getattr(default, name)
        if reads_only and "Grp" in self.scheduler:
            changes["scheduler"] = "FrFcfs"
        if reads_only and self.scheduler_buffer == "ReadWrite":
            changes["scheduler_buffer"] = "Shared"
        return replace(self, **changes)

    def key(self, *, reads_only: bool = False) -> str:
        """Hash of the canonical form."""
        return content_hash(self.canonical(reads_only=reads_only).document())
