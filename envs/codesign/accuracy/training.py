"""One training of one network: the same bits for the same arguments, on one thread."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from chipgym.envs.codesign.accuracy.data_sets import DataSet, Images
from chipgym.envs.codesign.accuracy.provider import TrainingError
from chipgym.envs.codesign.accuracy.recipe import Recipe
from chipgym.envs.codesign.accuracy.torch_network import NetworkModule
from chipgym.envs.codesign.spaces import Architecture

__all__ = ["train_network"]

TEST_NOISE_SEED = 1
TEST_BATCH = 512


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """Seed PyTorch and use one thread; leave its global state as it was."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def train_network(
    architecture: Architecture, data_set: DataSet, images: Images, recipe: Recipe, seed: int
) -> float:
    """Train a network and return its accuracy on the held-out images.

    Returns
    -------
    float
        Share of correct classes, or intersection over union of the foreground.

    Raises
    ------
    TrainingError
        The loss is not finite.
    """
    network = architecture.network(data_set.shape, data_set.classes)
    rng = np.random.default_rng(seed)
    with _alone(seed):
        model = NetworkModule(network)
        _fit(model, architecture.key, images, recipe, rng)
        return _score(model, images, recipe, data_set.segmentation)


def _fit(
    model: nn.Module, name: str, images: Images, recipe: Recipe, rng: np.random.Generator
) -> None:
    count = min(recipe.train_images or len(images.train), len(images.train))
    inputs = torch.from_numpy(images.train[:count])
    labels = torch.from_numpy(images.train_labels[:count])
    steps = recipe.epochs * math.ceil(count / recipe.batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best, waited = math.inf, 0
    model.train()
    for _ in range(recipe.epochs):
        order = torch.from_numpy(rng.permutation(count))
        total = 0.0
        for chosen in torch.split(order, recipe.batch):
            # Batch norm has nothing to normalise with in a batch of one.
            if len(chosen) < 2:
                continue
            batch = _augment(inputs[chosen], recipe, rng)
            loss = nn.functional.cross_entropy(model(batch), labels[chosen])
            if not torch.isfinite(loss):
                raise TrainingError(name, "the loss is not finite")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        best, waited = (total, 0) if total < best else (best, waited + 1)
        if waited >= recipe.patience:
            break


def _augment(batch: torch.Tensor, recipe: Recipe, rng: np.random.Generator) -> torch.Tensor:
    if recipe.shift:
        moves = rng.integers(-recipe.shift, recipe.shift + 1, size=(len(batch), 2))
        rolled = [
            torch.roll(image, tuple(move), (1, 2))
            for image, move in zip(batch, moves.tolist(), strict=True)
        ]
        batch = torch.stack(rolled)
    return _noisy(batch, recipe, rng)


def _noisy(batch: torch.Tensor, recipe: Recipe, rng: np.random.Generator) -> torch.Tensor:
    if not recipe.noise:
        return batch
    noise = rng.standard_normal(tuple(batch.shape), dtype=np.float32)
    return batch + recipe.noise * torch.from_numpy(noise)


def _score(model: nn.Module, images: Images, recipe: Recipe, segmentation: bool) -> float:
    """Measure on held-out images, with a noise that is the same for all networks."""
    rng = np.random.default_rng(TEST_NOISE_SEED)
    inputs = _noisy(torch.from_numpy(images.test), recipe, rng)
    labels = torch.from_numpy(images.test_labels)
    model.eval()
    hits = union = 0
    with torch.no_grad():
        for part, truth in zip(
            *(torch.split(a, TEST_BATCH) for a in (inputs, labels)), strict=True
        ):
            found = model(part).argmax(dim=1)
            if segmentation:
                hits += int(((found == 1) & (truth == 1)).sum())
                union += int(((found == 1) | (truth == 1)).sum())
            else:
                hits += int((found == truth).sum())
                union += len(truth)
    return hits / max(union, 1)
