"""Address maps: which bits of a byte address select rank, group, bank, row and column."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.dram.device import Device

__all__ = ["AddressMap", "Location", "load_map", "map_names"]

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
    """

    rank: Ints
    group: Ints
    bank: Ints
    row: Ints
    column: Ints


class AddressMap(Description):
    """Positions of address bits, least significant first.

    Attributes
    ----------
    name : str
    byte, column, bank, bank_group, row, rank : tuple of int
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
    xor: tuple[tuple[int, int], ...] = ()

    def check(self, device: Device) -> None:
        """Raise `InvalidValueError` unless the map fits the device."""
        sizes = {
            "byte": device.bus_bytes,
            "column": device.columns,
            "bank": device.banks_per_group,
            "bank_group": device.bank_groups,
            "row": device.rows,
            "rank": device.ranks,
        }
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
        )


def _extract(address: Ints, bits: tuple[int, ...]) -> Ints:
    value = np.zeros_like(address)
    for position, bit in enumerate(bits):
        value |= ((address >> bit) & 1) << position
    return value


def map_names() -> list[str]:
    """Return the names of the shipped address maps."""
    return sorted(path.stem for path in DATA.glob("*.json"))


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
