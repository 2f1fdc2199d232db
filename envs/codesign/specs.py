"""Derive the shipped specifications: ``python -m chipgym.envs.codesign.specs``.

Limits are a common quantile of latency, energy and area over random designs of a scenario, the one
at which 5 % of the designs meet all three. Bounds are the largest costs of the largest networks on
random chips, the networks that a search for accuracy alone would end near. NASAIC's published
limits keep bounds of this kind.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.design_space import DesignSpace
from chipgym.envs.codesign.evaluation import evaluate_batch
from chipgym.envs.codesign.generator import SPECS_FILE, Instance
from chipgym.envs.codesign.hardware import HARDWARE
from chipgym.envs.codesign.presets import SCENARIOS, Scenario, find_scenario
from chipgym.envs.codesign.reward import COSTS, Spec
from chipgym.simulators.core.files import write_json

__all__ = ["PAPER_LIMITS", "derive_spec", "main"]

SHARE = 0.05
SAMPLES, CHIPS, SEED = 500, 200, 0
QUANTILES = np.linspace(0.01, 1.0, 100)
DIGITS = 4
MIN_BOUND = 1.5
# The mapping looks for the least energy when latency does not matter.
NO_LIMIT = Spec(2.0**40, 1e300, 1e300, 2.0**41, 1e301, 1e301)

PAPER_LIMITS = {
    "w1-paper": (8e5, 2e9, 4e9),
    "w2-paper": (1e6, 3.5e9, 4e9),
    "w3-paper": (4e5, 1e9, 4e9),
}
"""Cycles, nJ and um^2 of Yang et al. (DAC 2020) as recalled, not checked against the
paper. They are on the scale of the constant set ``maestro-2019``."""

Floats = npt.NDArray[np.float64]


def _costs(space: DesignSpace, technology: str, designs: Sequence[tuple[int, ...]]) -> Floats:
    instance = Instance("spec", space.tasks, space.hardware.name, technology, NO_LIMIT)
    outcomes = evaluate_batch(space, [(instance, design) for design in designs])
    return np.array([[outcome.costs[name] for name in COSTS] for outcome in outcomes])


def derive_spec(
    scenario: Scenario, samples: int = SAMPLES, chips: int = CHIPS, seed: int = SEED
) -> dict[str, Any]:
    """Return limits, bounds and how they came about, as a JSON document."""
    space = DesignSpace(scenario.tasks, HARDWARE[scenario.hardware])
    rng = np.random.default_rng(seed)
    random = _costs(space, scenario.technology, [space.sample(rng) for _ in range(samples)])
    first = space.starts[-1]
    largest = tuple(choice for own in space.architectures for choice in own.largest)
    biggest = [(*largest, *space.sample(rng)[first:]) for _ in range(chips)]
    bounds = _costs(space, scenario.technology, biggest).max(axis=0)
    document: dict[str, Any] = {"samples": samples, "chips": chips, "seed": seed}
    if scenario.name in PAPER_LIMITS:
        limits = np.array(PAPER_LIMITS[scenario.name])
        document["source"] = "Yang et al., DAC 2020, as recalled, not checked against the paper"
    else:
        candidates = np.quantile(random, QUANTILES, axis=0)
        shares = [(random <= limit).all(axis=1).mean() for limit in candidates]
        chosen = int(np.argmax(np.array(shares) >= SHARE))
        limits = candidates[chosen]
        document["quantile"] = round(float(QUANTILES[chosen]), 4)
    limits = np.array([_rounded(value) for value in limits])
    bounds = np.maximum(bounds, MIN_BOUND * limits)
    document["share"] = round(float((random <= limits).all(axis=1).mean()), 4)
    document["limits"] = limits.tolist()
    document["bounds"] = [_rounded(value) for value in bounds]
    return document


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Derive the specifications of all scenarios and write them."""
    parser = argparse.ArgumentParser(prog="specs", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=SPECS_FILE, help="file to write")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="random designs")
    chosen = parser.parse_args(arguments)
    names = sorted({scenario.spec_name for scenario in SCENARIOS.values()})
    specs = {name: derive_spec(find_scenario(name), samples=chosen.samples) for name in names}
    write_json(chosen.output, {"command": "python -m chipgym.envs.codesign.specs", "specs": specs})
    for name, spec in specs.items():
        print(f"{name:20} {spec['limits']} {spec['bounds']} {spec['share']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
