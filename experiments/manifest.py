"""The manifest of a run: everything needed to say what made these numbers."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import chipgym
from chipgym.simulators.core.hashing import content_hash

__all__ = ["MANIFEST_FIELDS", "build_manifest", "timestamp"]

DEPENDENCIES = (
    "numpy",
    "numba",
    "gymnasium",
    "pettingzoo",
    "torch",
    "stable-baselines3",
    "sb3-contrib",
)


MANIFEST_FIELDS = frozenset(
    {
        "package_version",
        "simulator_versions",
        "source",
        "env_specs",
        "configuration",
        "configuration_hash",
        "seeds",
        "dependencies",
        "python",
        "platform",
        "cpu",
        "cpus",
        "started",
        "finished",
        "wall_s",
    }
)
"""What every manifest holds."""


def timestamp() -> str:
    """Present time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def build_manifest(
    *,
    configuration: Mapping[str, Any],
    seeds: Sequence[int],
    simulator_versions: Mapping[str, str],
    env_specs: Mapping[str, Any],
    started: str,
    wall_s: float,
) -> dict[str, Any]:
    """Assemble a manifest.

    Parameters
    ----------
    configuration : mapping
        What was run, as JSON; its hash identifies the run.
    seeds : sequence of int
        All seeds.
    simulator_versions : mapping
        Version of the simulator behind each environment id.
    env_specs : mapping
        Gymnasium's EnvSpec of each task.
    started : str
        Start, ISO 8601.
    wall_s : float
        Wall time in seconds. Recorded, never ranked.
    """
    return {
        "package_version": chipgym.__version__,
        "simulator_versions": dict(simulator_versions),
        "source": _source(),
        "env_specs": dict(env_specs),
        "configuration": dict(configuration),
        "configuration_hash": content_hash(configuration),
        "seeds": list(seeds),
        "dependencies": {name: _version(name) for name in DEPENDENCIES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "started": started,
        "finished": timestamp(),
        "wall_s": round(wall_s, 3),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def _source() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that the package is imported from, if it is one."""
    root = Path(chipgym.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = bool(_git(root, "status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


@cache
def _cpu() -> str:
    """Model name of the processor."""
    if sys.platform == "linux":
        try:
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()
