"""Datasets in folders: written in one or both formats, read in whichever is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chipgym.experiments.offline.episodes import DatasetHead, OfflineDataset
from chipgym.experiments.offline.minari_format import minari_path, read_minari, write_minari
from chipgym.experiments.offline.parquet import HEAD, STEPS, read_parquet, write_parquet
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
from chipgym.simulators.core.hashing import content_hash

__all__ = ["FORMATS", "dataset_hash", "read_dataset", "read_head", "write_dataset"]

FORMATS = ("parquet", "minari")


def write_dataset(
    dataset: OfflineDataset, folder: Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write a dataset into a new folder; return what was written.

    Raises
    ------
    UnknownNameError
        A format is none of `FORMATS`.
    FileFormatError
        The folder holds something.
    MissingLibraryError
        PyArrow or Minari is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnknownNameError("format", name, FORMATS)
    if folder.is_dir() and any(folder.iterdir()):
        raise FileFormatError(folder, "holds something already; choose another --out")
    written = []
    if "minari" in formats:
        written.append(write_minari(dataset, folder))
    if "parquet" in formats:
        write_parquet(dataset, folder)
        written.append(folder / STEPS)
    dataset.head.save(folder / HEAD)
    return written


def read_head(folder: Path) -> DatasetHead:
    """Read what is known of a dataset as a whole.

    Raises
    ------
    FileFormatError
        The folder is no dataset.
    """
    return DatasetHead.load(folder / HEAD)


def read_dataset(folder: Path) -> OfflineDataset:
    """Read a dataset from its folder: the Parquet form, or else the Minari one.

    Raises
    ------
    FileFormatError
        The folder is no dataset, or is damaged.
    """
    head = read_head(folder)
    if (folder / STEPS).is_file():
        return read_parquet(folder)
    return read_minari(minari_path(folder, head))


def dataset_hash(dataset: OfflineDataset) -> str:
    """Hash of what was done: every action, reward and mask, by episode."""
    return content_hash(
        [
            [episode.instance_id, episode.actions.tolist(), episode.rewards.tolist()]
            for episode in dataset.episodes
        ]
    )
