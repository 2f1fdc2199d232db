"""How far the clean event order is from DS3's tick order: the tables of docs/simulators/soc.md.

Both orders simulate the same jobs on the 16-PE platform: first each application alone, then streams
of the six-app mix (exponential gaps truncated to whole µs, 100 jobs, at most 12 in flight).
Run with: python examples/compare_event_orders.py
"""

from __future__ import annotations

import argparse

import numpy as np

from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.static import heft
from chipgym.simulators.soc.workload import Workload

APPLICATIONS = (
    "wifi-tx",
    "wifi-rx",
    "range-detection",
    "single-carrier-tx",
    "single-carrier-rx",
    "temporal-mitigation",
)
PROBABILITIES = (0.2, 0.2, 0.2, 0.1, 0.1, 0.2)
MEAN_GAPS_US = (500, 200, 100, 50, 25)
SCHEDULERS = ("MET", "EFT", "ETF", "ETF_LB")
JOBS = 100


def draw_workload(seed: int, mean_gap_us: float) -> Workload:
    """Draw one workload of the six-app mix."""
    rng = np.random.default_rng(seed)
    apps = rng.choice(len(APPLICATIONS), JOBS, p=PROBABILITIES)
    return Workload(apps, np.floor(rng.exponential(mean_gap_us, JOBS)))


def relative_differences(scheduler: str, mean_gap_us: float, seeds: int) -> np.ndarray:
    """Relative difference in mean latency, clean against ds3, one a seed."""
    platform = Platform.named("ds3-16pe")
    applications = [Application.named(name) for name in APPLICATIONS]

    def mean_latency_us(workload: Workload, order: str) -> float:
        options = SocOptions(order=order)  # type: ignore[arg-type]
        return simulate(platform, applications, workload, scheduler, options).mean_latency_us

    workloads = [draw_workload(seed, mean_gap_us) for seed in range(seeds)]
    return np.array(
        [mean_latency_us(w, "clean") / mean_latency_us(w, "ds3") - 1 for w in workloads]
    )


def single_job_table() -> None:
    """Print the makespan of one job alone, clean and ds3."""
    platform = Platform.named("ds3-16pe")
    print("| application | " + " | ".join(SCHEDULERS) + " | static HEFT (clean) |")
    print("|---|" + "---|" * (len(SCHEDULERS) + 1))
    for name in APPLICATIONS:
        application = Application.named(name)
        cells = []
        for scheduler in SCHEDULERS:
            makespans_us = [
                simulate(
                    platform,
                    [application],
                    Workload([0], [0.0]),
                    scheduler,
                    SocOptions(order=order),
                ).makespan_us
                for order in ("clean", "ds3")
            ]
            cells.append(" / ".join(f"{makespan_us:g}" for makespan_us in makespans_us))
        cells.append(f"{heft(platform, application).makespan_us:g}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print()


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="0: single jobs only")
    seeds = parser.parse_args().seeds
    single_job_table()
    if seeds:
        stream_table(seeds)


def stream_table(seeds: int) -> None:
    """Print the relative difference in mean latency, clean against ds3, over streams."""
    print("| mean gap (µs) | " + " | ".join(SCHEDULERS) + " |")
    print("|---|" + "---|" * len(SCHEDULERS))
    for mean_gap_us in MEAN_GAPS_US:
        cells = []
        for scheduler in SCHEDULERS:
            change = 100 * relative_differences(scheduler, mean_gap_us, seeds)
            cells.append(f"{change.mean():+.1f} % ({change.min():+.1f} … {change.max():+.1f})")
        print(f"| {mean_gap_us} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
