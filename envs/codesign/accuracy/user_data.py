"""Readers of data sets in a folder that the user gives: CIFAR-10, STL-10, nuclei."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from chipgym.envs.codesign.accuracy.images import Array, Images, checked_classes, split
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, MissingLibraryError

__all__ = ["NUCLEI_SIDE", "cifar10", "nuclei", "stl10"]


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
    return images, checked_classes(path, rows[:, 0].astype(np.int64), 10)


def cifar10(folder: Path | None) -> Images:
    """Read CIFAR-10's binary version."""
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
    labels = checked_classes(place, _bytes(place, 1)[:, 0].astype(np.int64) - 1, 10)
    if len(labels) != len(images):
        raise FileFormatError(place, f"{len(labels)} labels for {len(images)} images")
    return np.ascontiguousarray(images), labels


def stl10(folder: Path | None) -> Images:
    """Read STL-10's labelled images."""
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
        raise MissingLibraryError("the data set 'nuclei'", "pillow", "images") from error
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


def nuclei(folder: Path | None) -> Images:
    """Read the 2018 Data Science Bowl's folder; 3 of 10 images are held out."""
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
    return split(np.stack(images).astype(np.float32), np.stack(labels).astype(np.int64), 0.3)
