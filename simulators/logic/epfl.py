"""The EPFL combinational benchmarks: which files they are, and reading them checked.

Source: repository lsils/benchmarks (MIT licence), one pinned commit; L. Amaru, P.-E. Gaillardon,
G. De Micheli, The EPFL Combinational Benchmark Suite, IWLS 2015. The files are fetched at the
user's request and do not ship.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
from chipgym.simulators.logic.aiger import read_body
from chipgym.simulators.logic.circuits import Circuit

__all__ = [
    "EPFL_COMMIT",
    "EPFL_FILES",
    "EPFL_REPOSITORY",
    "EpflFile",
    "data_folder",
    "epfl_circuit",
    "epfl_folder",
]

EPFL_REPOSITORY = "lsils/benchmarks"
EPFL_COMMIT = "94e25f33b9bcbaa155e20ceedc6f6dc45bdffddf"


@dataclass(frozen=True)
class EpflFile:
    """One benchmark.

    Attributes
    ----------
    path : str
        In the repository.
    size : int
        Bytes.
    inputs, outputs, ands : int
    sha256 : str
        Of the file.
    """

    path: str
    size: int
    inputs: int
    outputs: int
    ands: int
    sha256: str

    @property
    def name(self) -> str:
        """Name of the benchmark."""
        return Path(self.path).stem

    def check(self, data: bytes, source: object) -> None:
        """Raise `FileFormatError` unless the bytes are this file's."""
        if len(data) != self.size or hashlib.sha256(data).hexdigest() != self.sha256:
            raise FileFormatError(source, f"is not {self.path} of commit {EPFL_COMMIT[:12]}")


_FILES = (
    EpflFile(
        "arithmetic/adder.aig",
        7393,
        256,
        129,
        1020,
        "60a28c90dc413ab479e07aba13185ae71ab7ffd3fd256c5e631212ee46170bcd",
    ),
    EpflFile(
        "arithmetic/bar.aig",
        14097,
        135,
        128,
        3336,
        "28a3d895fe2821d4dcd04230751a059cb31ff5e28285a61ff7778cf71fb61da3",
    ),
    EpflFile(
        "arithmetic/div.aig",
        177604,
        128,
        128,
        57247,
        "e65955ae0931e5c7ed91a6210f0f6e6b7bd95eaeef1ffddcfb3e7ec633ed5d82",
    ),
    EpflFile(
        "arithmetic/hyp.aig",
        592213,
        256,
        128,
        214335,
        "b0be478cd838b5fb7bb91ee695aae9e5e8a6ddb3035f965461bb709c21386549",
    ),
    EpflFile(
        "arithmetic/log2.aig",
        96543,
        32,
        32,
        32060,
        "146f031921372d0dc47c73ad2c82ce4e7413caff725204b7938a4cf61b1f15cb",
    ),
    EpflFile(
        "arithmetic/max.aig",
        17880,
        512,
        130,
        2865,
        "9a7c45c95cec2afbfd418468d8b5ff6a33161c591892e34ba34ff6ed3fbbb1a9",
    ),
    EpflFile(
        "arithmetic/multiplier.aig",
        80932,
        128,
        128,
        27062,
        "543555652101e587c1d1b18a38eb18dfebcb5f85e63e35c781361aa26888946e",
    ),
    EpflFile(
        "arithmetic/sin.aig",
        15207,
        24,
        25,
        5416,
        "e1a649d2eca27337787cb4aed79abe120f49597975beaed8bffd6a329c2664b3",
    ),
    EpflFile(
        "arithmetic/sqrt.aig",
        69537,
        128,
        64,
        24618,
        "2fdf59877a0f1ceba46a2a3aca5457e05c47ac24ceb69839a4c12d071cf62300",
    ),
    EpflFile(
        "arithmetic/square.aig",
        51034,
        64,
        128,
        18484,
        "c3fe8598cf501743043cf573b7226478a06be9dfb180d17bca77cdfbe667d784",
    ),
    EpflFile(
        "random_control/arbiter.aig",
        45159,
        256,
        129,
        11839,
        "0eacc0a97717bbc91f732ce6814bbfcdefa8a0b65b13ade6f002e35d0e585d82",
    ),
    EpflFile(
        "random_control/cavlc.aig",
        2453,
        10,
        11,
        693,
        "125e0fdeb41ccadac5e6ada71f3c416fd026cfcbc8e75ad1c6b57ddc2b100f31",
    ),
    EpflFile(
        "random_control/ctrl.aig",
        1119,
        7,
        26,
        174,
        "9da22b9ba9917569878d750926623d3920a4cd985a0980cc65763c5d3ac0e78b",
    ),
    EpflFile(
        "random_control/dec.aig",
        6608,
        8,
        256,
        304,
        "38def606e795975e469273411ee9217bc43656c57e6f6eeda3ea640452fa3443",
    ),
    EpflFile(
        "random_control/i2c.aig",
        7550,
        147,
        142,
        1342,
        "3f6ab413a3f745c87811fa6565d972146f1f4e6ede78fae71fcb16e469b9b213",
    ),
    EpflFile(
        "random_control/int2float.aig",
        992,
        11,
        7,
        260,
        "ad280bdb8331591998b8184ff70ad00d31184649c245796965fc6777e3016bab",
    ),
    EpflFile(
        "random_control/mem_ctrl.aig",
        193732,
        1204,
        1231,
        46836,
        "390d601836717129b903a5ecc8fd96b41d322d26895d666b303c64b796bd0d1d",
    ),
    EpflFile(
        "random_control/priority.aig",
        4061,
        128,
        8,
        978,
        "9123187c4169189f53f17a84367c4bd5f749b13298f9619ef601c5de4ee90678",
    ),
    EpflFile(
        "random_control/router.aig",
        2217,
        60,
        30,
        257,
        "fe8d13d4efe05fc3400ab8c94c0d1ce07ee24dd2ec106f7ae3d24e962e80efbd",
    ),
    EpflFile(
        "random_control/voter.aig",
        45327,
        1001,
        1,
        13758,
        "10ea098f4fca120ba55dd1abd5fab34d6a4df6099c4f411bc8592a27f9caf324",
    ),
)

EPFL_FILES: dict[str, EpflFile] = {file.name: file for file in _FILES}
"""Benchmarks by name."""


def data_folder() -> Path:
    """Return where fetched data are kept: ``CHIPGYM_DATA``, or in the user's cache folder."""
    chosen = os.environ.get("CHIPGYM_DATA")
    if chosen:
        return Path(chosen)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "chipgym"


def epfl_folder() -> Path:
    """Return where the fetched benchmarks are kept."""
    return data_folder() / "epfl"


def epfl_circuit(name: str, folder: str | os.PathLike[str] | None = None) -> Circuit:
    """Read a benchmark from a folder that holds the files by name or by their path.

    Parameters
    ----------
    name : str
        Such as ``"router"``.
    folder : path, optional
        Default: where ``chipgym data fetch epfl`` puts them.

    Raises
    ------
    UnknownNameError
    FileFormatError
        The file is missing or differs from the pinned one.
    """
    if name not in EPFL_FILES:
        raise UnknownNameError("EPFL circuit", name, EPFL_FILES)
    file = EPFL_FILES[name]
    folder = epfl_folder() if folder is None else folder
    for path in (Path(folder) / f"{name}.aig", Path(folder) / file.path):
        if path.is_file():
            data = path.read_bytes()
            file.check(data, path)
            return Circuit(f"epfl-{name}", read_body(data, str(path)))
    raise FileFormatError(
        folder, f"has no {name}.aig; get the EPFL benchmarks with `chipgym data fetch epfl`"
    )
