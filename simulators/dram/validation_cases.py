"""Cases of a folder of DRAMSys results: configurations, workloads and logs, read and checked."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
from chipgym.simulators.core.files import read_json
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.simulate import prepare
from chipgym.simulators.dram.trace import read_trace

__all__ = ["DEVICES", "Folder", "parse_config"]

DEVICES = {
    "ddr3": ("ddr3-1600", "ddr3-1600-rbc"),
    "ddr3brc": ("ddr3-1600", "ddr3-1600-brc"),
    "ddr4": ("ddr4-2400", "ddr4-2400-bgint"),
    "ddr4brc": ("ddr4-2400", "ddr4-2400-brc"),
}
"""Device and address map by the key that the reference files use."""

SETTINGS = {
    "PagePolicy": "page_policy",
    "Scheduler": "scheduler",
    "SchedulerBuffer": "scheduler_buffer",
    "RequestBufferSize": "request_buffer_size",
    "CmdMux": "command_mux",
    "RespQueue": "response_queue",
    "RefreshPolicy": "refresh_policy",
    "RefreshMaxPostponed": "refresh_max_postponed",
    "RefreshMaxPulledin": "refresh_max_pulledin",
    "PowerDownPolicy": "power_down_policy",
    "Arbiter": "arbiter",
    "MaxActiveTransactions": "max_active_transactions",
    "HighWatermark": "high_watermark",
    "LowWatermark": "low_watermark",
    "ArbitrationDelayFw": "arbitration_delay_fw_ns",
    "ArbitrationDelayBw": "arbitration_delay_bw_ns",
    "ThinkDelayFw": "think_delay_fw_ns",
    "ThinkDelayBw": "think_delay_bw_ns",
    "PhyDelayFw": "phy_delay_fw_ns",
    "PhyDelayBw": "phy_delay_bw_ns",
}
"""Our name of each DRAMSys setting."""


def _value(name: str, text: Any) -> str | int | float:
    if name.endswith("_ns"):
        return float(text)
    try:
        return int(text)
    except ValueError:
        return str(text)


def parse_config(settings: Mapping[str, Any]) -> ControllerConfig:
    """Build a configuration from settings by DRAMSys' names; absent or blank ones are default."""
    values = {
        ours: _value(ours, settings[theirs])
        for theirs, ours in SETTINGS.items()
        if settings.get(theirs, "") != ""
    }
    return ControllerConfig.parse(values)


class Folder:
    """A folder of reference results.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._workload = cache(self._build_workload)

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file, none if it is absent."""
        path = self.path / name
        if not path.is_file():
            return []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise FileFormatError(path, f"cannot be read: {error}") from error
        for number, row in enumerate(rows, start=2):
            if None in row or None in row.values():
                raise FileFormatError(path, f"line {number}: not as many values as columns")
        return rows

    def config(self, case: str) -> ControllerConfig:
        """Return the configuration of a logged case."""
        document = read_json(self.path / "cmdtraces" / case / "mcconfig.json")
        return parse_config(document.get("mcconfig", document))

    def workload(self, trace: str, device: str) -> Workload:
        """Return a trace decoded for a device, by the names of the reference files."""
        return self._workload(trace, device)

    def _build_workload(self, trace: str, device: str) -> Workload:
        if device not in DEVICES:
            raise UnknownNameError("device", device, DEVICES)
        name, address_map = DEVICES[device]
        requests = read_trace(self.path / "traces" / trace)
        return prepare(load_device(name), load_map(address_map), requests)
