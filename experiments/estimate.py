"""How long a suite's jobs will take, from the recorded times of jobs of the same kind.

A kind is a method on an environment and scenario. Times come from the runs beside the planned one,
or else from ``suites/calibration.json``, which was made by this module from a run on one core and
is scaled to this machine by the plain-Python yardstick; `main` renews it. Where a scenario is
unknown, the slowest other one of the same environment and method counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from chipgym.experiments.jobs import Job
from chipgym.experiments.suite import SUITES
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import ChipGymError, check_range
from chipgym.simulators.core.files import read_json, write_text

__all__ = ["Calibration", "Estimator", "calibrate", "merged", "total_seconds"]

CALIBRATION = SUITES / "calibration.json"
JOB_S = 0.1
"""Seconds of a job beside its work: the folder, the manifest, the checks."""

MAX_MANIFESTS = 20_000
Seconds = Annotated[float, Field(ge=0)]


class KindTimes(Description):
    """Times of a kind of jobs.

    Attributes
    ----------
    step_s : float
        Training, for each environment step.
    instance_s : float
        Evaluation of an instance; for a searcher, for each evaluation of the budget as well.
    """

    step_s: Seconds = 0.0
    instance_s: Seconds = 0.0


class Calibration(Description):
    """Times of many kinds, measured on one machine.

    Attributes
    ----------
    command, cpu : str
        What they were measured with.
    yardstick_per_s : float
        Rate of `chipgym.experiments.throughput.yardstick` on the machine, per CPU second.
    kinds : dict
        Times by environment id, scenario and method, see `kind_of`.
    """

    command: str = ""
    cpu: str = ""
    yardstick_per_s: Annotated[float, Field(gt=0)]
    kinds: dict[str, KindTimes]


@dataclass(frozen=True)
class _Work:
    """Units of work of a job."""

    kind: str
    steps: int
    instances: int


def kind_of(config: dict[str, Any]) -> str:
    """Kind of a job's configuration, as text: environment, scenario and wrapper, method."""
    task, agent = config["task"], config["agent"]
    method = next(f"{k} {agent[k]}" for k in ("policy", "algorithm", "searcher") if agent.get(k))
    place = " ".join(filter(None, (task.get("scenario") or "default", task.get("wrapper"))))
    return f"{task['env']} | {place} | {method}"


class Estimator:
    """Estimates jobs.

    Parameters
    ----------
    runs : Path or None
        Folder with finished runs, whose times are of this machine.
    """

    def __init__(self, runs: Path | None = None) -> None:
        self._here = {} if runs is None else _times(_manifests(runs))
        self._stored: Calibration | None = None
        self._scale = 1.0
        if CALIBRATION.is_file():
            from chipgym.experiments.throughput.yardstick import measure_yardstick

            self._stored = Calibration.load(CALIBRATION)
            self._scale = self._stored.yardstick_per_s / measure_yardstick(3).per_cpu_s

    def seconds(self, job: Job) -> float | None:
        """Estimated seconds of a job on one core; None if nothing is known of its kind."""
        work = _work(job.config)
        stored = {} if self._stored is None else self._stored.kinds
        for known, scale in ((self._here, 1.0), (stored, self._scale)):
            times = known.get(work.kind) or _nearest(known, work.kind)
            if times is not None:
                spent = work.steps * times.step_s + work.instances * times.instance_s
                return JOB_S + scale * spent
        return None


def total_seconds(seconds: Sequence[float], cores: int) -> float:
    """Wall time of jobs on so many cores: evenly shared, but not less than the longest takes."""
    return max(sum(seconds) / cores, max(seconds, default=0.0))


