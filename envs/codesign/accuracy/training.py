"""One training of one network: the same bits for the same arguments, on one thread."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
VALIDATION_NOISE_SEED = 2
TEST_BATCH = 512
SETTLING_BATCH = 128
Tensors = tuple[torch.Tensor, torch.Tensor]


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
        The loss or an output is not finite, there are too few images to train on, or none of the
        held-out ones shows what is looked for.
    """
    network = architecture.network(data_set.shape, data_set.classes)
    if not len(images.test) or (data_set.segmentation and not images.test_labels.any()):
        raise TrainingError(architecture.key, "the held-out images have nothing to find")
    rng = np.random.default_rng(seed)
    with _alone(seed):
        model: nn.Module = NetworkModule(network)
        # Convolutions of small images are quicker in this order; results are the same but rounding.
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        training = _Training(model, architecture.key, images, recipe, rng)
        training.run()
        threshold = training.threshold() if data_set.segmentation else None
        return _score(model, architecture.key, images, recipe, threshold)


class _Training:
    """Adam over batches, and early stopping where the recipe asks for it."""

    def __init__(
        self,
        model: nn.Module,
        name: str,
        images: Images,
        recipe: Recipe,
        rng: np.random.Generator,
    ) -> None:
        self.model, self.name, self.recipe, self.rng = model, name, recipe, rng
        count = min(recipe.train_images or len(images.train), len(images.train))
        kept = count - round(recipe.validation * count)
        if kept < 2 or (recipe.patience and kept == count):
            raise TrainingError(name, f"{count} images are too few to train on")
        inputs, labels = (torch.from_numpy(a) for a in (images.train, images.train_labels))
        self.inputs, self.labels = inputs[:kept], labels[:kept]
        rest = np.random.default_rng(VALIDATION_NOISE_SEED)
        self.validation = _noisy(inputs[kept:count], recipe, rest), labels[kept:count]
        steps = recipe.epochs * math.ceil(kept / recipe.batch)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)

    def run(self) -> None:
        """Train; the model then has the weights of the last epoch, or of the best."""
        best, waited = math.inf, 0
        weights: dict[str, Any] = {}
        for _ in range(self.recipe.epochs):
            self._epoch()
            if not self.recipe.patience:
                continue
            loss = self._validation_loss()
            waited = waited + 1
            if loss < best:
                best, waited, weights = loss, 0, copy.deepcopy(self.model.state_dict())
            if waited >= self.recipe.patience:
                break
        if weights:
            self.model.load_state_dict(weights)
        self._settle()

    def _settle(self) -> None:
        """Average the statistics of batch norm anew, over the training images and final weights.

        Running averages lag behind the weights of a short training (Wu and Johnson, "Rethinking
        'Batch' in BatchNorm", 2021).
        """
        norms = [part for part in self.model.modules() if isinstance(part, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        self.model.train()
        with torch.no_grad():
            for part in torch.split(self.inputs, SETTLING_BATCH):
                if len(part) > 1:
                    self.model(_noisy(part, self.recipe, self.rng))

    def _epoch(self) -> None:
        self.model.train()
        order = torch.from_numpy(self.rng.permutation(len(self.inputs)))
        for chosen in torch.split(order, self.recipe.batch):
            # Batch norm has nothing to normalise with in a batch of one.
            if len(chosen) < 2:
                continue
            batch, labels = _augment(
                self.inputs[chosen], self.labels[chosen], self.recipe, self.rng
            )
            batch = batch.contiguous(memory_format=torch.channels_last)
            loss = self._loss(batch, labels)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.schedule.step()

    def threshold(self) -> float:
        """Return from which margin on a pixel is foreground: what is best on the training images.

        The threshold of a short training lags behind what it has learnt to tell apart.
        """
        self.model.eval()
        with torch.no_grad():
            margins = [
                _margin(self.model(_noisy(part, self.recipe, self.rng)))
                for part in torch.split(self.inputs, SETTLING_BATCH)
            ]
        margin, truth = torch.cat(margins).flatten(), self.labels.flatten() == 1
        # Intersection and union of every cut between two margins, from the highest down.
        order = torch.argsort(margin, descending=True, stable=True)
        hits = truth[order].cumsum(0)
        union = torch.arange(1, len(order) + 1) + truth.sum() - hits
        return float(margin[order[int((hits / union).argmax())]])

    def _loss(self, batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy; in segmentation plus 1 minus the soft Dice coefficient.

        The latter (Milletari et al., V-Net, 3DV 2016) keeps networks from finding nothing at all
        where the foreground is rare.
        """
        output = self.model(batch)
        loss = nn.functional.cross_entropy(output, labels)
        if labels.ndim > 1:
            share, truth = output.softmax(dim=1)[:, 1], (labels == 1).float()
            loss = loss + 1 - (2 * (share * truth).sum() + 1) / (share.sum() + truth.sum() + 1)
        if not torch.isfinite(loss):
            raise TrainingError(self.name, "the loss is not finite")
        return loss

    def _validation_loss(self) -> float:
        self.model.eval()
        total = 0.0
        with torch.no_grad():
            for part, truth in _parts(*self.validation):
                total += float(self._loss(part, truth)) * len(part)
        return total / len(self.validation[0])


def _parts(inputs: torch.Tensor, labels: torch.Tensor) -> Iterator[Tensors]:
    yield from zip(torch.split(inputs, TEST_BATCH), torch.split(labels, TEST_BATCH), strict=True)


def _augment(
    batch: torch.Tensor, labels: torch.Tensor, recipe: Recipe, rng: np.random.Generator
) -> Tensors:
    """Move and mirror images, and with them the labels where every pixel has one; add noise."""
    pixels = labels.ndim > 1
    if recipe.shift:
        moves = rng.integers(-recipe.shift, recipe.shift + 1, size=(len(batch), 2)).tolist()
        batch = _each(lambda image, move: torch.roll(image, move, (-2, -1)), batch, moves)
        if pixels:
            labels = _each(lambda image, move: torch.roll(image, move, (-2, -1)), labels, moves)
    if recipe.flips:
        axes = [[-2] * a + [-1] * b for a, b in rng.integers(0, 2, size=(len(batch), 2)).tolist()]
        batch = _each(torch.flip, batch, axes)
        if pixels:
            labels = _each(torch.flip, labels, axes)
    return _noisy(batch, recipe, rng), labels


def _each(change: Any, items: torch.Tensor, arguments: list[Any]) -> torch.Tensor:
    return torch.stack([change(item, own) for item, own in zip(items, arguments, strict=True)])


def _noisy(batch: torch.Tensor, recipe: Recipe, rng: np.random.Generator) -> torch.Tensor:
    if not recipe.noise:
        return batch
    noise = rng.standard_normal(tuple(batch.shape), dtype=np.float32)
    return batch + recipe.noise * torch.from_numpy(noise)


def _margin(output: torch.Tensor) -> torch.Tensor:
    """Return by how much the foreground's output exceeds the background's."""
    return output[:, 1] - output[:, 0]


def _score(
    model: nn.Module, name: str, images: Images, recipe: Recipe, threshold: float | None
) -> float:
    """Measure on held-out images, with a noise that is the same for all networks.

    With a threshold, intersection over union of what lies above it; else the share of hits.
    """
    rng = np.random.default_rng(TEST_NOISE_SEED)
    inputs = _noisy(torch.from_numpy(images.test), recipe, rng)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    model.eval()
    hits = union = 0
    with torch.no_grad():
        for part, truth in _parts(inputs, torch.from_numpy(images.test_labels)):
            output = model(part)
            if not torch.isfinite(output).all():
                raise TrainingError(name, "an output is not finite")
            if threshold is None:
                hits += int((output.argmax(dim=1) == truth).sum())
                union += len(truth)
            else:
                found = _margin(output) >= threshold
                hits += int((found & (truth == 1)).sum())
                union += int((found | (truth == 1)).sum())
    return hits / union
