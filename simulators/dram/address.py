"""Address maps: which bits of a byte address select channel, rank, group, bank, row, column."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.dram.device import Device, load_device

__all__ = ["AddressMap", "Location", "build_map", "default_map", "load_map", "map_names"]

DATA = Path(__file__).parent / "data" / "maps"

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Location:
    """Where N addresses lead; each field an int64 array of shape (N,).

    Attributes
    ----------
    rank, group, bank, row, column : int64 array
        `group` counts within the rank; `bank` is flat over the channel: bank within the group +
        banks per group * (group + groups * rank).
    channel : int64 array
    """

    rank: Ints
    group: Ints
    bank: Ints
    row: Ints
    column: Ints
    channel: Ints


class AddressMap(Description):
    """Positions of address bits, least significant first.

    Attributes
    ----------
    name : str
    byte, column, bank, bank_group, row, rank, channel : tuple of int
        Bit positions. Every bit from 0 on is used exactly once, bytes come first and the bits of a
        burst directly above them.
    xor : tuple of (int, int)
        Pairs (a, b): bit a becomes a xor b, in this order, before the bits are taken apart.
    """

    name: str
    byte: tuple[int, ...]
    column: tuple[int, ...]
    bank: tuple[int, ...]
    bank_group: tuple[int, ...] = ()
    row: tuple[int, ...]
    rank: tuple[int, ...] = ()
    channel: tuple[int, ...] = ()
    xor: tuple[tuple[int, int], ...] = ()

    def check(self, device: Device) -> None:
        """Raise `InvalidValueError` unless the map fits the device."""
        sizes = _sizes(device)
        for field, size in sizes.items():
            bits = getattr(self, field)
            if 1 << len(bits) != size:
                raise InvalidValueError(
                    f"{self.name}.{field}", bits, f"{size.bit_length() - 1} bits for {device.name}"
                )
        used = sorted(bit for field in sizes for bit in getattr(self, field))
        if used != list(range(len(used))):
            raise InvalidValueError(self.name, used, "every bit from 0 on exactly once")
        burst = len(self.byte) + device.burst_length.bit_length() - 1
        if self.byte != tuple(range(len(self.byte))):
            raise InvalidValueError(f"{self.name}.byte", self.byte, "bits from 0 on, in order")
        if not set(range(len(self.byte), burst)) <= set(self.column):
            raise InvalidValueError(
                f"{self.name}.column", self.column, "the bits of a burst directly above the bytes"
            )
        for pair in self.xor:
            if min(pair) < burst or max(pair) >= len(used) or pair[0] == pair[1]:
                raise InvalidValueError(
                    f"{self.name}.xor", pair, f"two different bits in {burst}..{len(used) - 1}"
                )

    def decode(self, address: npt.ArrayLike, device: Device) -> Location:
        """Take addresses apart, aligned down to the burst.

        Parameters
        ----------
        address : integer array, shape (N,)
            Byte addresses below the device's capacity.
        device : Device
            A device that the map fits (see `check`).
        """
        aligned = np.asarray(address, dtype=np.int64) & ~np.int64(device.burst_bytes - 1)
        for target, source in self.xor:
            aligned = aligned ^ (((aligned >> source) & 1) << target)
        rank = _extract(aligned, self.rank)
        group = _extract(aligned, self.bank_group)
        bank = _extract(aligned, self.bank)
        return Location(
            rank=rank,
            group=group,
            bank=bank + device.banks_per_group * (group + device.bank_groups * rank),
            row=_extract(aligned, self.row),
            column=_extract(aligned, self.column),
            channel=_extract(aligned, self.channel),
        )


def _sizes(device: Device) -> dict[str, int]:
    """Return how many values each field of an address has."""
    return {
        "byte": device.bus_bytes,
        "column": device.columns,
        "bank": device.banks_per_group,
        "bank_group": device.bank_groups,
        "row": device.rows,
        "rank": device.ranks,
        "channel": device.channels,
    }


def build_map(name: str, device: Device, order: Sequence[str]) -> AddressMap:
    """Return the address map of a device with its fields in an order.

    Parameters
    ----------
    name : str
    device : Device
    order : sequence of str
        Fields above the bits of a burst, least significant first: column, bank, bank_group, row,
        rank and channel, each once. Those of one value take no bits.

    Raises
    ------
    InvalidValueError
        A field is missing, unknown or given twice.
    """
    sizes = _sizes(device)
    if sorted(order) != sorted(set(sizes) - {"byte"}):
        raise InvalidValueError("order", tuple(order), "each field above the bytes exactly once")
    width = {field: size.bit_length() - 1 for field, size in sizes.items()}
    burst = device.burst_length.bit_length() - 1
    bits: dict[str, list[int]] = {field: [] for field in sizes}
    bits["byte"] = list(range(width["byte"]))
    bits["column"] = list(range(width["byte"], width["byte"] + burst))
    following = width["byte"] + burst
    for field in order:
        count = width[field] - len(bits[field])
        bits[field] += range(following, following + count)
        following += count
    return AddressMap.parse({"name": name, **bits})


def _extract(address: Ints, bits: tuple[int, ...]) -> Ints:
    value = np.zeros_like(address)
    for position, bit in enumerate(bits):
        value |= ((address >> bit) & 1) << position
    return value


def map_names(device: Device | str | None = None) -> list[str]:
    """Return the names of the shipped address maps.

    Parameters
    ----------
    device : Device or str, optional
        Only those that fit this device, or the shipped device of this name.
    """
    names = sorted(path.stem for path in DATA.glob("*.json"))
    if device is None:
        return names
    described = load_device(device) if isinstance(device, str) else device
    return [name for name in names if _fits(name, described)]


def _fits(name: str, device: Device) -> bool:
    try:
        load_map(name).check(device)
    except InvalidValueError:
        return False
    return True


def default_map(device: Device | str) -> AddressMap:
    """Return the shipped address map that a device names, else the first that fits.

    Parameters
    ----------
    device : Device or str
        A device, or the name of a shipped one.

    Raises
    ------
    InvalidValueError
        None fits: a device of one's own needs a map of its own (`build_map`).
    """
    described = load_device(device) if isinstance(device, str) else device
    names = [described.default_map] if described.default_map else map_names(described)
    if not names:
        raise InvalidValueError("address map", None, f"a map built for {described.name}")
    return load_map(names[0])


@functools.cache
def load_map(name: str) -> AddressMap:
    """Return a shipped address map by name.

    Raises
    ------
    UnknownNameError
        There is no such map.
    """
    if name not in map_names():
        raise UnknownNameError("address map", name, map_names())
    return AddressMap.load(DATA / f"{name}.json")
