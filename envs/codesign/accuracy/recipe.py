"""Training recipes: short ones, so that architectures differ in what they reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range
from chipgym.simulators.core.hashing import content_hash

__all__ = ["RECIPES", "Recipe", "recipe_for"]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, with Adam and a learning rate that falls to zero as a cosine.

    Attributes
    ----------
    name : str
    train_images : int
        Images that are trained on, the first of the data set; 0: all.
    epochs, batch : int
    learning_rate : float
    noise : float
        Standard deviation of the Gaussian noise on all images, in units of their range; held-out
        images have a fixed noise.
    shift : int
        Training images are moved by up to so many pixels in both directions.
    flips : bool
        Training images are mirrored at random, in both directions.
    validation : float
        Share of the training images that is not trained on; it decides about early stopping.
    patience : int
        Epochs without a smaller loss on that part after which training stops early, with the
        weights of the best epoch; 0: never.
    """

    name: str
    train_images: int = 0
    epochs: int = 6
    batch: int = 32
    learning_rate: float = 0.01
    noise: float = 0.0
    shift: int = 0
    flips: bool = False
    validation: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1)
        # Batch norm has nothing to normalise with in a batch of one.
        check_range("batch", self.batch, 2)
        for field in ("train_images", "noise", "shift", "patience"):
            check_range(field, getattr(self, field), 0)
        check_range("validation", self.validation, 0, 0.5)
        if self.patience and not self.validation:
            raise InvalidValueError("patience", self.patience, "0 where validation is 0")
        check_range("learning_rate", self.learning_rate, 0, low_open=True)

    def document(self) -> dict[str, Any]:
        """The recipe as plain values."""
        return asdict(self)

    @property
    def content_hash(self) -> str:
        """Hash of all that decides results."""
        return content_hash(self.document())


_ALL = (
    Recipe("digits-short", train_images=300, epochs=6, noise=0.2),
    Recipe("mnist-short", train_images=300, epochs=5, noise=0.1),
    Recipe("nuclei-stardist-short", 32, epochs=5, batch=4, noise=1.2, flips=True),
    Recipe("cifar-short", 10_000, 5, 128, shift=4, validation=0.1, patience=2),
    Recipe("stl-short", epochs=5, batch=64, shift=8, validation=0.1, patience=2),
    Recipe(
        "nuclei-short",
        epochs=8,
        batch=8,
        learning_rate=0.003,
        flips=True,
        validation=0.1,
        patience=3,
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}

_DEFAULT = {
    "digits": "digits-short",
    "mnist-5k": "mnist-short",
    "mnist-5k-14": "mnist-short",
    "nuclei-stardist": "nuclei-stardist-short",
    "cifar10": "cifar-short",
    "stl10": "stl-short",
    "nuclei": "nuclei-short",
}


def recipe_for(data_set: str, recipe: str | Recipe | None = None) -> Recipe:
    """Return a recipe by name, or the data set's own.

    Raises
    ------
    UnknownNameError
        There is no such recipe.
    """
    if isinstance(recipe, Recipe):
        return recipe
    name = _DEFAULT[data_set] if recipe is None else recipe
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES, "co-design")
    return RECIPES[name]
