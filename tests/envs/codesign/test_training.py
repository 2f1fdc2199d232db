"""Trainings: failures are errors or records, early stopping, augmentation, thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from chipgym.envs.codesign.accuracy import TrainingError, training
from chipgym.envs.codesign.accuracy.data_sets import Images, data_set_named
from chipgym.envs.codesign.accuracy.recipe import RECIPES, Recipe
from chipgym.envs.codesign.accuracy.training import train_network
from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import InvalidValueError

DIGITS = data_set_named("digits")
NUCLEI = data_set_named("nuclei-stardist")
SMALL = Architecture("resnet9", (4, 4, 0, 8, 0))
UNET = Architecture("unet", (4, 6))


def _bars(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make images of two classes: a bright upper or a bright lower half."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=count)
    images = rng.uniform(0, 0.3, size=(count, 1, 8, 8)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        image[0, 4 * label : 4 * label + 4] += 0.7
    return images, labels.astype(np.int64)


def _squares(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make images with one bright square, and which pixels it has."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 0.3, size=(count, 1, 16, 16)).astype(np.float32)
    labels = np.zeros((count, 16, 16), dtype=np.int64)
    for number in range(count):
        top, left = rng.integers(0, 11, size=2)
        labels[number, top : top + 5, left : left + 5] = 1
    return images + 0.6 * labels[:, None].astype(np.float32), labels


BARS = Images(*_bars(40, 0), *_bars(30, 1))
SQUARES = Images(*_squares(12, 0), *_squares(8, 1))
SQUARE_SET = replace(NUCLEI, shape=(1, 16, 16))


def test_a_training_learns_and_repeats() -> None:
    recipe = Recipe("bars", epochs=6, batch=8)
    found = train_network(SMALL, DIGITS, BARS, recipe, 0)
    assert found > 0.9
    assert train_network(SMALL, DIGITS, BARS, recipe, 0) == found


def test_segmentation_learns_with_moved_and_mirrored_images() -> None:
    """Labels move and are mirrored with their images, or nothing could be learnt."""
    recipe = Recipe("squares", epochs=20, batch=4, learning_rate=0.03, shift=4, flips=True)
    assert train_network(UNET, SQUARE_SET, SQUARES, recipe, 0) > 0.8


@pytest.mark.parametrize("where", ["train", "test"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_that_are_not_finite(where: str, bad: float) -> None:
    broken = replace(BARS, **{where: np.full_like(getattr(BARS, where), bad)})
    with pytest.raises(TrainingError, match="not finite"):
        train_network(SMALL, DIGITS, broken, Recipe("r", epochs=1), 0)


def test_a_learning_rate_that_diverges() -> None:
    with pytest.raises(TrainingError, match="not finite"):
        train_network(SMALL, DIGITS, BARS, Recipe("r", epochs=9, learning_rate=1e38), 0)


def test_held_out_images_with_nothing_to_find() -> None:
    nothing = replace(SQUARES, test_labels=np.zeros_like(SQUARES.test_labels))
    with pytest.raises(TrainingError, match="nothing to find"):
        train_network(UNET, SQUARE_SET, nothing, Recipe("r", epochs=1), 0)
    empty = replace(BARS, test=BARS.test[:0], test_labels=BARS.test_labels[:0])
    with pytest.raises(TrainingError, match="nothing to find"):
        train_network(SMALL, DIGITS, empty, Recipe("r", epochs=1), 0)


@pytest.mark.parametrize(
    "recipe", [Recipe("r", 1), Recipe("r", 3, validation=0.1, patience=1)], ids=["one", "no part"]
)
def test_too_few_images(recipe: Recipe) -> None:
    with pytest.raises(TrainingError, match="too few"):
        train_network(SMALL, DIGITS, BARS, recipe, 0)


def test_early_stopping_watches_images_that_are_not_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With labels that cannot be learnt, the held-out loss soon rises, and training stops."""
    epochs: list[int] = []
    run = training._Training._epoch

    def spy(own: Any) -> None:
        epochs.append(len(own.inputs))
        run(own)

    monkeypatch.setattr(training._Training, "_epoch", spy)
    rng = np.random.default_rng(0)
    noise = replace(BARS, train_labels=rng.integers(0, 10, size=len(BARS.train)))
    recipe = Recipe("r", epochs=40, batch=8, learning_rate=0.02, validation=0.25, patience=2)
    train_network(SMALL, DIGITS, noise, recipe, 0)
    assert set(epochs) == {30}
    assert 3 <= len(epochs) < 40
    epochs.clear()
    train_network(SMALL, DIGITS, noise, Recipe("r", epochs=5, batch=8), 0)
    assert epochs == [40] * 5


def test_held_out_images_are_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    start = training._Training.__init__

    def spy(own: Any, *arguments: Any) -> None:
        start(own, *arguments)
        seen.extend([own.inputs, own.validation[0]])

    monkeypatch.setattr(training._Training, "__init__", spy)
    train_network(SMALL, DIGITS, BARS, Recipe("r", epochs=1, validation=0.2), 0)
    used = torch.cat(seen).numpy()
    assert len(used) == len(BARS.train)
    assert not (used[:, None] == BARS.test[None]).all(axis=(2, 3, 4)).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch": 1},
        {"patience": 2},
        {"validation": 0.9},
        {"learning_rate": 0.0},
        {"noise": -1.0},
    ],
)
def test_recipes_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        Recipe("r", **wrong)


def test_recipes_with_early_stopping_keep_images_for_it() -> None:
    assert [r.name for r in RECIPES.values() if r.patience] == [
        "cifar-short",
        "stl-short",
        "nuclei-short",
    ]
