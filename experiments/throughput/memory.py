"""Peak memory after simulating streams of growing length: a program, for a process of its own."""

from __future__ import annotations

import json
import resource
import sys

from chipgym.experiments.throughput.soc import stream
from chipgym.simulators.soc.simulate import simulate

__all__ = ["main", "peak_mib"]


def peak_mib() -> float:
    """Peak resident memory of this process in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(lengths: list[int]) -> list[dict[str, float]]:
    """Simulate streams of the given numbers of jobs, shortest first; return the peaks."""
    rows = []
    for jobs in sorted(lengths):
        platform, applications, workload = stream(jobs)
        simulate(platform, applications, workload, "ETF")
        rows.append({"jobs": jobs, "peak_mib": round(peak_mib(), 2)})
    return rows


if __name__ == "__main__":
    print(json.dumps(main([int(text) for text in sys.argv[1:]])))
