"""An independent second opinion: layers and designs evaluated by ZigZag (``[zigzag]``).

ZigZag (Mei et al., IEEE Transactions on Computers, 2021; package zigzag-dse) counts the movements
of a mapping through a memory hierarchy, with models of its own for stalls, fills and energy.
``zigzag_description.py`` says how a sub-accelerator is described to it.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.simulators.accelerator.design import Chip, SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.mapping import MappingProblem, list_schedule
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.result import ChipResult
from chipgym.simulators.accelerator.workload import lower_workload
from chipgym.simulators.accelerator.zigzag_description import (
    PICOJOULES,
    Order,
    describe_for_zigzag,
)
from chipgym.simulators.core.errors import InvalidValueError, MissingLibraryError, SimulationError

__all__ = ["ZigZagCost", "ZigZagDesign", "evaluate_with_zigzag", "reevaluate_with_zigzag"]


@dataclass(frozen=True)
class ZigZagCost:
    """What ZigZag says of a layer on a sub-accelerator.

    Attributes
    ----------
    latency_cycles : int
        With loading and unloading.
    energy_nj : float
    """

    latency_cycles: int
    energy_nj: float


@dataclass(frozen=True)
class ZigZagDesign:
    """A design re-evaluated: the same mapping, scheduled with ZigZag's latencies.

    Attributes
    ----------
    latency_cycles : int
        Makespan.
    energy_nj : float
        Sum over layers.
    layers : tuple of ZigZagCost
        In the order of the result's layers.
    """

    latency_cycles: int
    energy_nj: float
    layers: tuple[ZigZagCost, ...]


def evaluate_with_zigzag(
    loops: Loops,
    part: SubAccelerator,
    options: AcceleratorOptions | None = None,
    *,
    order: Order = "template",
    effort: int = 5,
) -> ZigZagCost:
    """Evaluate a layer on a sub-accelerator with ZigZag.

    Parameters
    ----------
    loops, part, options, order
        As in `describe_for_zigzag`.
    effort : int
        Loops that a search permutes (ZigZag's limit of loop prime factors); seven take minutes.

    Raises
    ------
    MissingLibraryError
        ZigZag is not installed.
    SimulationError
        ZigZag finds no mapping for the layer.
    """
    stages, mapping_type = _stages()
    description = describe_for_zigzag(loops, part, options, order)
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name in ("accelerator", "mapping"):
            # JSON is YAML.
            files[name] = Path(folder) / f"{name}.yaml"
            files[name].write_text(json.dumps(description[name]), encoding="utf-8")
        main, *others = stages
        try:
            found = main(
                others,
                workload=description["workload"],
                **{name: str(path) for name, path in files.items()},
                loma_lpf_limit=effort,
                loma_show_progress_bar=False,
                nb_mappings_generated=1,
                enable_mix_spatial_mapping_generation=False,
                access_same_data_considered_as_no_access=True,
                temporal_mapping_type=mapping_type("uneven"),
            ).run()
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise SimulationError(f"ZigZag finds no mapping of {tuple(loops)}: {reason}") from error
    if not found:
        raise SimulationError(f"ZigZag finds no mapping of {tuple(loops)}")
    cost = found[0][0]
    return ZigZagCost(
        loops.repeats * math.ceil(cost.latency_total2),
        loops.repeats * float(cost.energy_total) / PICOJOULES,
    )


def _stages() -> tuple[list[Any], Any]:
    """Return the stages of a run, the first of which is the main one, and the mapping types."""
    try:
        from zigzag.mapping.temporal_mapping import TemporalMappingType
        from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
        from zigzag.stages.main import MainStage
        from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
        from zigzag.stages.mapping.temporal_mapping_generator_stage import (
            TemporalMappingGeneratorStage,
        )
        from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
        from zigzag.stages.parser.workload_parser import WorkloadParserStage
        from zigzag.stages.results.reduce_stages import MinimalLatencyStage
        from zigzag.stages.workload_iterator import WorkloadStage
    except ImportError as error:
        raise MissingLibraryError("evaluate_with_zigzag", "zigzag-dse", "zigzag") from error
    stages = [
        MainStage,
        WorkloadParserStage,
        AcceleratorParserStage,
        WorkloadStage,
        SpatialMappingGeneratorStage,
        MinimalLatencyStage,
        TemporalMappingGeneratorStage,
        CostModelStage,
    ]
    return stages, TemporalMappingType


def reevaluate_with_zigzag(
    networks: Sequence[Network],
    chip: Chip,
    result: ChipResult,
    options: AcceleratorOptions | None = None,
    *,
    order: Order = "template",
    effort: int = 5,
) -> ZigZagDesign:
    """Evaluate a finished design with ZigZag: its layers on the units it chose, with its buffers.

    Parameters
    ----------
    networks, chip, options
        What was simulated.
    result : ChipResult
        What `simulate` returned for them.
    order, effort
        As in `evaluate_with_zigzag`.

    Raises
    ------
    InvalidValueError
        The result is of other networks or another chip, or is that of a chip that cannot run them.
    """
    options = options or AcceleratorOptions()
    workload = lower_workload(networks, options.order == "chain")
    units = len(chip.sub_accelerators)
    if result.layers != workload.names or len(result.l2_bytes) != units or not result.supported:
        raise InvalidValueError("result", result.layers[:3], "the result of these networks")
    parts = [
        part.model_copy(update={"l1_bytes": int(l1), "l2_bytes": int(l2)})
        for part, l1, l2 in zip(
            chip.sub_accelerators, result.l1_bytes, result.l2_bytes, strict=True
        )
    ]
    known: dict[tuple[Loops, int], ZigZagCost] = {}
    costs = []
    for row, unit in zip(workload.layers.tolist(), result.unit.tolist(), strict=True):
        loops = Loops(*row)
        if (loops, unit) not in known:
            known[loops, unit] = evaluate_with_zigzag(
                loops, parts[unit], options, order=order, effort=effort
            )
        costs.append(known[loops, unit])
    shape = (len(costs), units)
    cycles, energy = np.full(shape, -1, dtype=np.int64), np.full(shape, np.inf)
    rows = np.arange(len(costs))
    cycles[rows, result.unit] = [cost.latency_cycles for cost in costs]
    energy[rows, result.unit] = [cost.energy_nj for cost in costs]
    mapping = list_schedule(MappingProblem(workload, cycles, energy), result.unit)
    return ZigZagDesign(mapping.makespan_cycles, mapping.energy_nj, tuple(costs))