def calibrate(run: Path, command: str, cpu: str, share: float = 1.0) -> Calibration:
    """Collect the times of a run's jobs.

    Parameters
    ----------
    run : Path
        Folder of a run, best made with one worker on an idle machine.
    command, cpu : str
        For the record.
    share : float
        Part of a core that each worker had on average, where the machine was busy: times are
        multiplied by it.
    """
    from chipgym.experiments.throughput.yardstick import measure_yardstick

    kinds = _times(run.glob("jobs/*/manifest.json"))
    rounded = {
        kind: KindTimes(
            step_s=_rounded(share * times.step_s), instance_s=_rounded(share * times.instance_s)
        )
        for kind, times in sorted(kinds.items())
    }
    rate = float(f"{measure_yardstick().per_cpu_s:.4g}")
    return Calibration(command=command, cpu=cpu, yardstick_per_s=rate, kinds=rounded)


def _manifests(runs: Path) -> Iterable[Path]:
    return itertools.islice(runs.glob("*/jobs/*/manifest.json"), MAX_MANIFESTS)


def _times(manifests: Iterable[Path]) -> dict[str, KindTimes]:
    """Times by kind; of several jobs of a kind those of the largest, the fastest of equals."""
    best: dict[str, tuple[int, float, KindTimes]] = {}
    for path in manifests:
        try:
            document = read_json(path)
            work = _work(document["configuration"])
            training_s, evaluation_s = document["training_s"], document["evaluation_s"]
            times = KindTimes(
                step_s=training_s / work.steps if work.steps else 0.0,
                instance_s=evaluation_s / work.instances,
            )
        except (ChipGymError, KeyError, TypeError, StopIteration):
            continue  # of another version, or no job at all
        size = (work.steps + work.instances, -(training_s + evaluation_s), times)
        if work.kind not in best or size[:2] > best[work.kind][:2]:
            best[work.kind] = size
    return {kind: entry[2] for kind, entry in best.items()}


def _work(config: dict[str, Any]) -> _Work:
    agent = config["agent"]
    instances = len(config["task"]["instances"]) * int(agent.get("budget") or 1)
    return _Work(kind_of(config), int(agent.get("steps") or 0), instances)


def _nearest(known: dict[str, KindTimes], kind: str) -> KindTimes | None:
    """Times of the slowest other scenario of the same environment and method."""
    env, _, method = kind.split(" | ")
    others = [
        times
        for name, times in known.items()
        if name.startswith(f"{env} | ") and name.endswith(f" | {method}")
    ]
    return max(others, key=lambda times: (times.step_s, times.instance_s), default=None)


def merged(old: Calibration, new: Calibration) -> Calibration:
    """Return a calibration with the kinds of another that it lacks, scaled to its machine."""
    scale = old.yardstick_per_s / new.yardstick_per_s
    kept = {
        kind: KindTimes(
            step_s=_rounded(scale * times.step_s), instance_s=_rounded(scale * times.instance_s)
        )
        for kind, times in old.kinds.items()
    }
    return new.model_copy(update={"kinds": dict(sorted({**kept, **new.kinds}.items()))})


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.3g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Renew the stored calibration with the times of a run."""
    from chipgym.experiments.manifest import build_manifest

    parser = argparse.ArgumentParser(prog="python -m chipgym.experiments.estimate")
    parser.add_argument("run", type=Path, help="folder of a run that was made on this machine")
    parser.add_argument("--made-by", required=True, help="command of the run, for the record")
    parser.add_argument(
        "--share", type=float, default=1.0, help="part of a core that each worker had, up to 1"
    )
    parser.add_argument("--alone", action="store_true", help="forget the kinds of other runs")
    given = parser.parse_args(arguments)
    check_range("share", given.share, 0.01, 1.0)
    empty: dict[str, Any] = {"configuration": {}, "seeds": [], "env_specs": {}, "started": ""}
    machine = build_manifest(**empty, simulator_versions={}, wall_s=0.0)
    found = calibrate(given.run, given.made_by, str(machine["cpu"]), given.share)
    if not found.kinds:
        parser.error(f"no finished jobs in {given.run}")
    if CALIBRATION.is_file() and not given.alone:
        found = merged(Calibration.load(CALIBRATION), found)
    write_text(CALIBRATION, json.dumps(found.document(), indent=1) + "\n")
    print(f"{CALIBRATION}: {len(found.kinds)} kinds of jobs")


if __name__ == "__main__":
    main()
