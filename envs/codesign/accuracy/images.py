"""What a data set is, and its images as arrays.

Arrays are float32 images in 0..1, [n, channels, height, width], and int64 labels, [n] for
classification, [n, height, width] with 1 for the foreground in segmentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.layer import Shape
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["SPLIT_SEED", "Array", "DataSet", "Images", "checked_classes", "split"]

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


def split(images: Array, labels: Array, held_out: float) -> Images:
    """Keep a fixed random part for testing."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    count = round(held_out * len(images))
    test, train = order[:count], order[count:]
    return Images(images[train], labels[train], images[test], labels[test])


def checked_classes(path: Path, labels: Array, classes: int) -> Array:
    """Return labels as int64, or raise `FileFormatError` where one is no class."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        raise FileFormatError(path, f"label {int(labels[wrong][0])}, not 0 .. {classes - 1}")
    return labels.astype(np.int64)
