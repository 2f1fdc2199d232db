"""Run in a fresh interpreter: read a pickled rollout request, print its digest."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
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

__all__ = ["digest_in_child"]


def digest_in_child(target: Target, kwargs: Kwargs, *, seed: int, steps: int) -> str:
    """Play a rollout in a new process, with another hash seed, and return its digest."""
    try:
        request = pickle.dumps((target, dict(kwargs or {}), seed, steps))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConformanceError(
            f"[processes] {label(target, kwargs)}: the factory cannot be sent to another process; "
            f"give an id or a function that can be imported ({error})"
        ) from error
    variables = dict(os.environ, PYTHONHASHSEED="12345")
    variables["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        check=False,
        input=request,
        capture_output=True,
        env=variables,
    )
    if done.returncode != 0:
        raise ConformanceError(
            f"[processes] {label(target, kwargs)}: the rollout fails in a new process:\n"
            + done.stderr.decode(errors="replace")[-2000:]
        )
    return done.stdout.decode().split()[-1]


def main() -> None:
    """Entry point of the child."""
    import chipgym  # noqa: F401  # registers the ids

    target, kwargs, seed, steps = _read()
    print(digest(play(make(target, kwargs), seed=seed, steps=steps)))


def _read() -> Any:
    return pickle.load(sys.stdin.buffer)


if __name__ == "__main__":
    main()
