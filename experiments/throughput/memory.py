"""Peak memory after simulating streams of growing length: a program, for a process of its own."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
from pathlib import Path

from chipgym.experiments.throughput.soc import stream
from chipgym.simulators.soc.simulate import simulate

__all__ = ["main", "peak_mib"]


def peak_mib() -> float:
    """Peak resident memory of this process in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage also counts the parent's memory before the exec
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _forget_peak() -> None:
    """Set the peak to the present use, where Linux allows it: compiling needs more than running."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main(lengths: list[int]) -> list[dict[str, float]]:
    """Simulate streams of the given numbers of jobs, shortest first; return the peaks."""
    rows: list[dict[str, float]] = []
    for jobs in sorted(lengths):
        platform, applications, workload = stream(jobs)
        if not rows:
            simulate(platform, applications, workload, "ETF")
            _forget_peak()
        simulate(platform, applications, workload, "ETF")
        rows.append({"jobs": jobs, "peak_mib": round(peak_mib(), 2)})
    return rows


if __name__ == "__main__":
    print(json.dumps(main([int(text) for text in sys.argv[1:]])))
