"""The best design of a grid: all measured networks of a workload on a coarse grid of chips.

Pairs of networks are taken in the order of their weighted accuracy. Lower bounds on latency, energy
and area rule chips out; what is left is mapped and scheduled like any other design. The first pair
with a chip that meets the specifications is the optimum of the grid.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.accuracy import AccuracyProvider, Task
from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.design_space import Design
from chipgym.envs.codesign.evaluation import Outcome, train
from chipgym.envs.codesign.hardware import FLOWS, HardwareSpace
from chipgym.envs.codesign.reward import COSTS
from chipgym.envs.codesign.spaces import ArchitectureSpace, Choices
from chipgym.experiments.papers.nasaic.ledger import ENV_ID
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_layers
from chipgym.simulators.accelerator.workload import lower_workload
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["best_of_grid", "chip_grid", "every_network"]

Floats = npt.NDArray[np.float64]
Unit = tuple[int, int, int]
ABSENT: Unit = (0, 0, 0)
PAIRS_AT_ONCE = 256
DESIGNS_AT_ONCE = 512
TASKS = 2


@dataclass(frozen=True, eq=False)
class _Networks:
    """Measured networks of a task, and their bounds on every chip.

    Attributes
    ----------
    choices : list of tuple of int
    accuracy : float64 [A]
    energy, cycles : float64 [A, C]
        Least energy, and least time of the layers one after the other.
    """

    choices: list[Choices]
    accuracy: Floats
    energy: Floats
    cycles: Floats


def every_network(space: ArchitectureSpace, prefix: Choices = ()) -> list[Choices]:
    """Return the choices of every network of a space, each network once."""
    if len(prefix) == len(space.tokens):
        return [prefix] if not space.reason(prefix) and space.canonical(prefix) == prefix else []
    legal = np.flatnonzero(space.legal(prefix)).tolist()
    return [found for choice in legal for found in every_network(space, (*prefix, choice))]


def _measured(
    space: ArchitectureSpace, task: Task, provider: AccuracyProvider
) -> tuple[list[Choices], Floats]:
    """Return the networks of a task whose accuracies were measured, and these."""
    found, values = [], []
    for choices in every_network(space):
        accuracy = provider.accuracy(task, space.architecture(choices))
        if accuracy.measured:
            found.append(choices)
            values.append(accuracy.value)
    return found, np.array(values)


def chip_grid(space: HardwareSpace, sizes: int, widths: int) -> list[tuple[Unit, ...]]:
    """Return chips whose PEs and bandwidths are among a few, each once, within the budgets.

    Parameters
    ----------
    sizes, widths : int
        Values of PEs and of bandwidth, evenly spaced among the options.
    """

    def some(options: tuple[int, ...], first: int, count: int) -> list[int]:
        places = np.linspace(first, len(options) - 1, count + 1)[:-1]
        return sorted({round(float(place)) for place in places})

    pes, bandwidth = some(space.pes, 1, sizes), some(space.bandwidth, 0, widths)
    units = [ABSENT, *itertools.product(range(len(FLOWS)), pes, bandwidth)]
    chips = itertools.combinations_with_replacement(units, space.units)
    flat = ((chip, tuple(number for unit in chip for number in unit)) for chip in chips)
    return [chip for chip, choices in flat if not space.reason(choices)]


def _bounds(
    task: Task,
    space: ArchitectureSpace,
    choices: list[Choices],
    chips: list[tuple[Unit, ...]],
    hardware: HardwareSpace,
    options: AcceleratorOptions,
) -> tuple[Floats, Floats, Floats]:
    """Return least energy and time of networks on chips, [A, C] each, and least areas, [C]."""
    units = sorted({unit for chip in chips for unit in chip if hardware.pes[unit[1]]})
    number = {unit: place for place, unit in enumerate(units)}
    rows = tuple(hardware.part(*unit) for unit in units)
    members = [[number[unit] for unit in chip if unit in number] for chip in chips]
    energy = np.zeros((len(choices), len(chips)))
    cycles = np.zeros_like(energy)
    areas = np.full(len(units), np.inf)
    entry = data_set_named(task.data_set)
    first = np.array([places[0] for places in members])
    last = np.array([places[-1] for places in members])
    for index, chosen in enumerate(choices):
        network = space.architecture(chosen).network(entry.shape, entry.classes)
        layers = lower_workload([network], True).layers
        costs = evaluate_layers(layers, rows, options)
        time = np.where(costs.cycles < 0, np.inf, costs.cycles.astype(np.float64))
        energy[index] = np.minimum(costs.energy_nj[:, first], costs.energy_nj[:, last]).sum(axis=0)
        cycles[index] = np.minimum(time[:, first], time[:, last]).sum(axis=0)
        areas = np.minimum(areas, costs.area_um2.min(axis=0))
    area = np.array([sum(areas[place] for place in places) for places in members])
    return energy, cycles, area


def best_of_grid(
    scenario: str, sizes: int, widths: int, version: str, **kwargs: Any
) -> dict[str, Any]:
    """Return the optimum of the grid of a scenario with up to two tasks.

    `version` is that of the simulator: results of another one are not used again.
    """
    env = gymnasium.make(
        ENV_ID, disable_env_checker=True, scenario=scenario, split="test", **kwargs
    )
    env.reset(seed=0, options={"instance": 0})
    base: Any = env.unwrapped
    problem, tasks = base.problem, base.scenario.tasks
    if len(tasks) > TASKS or problem.hardware.units > TASKS:
        raise InvalidValueError("scenario", scenario, "one with up to two tasks and two units")
    options = AcceleratorOptions(technology=base.scenario.technology, order="chain")
    chips = chip_grid(problem.hardware, sizes, widths)
    networks, area = [], np.zeros(len(chips))
    for number, task in enumerate(tasks):
        space = problem.architectures[number]
        choices, accuracy = _measured(space, task, base.provider)
        energy, cycles, least = _bounds(task, space, choices, chips, problem.hardware, options)
        networks.append(_Networks(choices, accuracy, energy, cycles))
        area = np.maximum(area, least)
    return _search(base, networks, chips, area)


def _search(
    base: Any, networks: list[_Networks], chips: list[tuple[Unit, ...]], area: Floats
) -> dict[str, Any]:
    """Go through combinations of networks by accuracy until one meets the specifications."""
    spec = base.problem.spec
    weights = [task.weight for task in base.scenario.tasks]
    parts = [weight * own.accuracy for weight, own in zip(weights, networks, strict=True)]
    total = parts[0] if len(parts) == 1 else parts[0][:, None] + parts[1][None, :]
    order = np.argsort(-total, axis=None, kind="stable")
    places = np.stack(np.unravel_index(order, total.shape), axis=1)
    simulated = 0
    facts: dict[str, Any] = {
        "networks": [len(own.choices) for own in networks],
        "chips": len(chips),
        "designs": len(places) * len(chips),
    }
    within = np.flatnonzero(area <= spec.area_um2)
    for start in range(0, len(places), PAIRS_AT_ONCE):
        chunk = places[start : start + PAIRS_AT_ONCE]
        rows = list(zip(networks, chunk.T, strict=True))
        energy = np.stack([own.energy[index][:, within] for own, index in rows]).sum(axis=0)
        times = np.stack([own.cycles[index][:, within] for own, index in rows])
        possible = (energy <= spec.energy_nj) & (times <= spec.latency_cycles).all(axis=0)
        possible &= times.sum(axis=0) <= base.problem.hardware.units * spec.latency_cycles
        found = np.argwhere(possible)
        for begin in range(0, len(found), DESIGNS_AT_ONCE):
            part = found[begin : begin + DESIGNS_AT_ONCE]
            designs = [_design(networks, chunk[row], chips[within[column]]) for row, column in part]
            outcomes = base.cost(designs)
            simulated += len(designs)
            for outcome in outcomes:
                if outcome.meets:
                    return _result(base, outcome, {**facts, "simulated": simulated})
    return {**facts, "simulated": simulated, "accuracy": None, "design": None}


def _design(networks: list[_Networks], row: Any, chip: tuple[Unit, ...]) -> Design:
    chosen = (part.choices[int(place)] for part, place in zip(networks, row, strict=True))
    return tuple(number for part in (*chosen, *chip) for number in part)


def _result(base: Any, outcome: Outcome, facts: dict[str, Any]) -> dict[str, Any]:
    trained = train(base.designs, base.provider, outcome)
    return {
        **facts,
        "accuracy": trained.weighted_accuracy,
        "design": list(trained.design),
        "options": base.problem.decode(trained.design),
        "costs": [trained.costs[name] for name in COSTS],
    }
