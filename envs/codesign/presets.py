"""The scenarios, one table to be read like a menu."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.envs.codesign.accuracy.provider import Task
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["DEFAULT_SCENARIO", "SCENARIOS", "Scenario", "find_scenario"]


@dataclass(frozen=True)
class Scenario:
    """A workload, a space of chips and how specifications come about.

    Attributes
    ----------
    name, description : str
    tasks : tuple of Task
    hardware : str
        A key of `hardware.HARDWARE`.
    technology : str
        Constant set of the cost model.
    accuracy : str
        Default provider.
    spec : str
        A key of ``data/specs.json``.
    drawn : bool
        Whether each episode draws a specification of its own (50 others for testing).
    steps, trainings : int
        Edits and trainings of a refinement episode.
    """

    name: str
    description: str
    tasks: tuple[Task, ...]
    hardware: str
    technology: str = "maestro"
    accuracy: str = "measured-table"
    spec: str = ""
    drawn: bool = False
    steps: int = 50
    trainings: int = 20

    @property
    def spec_name(self) -> str:
        """Name of the specification."""
        return self.spec or self.name

    @property
    def data_sets(self) -> str:
        """Data sets of the tasks."""
        return ", ".join(task.data_set for task in self.tasks)


def _tasks(*entries: tuple[str, str, str]) -> tuple[Task, ...]:
    return tuple(Task(name, data, space, 1 / len(entries)) for name, data, space in entries)


_TINY = [(f"digits{n}", "digits", "resnet9-tiny") for n in (1, 2, 3)]
_DIGITS = ("digits", "digits", "resnet9-digits")
_MNIST = ("mnist", "mnist-5k-14", "resnet9-digits")
_CELLS = ("nuclei", "nuclei-stardist", "unet-nuclei-32")
_CIFAR = ("cifar10", "cifar10", "resnet9-cifar")
_NUCLEI = ("nuclei", "nuclei", "unet-nuclei")
_STL = ("stl10", "stl10", "resnet9-stl")

_ALL = (
    Scenario(
        "digits-tiny",
        "Two networks on 8x8 digits (the form of NASAIC's W3) from 72 architectures, all measured",
        _tasks(*_TINY[:2]),
        "small",
    ),
    Scenario(
        "digits-tiny-drawn",
        "The same, with a specification drawn for each episode; tested on 50 held-out ones",
        _tasks(*_TINY[:2]),
        "small",
        spec="digits-tiny",
        drawn=True,
    ),
    Scenario("digits-tiny-single", "One network on 8x8 digits", _tasks(_TINY[0]), "small"),
    Scenario("digits-tiny-three", "Three networks on 8x8 digits", _tasks(*_TINY), "small"),
    Scenario(
        "w1-images",
        "The form of NASAIC's W1 on images that ship in packages: MNIST at 14x14, and nuclei",
        _tasks(_MNIST, _CELLS),
        "nasaic",
    ),
    Scenario(
        "w2-images",
        "The form of NASAIC's W2 on images that ship in packages: digits, and MNIST at 14x14",
        _tasks(_DIGITS, _MNIST),
        "nasaic",
    ),
    Scenario(
        "w3-images",
        "The form of NASAIC's W3 on images that ship in packages: digits twice",
        _tasks(("digits1", *_DIGITS[1:]), ("digits2", *_DIGITS[1:])),
        "nasaic",
    ),
    Scenario(
        "w1-images-drawn",
        "W1 on images of packages, with a specification drawn for each episode; 50 held-out ones",
        _tasks(_MNIST, _CELLS),
        "nasaic",
        spec="w1-images",
        drawn=True,
    ),
    Scenario("digits-single", "One network on 8x8 digits", _tasks(_DIGITS), "nasaic-single"),
    Scenario(
        "mnist-single", "One network on MNIST at 14x14 pixels", _tasks(_MNIST), "nasaic-single"
    ),
    Scenario("nuclei-single", "One U-Net for nuclei", _tasks(_CELLS), "nasaic-single"),
    Scenario(
        "images-three",
        "Digits, MNIST at 14x14 pixels and nuclei at once",
        _tasks(_DIGITS, _MNIST, _CELLS),
        "nasaic",
    ),
    Scenario(
        "w1",
        "NASAIC's W1, CIFAR-10 and nuclei, with specs of our own (needs a folder of images)",
        _tasks(_CIFAR, _NUCLEI),
        "nasaic",
        accuracy="train",
    ),
    Scenario(
        "w2",
        "NASAIC's W2, CIFAR-10 and STL-10, with specs of our own (needs a folder of images)",
        _tasks(_CIFAR, _STL),
        "nasaic",
        accuracy="train",
    ),
    Scenario(
        "w3",
        "NASAIC's W3, CIFAR-10 twice, with specs of our own (needs a folder of images)",
        _tasks(("cifar10a", *_CIFAR[1:]), ("cifar10b", *_CIFAR[1:])),
        "nasaic",
        accuracy="train",
    ),
    Scenario(
        "w1-paper",
        "W1 with NASAIC's specs as recalled, not checked against the paper",
        _tasks(_CIFAR, _NUCLEI),
        "nasaic",
        technology="maestro-2019",
        accuracy="train",
    ),
    Scenario(
        "w2-paper",
        "W2 with NASAIC's specs as recalled, not checked against the paper",
        _tasks(_CIFAR, _STL),
        "nasaic",
        technology="maestro-2019",
        accuracy="train",
    ),
    Scenario(
        "w3-paper",
        "W3 with NASAIC's specs as recalled, not checked against the paper",
        _tasks(("cifar10a", *_CIFAR[1:]), ("cifar10b", *_CIFAR[1:])),
        "nasaic",
        technology="maestro-2019",
        accuracy="train",
    ),
    Scenario(
        "single-cifar10",
        "One CIFAR-10 network on one sub-accelerator (needs a folder of images)",
        _tasks(_CIFAR),
        "nasaic-single",
        accuracy="train",
    ),
    Scenario(
        "three-images",
        "CIFAR-10, STL-10 and nuclei at once (needs a folder of images)",
        _tasks(_CIFAR, _STL, _NUCLEI),
        "nasaic",
        accuracy="train",
    ),
    Scenario(
        "nasbench201",
        "A NAS-Bench-201 cell and a chip (needs a file of accuracies)",
        _tasks(("cifar10", "cifar10", "nasbench201")),
        "nasaic",
        accuracy="nas-bench",
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""Scenarios by name."""

DEFAULT_SCENARIO = "digits-tiny"


def find_scenario(scenario: str | Scenario) -> Scenario:
    """Return a scenario by name, or the scenario itself; or raise `UnknownNameError`."""
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        raise UnknownNameError("scenario", scenario, SCENARIOS, "co-design")
    return SCENARIOS[scenario]
