"""Data that do not ship: which files they are, where they are kept, fetching and checking them."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chipgym.simulators.core.errors import ChipGymError, FileFormatError, UnknownNameError
from chipgym.simulators.core.files import write_bytes
from chipgym.simulators.logic.epfl import (
    EPFL_COMMIT,
    EPFL_FILES,
    EPFL_REPOSITORY,
    EpflFile,
    epfl_folder,
)

__all__ = ["DATASETS", "Dataset", "FetchError", "dataset_named", "fetch", "states"]

TIMEOUT_S = 60.0
_CHUNK = 1 << 16


class FetchError(ChipGymError):
    """A file cannot be had from where it was asked for."""


@dataclass(frozen=True)
class Dataset:
    """A data set that is fetched at the user's request.

    Attributes
    ----------
    name, description, licence : str
    source : str
        Address below which the files are, by their paths.
    folder : callable
        Where they are kept.
    files : tuple of EpflFile
        With size and SHA-256 each.
    """

    name: str
    description: str
    licence: str
    source: str
    folder: Callable[[], Path]
    files: tuple[EpflFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


DATASETS: dict[str, Dataset] = {
    "epfl": Dataset(
        "epfl",
        "EPFL combinational benchmarks: 10 arithmetic and 10 control circuits as AIGER",
        "MIT",
        f"https://raw.githubusercontent.com/{EPFL_REPOSITORY}/{EPFL_COMMIT}",
        epfl_folder,
        tuple(EPFL_FILES.values()),
    ),
}
"""Data sets by name."""


def dataset_named(name: str) -> Dataset:
    """Return a data set, or raise `UnknownNameError`."""
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]


def _target(dataset: Dataset, file: EpflFile) -> Path:
    return dataset.folder() / file.path


def state_of(dataset: Dataset, file: EpflFile) -> str:
    """Return ``"ok"``, ``"missing"`` or ``"damaged"``."""
    path = _target(dataset, file)
    if not path.is_file():
        return "missing"
    try:
        file.check(path.read_bytes(), path)
    except FileFormatError:
        return "damaged"
    return "ok"


def states(dataset: Dataset) -> dict[str, str]:
    """Return the state of every file, by its path."""
    return {file.path: state_of(dataset, file) for file in dataset.files}


def _download(address: str, part: Path, size: int) -> bytes:
    """Return the content of an address; what came of it before an interruption is not asked again.

    Parameters
    ----------
    address : str
    part : pathlib.Path
        Where the beginning is kept until the file is complete.
    size : int
        Bytes that the file has.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    done = part.stat().st_size if part.is_file() else 0
    if done >= size:
        part.unlink()
        done = 0
    request = urllib.request.Request(address, headers={"User-Agent": "chipgym"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            # A server that knows no ranges sends everything.
            again = done and answer.status != http.HTTPStatus.PARTIAL_CONTENT
            with part.open("wb" if again else "ab") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    if file.tell() > size:
                        break
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(
            f"{address} cannot be fetched ({error}); run the same command again to go on, or give "
            "another place with --mirror URL or --from DIR"
        ) from error
    return part.read_bytes()


def _local(folder: Path, file: EpflFile) -> bytes | None:
    for path in (folder / file.path, folder / Path(file.path).name):
        if path.is_file():
            data = path.read_bytes()
            file.check(data, path)
            return data
    return None


def fetch(
    dataset: Dataset, mirror: str | None = None, source: Path | None = None
) -> Iterator[tuple[str, str]]:
    """Fetch the files that are missing or damaged; yield each file's path and what was done.

    Interrupted, it goes on where it was: files that are there and sound are left alone.

    Parameters
    ----------
    dataset : Dataset
    mirror : str, optional
        Address below which the files are, instead of the data set's own; also ``file://…``.
    source : path, optional
        A folder that holds the files.

    Raises
    ------
    FetchError
        A file cannot be had.
    FileFormatError
        A file is not the one whose SHA-256 is known.
    """
    base = (mirror or dataset.source).rstrip("/")
    missing = []
    for file in dataset.files:
        if state_of(dataset, file) == "ok":
            yield file.path, "is there"
            continue
        target = _target(dataset, file)
        part = target.with_name(f".{target.name}.fetching")
        if source is not None:
            found = _local(source, file)
            if found is None:
                missing.append(file.path)
                yield file.path, "is not there"
                continue
            data = found
        else:
            address = f"{base}/{file.path}"
            data = _download(address, part, file.size)
            try:
                file.check(data, address)
            except FileFormatError:
                part.unlink(missing_ok=True)
                raise
        write_bytes(target, data)
        part.unlink(missing_ok=True)
        yield file.path, "fetched"
    if missing:
        raise FetchError(f"{source} lacks {', '.join(missing)} (by path or by name)")
