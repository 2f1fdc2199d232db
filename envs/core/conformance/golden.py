"""Golden trajectories: results may change only together with the simulator's version."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chipgym.envs.core.conformance.rollout import (
    ConformanceError,
    Kwargs,
    Target,
    digest,
    label,
    make,
    play,
)
from chipgym.simulators.core.files import read_json, write_json

__all__ = ["check_golden", "golden_entry", "write_golden"]

STEPS = 400
DECIMALS = 5


def golden_entry(target: Target, kwargs: Kwargs = None) -> dict[str, Any]:
    """Digest and headline numbers of the golden rollout: seed 0, random allowed actions."""
    record = play(make(target, kwargs), seed=0, steps=STEPS)
    return {
        "digest": digest(record, decimals=DECIMALS),
        "episodes": sum(step.ended for step in record),
        "return": round(sum(step.reward for step in record), 9),
        "steps": STEPS,
    }


def check_golden(path: Path, target: Target, kwargs: Kwargs, *, version: str, update: str) -> None:
    """Compare with the stored trajectory.

    Parameters
    ----------
    path : Path
        The JSON file.
    target, kwargs
        What is checked.
    version : str
        Current version of the simulator behind it.
    update : str
        The command that rewrites the file, for the message.
    """
    name, stored = label(target, kwargs), read_json(path)
    entry = stored["trajectories"].get(name)
    if entry is None:
        raise ConformanceError(f"[golden] {name} has no golden trajectory; run: {update}")
    if entry["version"] != version:
        raise ConformanceError(
            f"[golden] {name}: recorded with simulator version {entry['version']}, "
            f"now {version}; run: {update}"
        )
    current = {**golden_entry(target, kwargs), "version": version}
    if current != entry:
        raise ConformanceError(
            f"[golden] {name}: results changed while the simulator version stayed {version}: "
            f"{entry} became {current}. If the change is meant, raise SIMULATOR_VERSION and run: "
            + update
        )


def write_golden(path: Path, cases: Iterable[tuple[str, Kwargs, str]]) -> None:
    """Record the golden trajectories of (id, kwargs, simulator version)."""
    trajectories = {
        label(target, kwargs): {**golden_entry(target, kwargs), "version": version}
        for target, kwargs, version in cases
    }
    write_json(path, {"trajectories": dict(sorted(trajectories.items()))})
