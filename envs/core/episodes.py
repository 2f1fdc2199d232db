"""What the environments of every family do alike around an episode: names, instances, states."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import gymnasium as gym
import numpy as np

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

__all__ = [
    "RENDER_MODES",
    "RESET_OPTIONS",
    "SPLITS",
    "InstanceSource",
    "check_choice",
    "draw_instance",
    "pack_state",
    "unpack_state",
    "warn_of_no_render_mode",
]

SPLITS = ("train", "test")
RENDER_MODES = ("ansi", "rgb_array")
RESET_OPTIONS = ("instance", "workload")

# What reading bytes that `pickle.dumps` did not make can raise.
_UNREADABLE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)

InstanceT = TypeVar("InstanceT")
InstanceOut = TypeVar("InstanceOut", covariant=True)


class InstanceSource(Protocol[InstanceOut]):
    """A generator of instances, as an environment uses it."""

    def sample(self, rng: np.random.Generator) -> InstanceOut:
        """Draw a training instance."""
        ...

    def test(self, index: Any) -> InstanceOut:
        """Return a test instance, or raise `InvalidValueError`."""
        ...


def check_choice(field: str, value: object, known: Sequence[str], where: str) -> None:
    """Raise `UnknownNameError` unless the value is one of the known names.

    Parameters
    ----------
    field : str
        What the value is.
    value : object
    known : sequence of str
    where : str
        The environment, for the message.
    """
    if value not in known:
        raise UnknownNameError(field, value, known, where)


def draw_instance(
    source: InstanceSource[InstanceT],
    split: str,
    num_test: int,
    rng: np.random.Generator,
    options: Mapping[str, Any] | None,
    build: Callable[[Any], InstanceT],
    where: str,
) -> InstanceT:
    """Choose the next episode's instance: drawn by `rng`, or as the options of `reset` say.

    Parameters
    ----------
    source : InstanceSource
    split : {"train", "test"}
    num_test : int
        Number of test instances.
    rng : numpy.random.Generator
    options : mapping, optional
        ``instance``, a number of the test split; or ``workload``, what `build` takes.
    build : callable
        Checks a workload of the user's own, and makes an instance of it.
    where : str
        The environment, for messages.

    Raises
    ------
    UnknownNameError, InvalidValueError
        An option is unknown, or an instance is asked of a split that has none.
    """
    options = options or {}
    for key in options:
        check_choice("reset option", key, RESET_OPTIONS, where)
    if "workload" in options:
        return build(options["workload"])
    if "instance" in options:
        if split != "test":
            raise InvalidValueError("instance", options["instance"], "only with split='test'")
        return source.test(options["instance"])
    if split == "test":
        return source.test(int(rng.integers(num_test)))
    return source.sample(rng)


def pack_state(version: str, form: Any, content: Mapping[str, Any]) -> bytes:
    """Return the bytes of an environment's state, with what they may be read back into."""
    return pickle.dumps({"version": version, "form": form, **content})


def unpack_state(state: bytes, version: str, form: Any) -> dict[str, Any]:
    """Return the content of `pack_state`'s bytes; only for bytes of your own, they are a pickle.

    Raises
    ------
    FileFormatError
        They are not from `pack_state`.
    InvalidValueError
        They are of another simulator version or form of environment.
    """
    try:
        content: dict[str, Any] = pickle.loads(state)
        found = content["version"], content["form"]
    except _UNREADABLE as error:
        raise FileFormatError("state", "not made by get_state()") from error
    if found != (version, form):
        raise InvalidValueError("state", found, repr((version, form)))
    return content


def warn_of_no_render_mode() -> None:
    """Say why `render()` returns nothing."""
    gym.logger.warn("render() without render_mode does nothing; gym.make(..., render_mode=…)")
