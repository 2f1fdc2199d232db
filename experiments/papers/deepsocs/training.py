"""Train the learned schedulers of the study: every agent, its ablations, every seed.

    python -m chipgym.experiments.papers.deepsocs.training

An interrupted training goes on where it was when the same command is given again, and ends with the
same weights.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.deepsocs.mixture import make_mixture
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.hashing import content_hash
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION

__all__ = ["AGENTS", "DOMAINS", "TrainedAgent", "train_agents", "train_one"]

WEIGHTS = Path(__file__).parent / "weights"
TRAINING = ("six-app-mid", "six-app-high", "wifi-mix", "bursty")
"""Scenarios whose training streams are learnt from."""
DOMAINS: dict[str, tuple[str, ...]] = {"": TRAINING, "top": ("canonical", "canonical-ten")}
"""Scenarios that are trained on: contended streams on 16 PEs, and the papers' platform of 3 PEs."""
STEPS_SHARE = {"": 1.0, "top": 0.5}
"""Length of a training in each domain; on 3 PEs there is less to learn."""
ALL_DOMAINS = (*TRAINING, "canonical", "canonical-open")
"""What the learned scheduler is trained on: one network for both platforms."""
NUM_JOBS = 8
SEEDS, ABLATION_SEEDS = 5, 3
OWN_STEPS = 2_000_000
FUNCTION = "chipgym.experiments.papers.deepsocs.training:train_one"
ORDERING = "chipgym/SocTaskOrdering-v0"
MAPPING = "chipgym/SocTaskMapping-v0"
SCHEDULING = "chipgym/SocScheduling-v0"


@dataclass(frozen=True)
class TrainedAgent:
    """One agent of the study, or an ablation of one.

    Attributes
    ----------
    name : str
        Of its weights, ``NAME-SEED.safetensors`` or ``NAME-DOMAIN-SEED.safetensors``.
    algorithm : str
        File in ``agents/hyperparams``.
    env_id : str
        Form of the environment.
    steps : int
        Decisions of a training in the first domain.
    entry : str
        Named entry of the hyperparameters; "": the one for the environment.
    of : str
        Agent of which this is an ablation; "": of none.
    scenarios : tuple of str
        Scenarios of its one domain; empty: it is trained in each of `DOMAINS`.
    num_jobs : int
        Jobs of a training episode; those of the tests have 20.
    """

    name: str
    algorithm: str
    env_id: str
    steps: int
    entry: str = ""
    of: str = ""
    scenarios: tuple[str, ...] = ()
    num_jobs: int = NUM_JOBS

    @property
    def domains(self) -> dict[str, tuple[str, ...]]:
        """Domains in which it is trained, with their scenarios; ablations only in the first."""
        if self.scenarios:
            return {"": self.scenarios}
        return {"": DOMAINS[""]} if self.of else DOMAINS

    @property
    def seeds(self) -> int:
        """Number of trainings in a domain."""
        return ABLATION_SEEDS if self.of else SEEDS

    def hyperparameters(self) -> dict[str, Any]:
        """Values of its entry."""
        if self.entry:
            return load_hyperparameters(self.algorithm, entry=self.entry).values
        return load_hyperparameters(self.algorithm, self.env_id).values


def _family(
    name: str, algorithm: str, env_id: str, steps: int, ablations: Sequence[str]
) -> list[TrainedAgent]:
    less = [TrainedAgent(f"{name}-{e}", algorithm, env_id, steps, e, name) for e in ablations]
    return [TrainedAgent(name, algorithm, env_id, steps), *less]


_ALL = (
    *_family("deepsocs", "deepsocs", ORDERING, 120_000, ("no-graph", "no-real-time")),
    *_family("socrates", "socrates", MAPPING, 120_000, ("no-mask", "no-real-time")),
    *_family("scarl", "scarl", MAPPING, 120_000, ("no-real-time",)),
    *_family(
        "maskable-ppo", "maskable_ppo", SCHEDULING, 160_000, ("no-mask", "no-real-time", "wait")
    ),
    TrainedAgent(
        "learned-scheduler",
        "learned_scheduler",
        SCHEDULING,
        OWN_STEPS,
        scenarios=ALL_DOMAINS,
        num_jobs=14,
    ),
)
AGENTS: dict[str, TrainedAgent] = {agent.name: agent for agent in _ALL}
"""All agents by name."""


def train_agents(
    out: Path,
    weights: Path = WEIGHTS,
    *,
    names: Sequence[str] = tuple(AGENTS),
    seeds: int | None = None,
    steps: int | None = None,
    workers: int = 1,
    report: Report,
) -> dict[str, Any]:
    """Train what is not trained yet; return the learning curves by key.

    Parameters
    ----------
    out : path
        Receives records and, while a training runs, its checkpoint.
    weights : path
        Receives ``NAME-SEED.safetensors``.
    names : sequence of str
        Keys of `AGENTS`.
    seeds, steps : int, optional
        Fewer trainings and shorter ones, for trials.
    workers : int
        Processes.
    report : callable

    Raises
    ------
    UnknownNameError
        There is no such agent.
    """
    tasks = []
    for name in names:
        if name not in AGENTS:
            raise UnknownNameError("agent", name, AGENTS)
        agent = AGENTS[name]
        for domain, scenarios in agent.domains.items():
            for seed in range(seeds or agent.seeds):
                length = steps or int(agent.steps * STEPS_SHARE[domain])
                tasks.append(_task(agent, domain, scenarios, seed, length, out, weights))
    for task in tasks:
        # A record without its weights is worth nothing.
        if not (weights / f"{task.key}.safetensors").is_file():
            (out / "records" / f"{task.key}.json").unlink(missing_ok=True)
    return run_tasks(tasks, out / "records", workers, report, "trainings")


class _TrainingTask(Task):
    """A task whose result does not depend on where its files are."""

    @property
    def digest(self) -> str:
        """Hash of what determines the weights."""
        given = {k: v for k, v in self.arguments.items() if k not in ("checkpoint", "weights")}
        return content_hash({"function": self.function, "arguments": given})


def _task(
    agent: TrainedAgent,
    domain: str,
    scenarios: Sequence[str],
    seed: int,
    steps: int,
    out: Path,
    weights: Path,
) -> Task:
    key = "-".join(filter(None, (agent.name, domain, str(seed))))
    return _TrainingTask(
        key,
        FUNCTION,
        {
            "algorithm": agent.algorithm,
            "name": agent.name,
            "env_id": agent.env_id,
            "scenarios": list(scenarios),
            "num_jobs": agent.num_jobs,
            "hyperparameters": agent.hyperparameters(),
            "steps": steps,
            "seed": seed,
            "version": SIMULATOR_VERSION,
            "checkpoint": str(out / "checkpoints" / f"{key}.safetensors"),
            "weights": str(weights / f"{key}.safetensors"),
        },
    )


def train_one(
    algorithm: str,
    name: str,
    env_id: str,
    scenarios: Sequence[str],
    num_jobs: int,
    hyperparameters: Mapping[str, Any],
    steps: int,
    seed: int,
    version: str,
    checkpoint: str,
    weights: str,
) -> dict[str, Any]:
    """Train one agent with one seed, from its checkpoint on if there is one.

    Parameters
    ----------
    algorithm, name, env_id, scenarios, num_jobs, hyperparameters, steps, seed
        What is trained; the same values give the same weights on one platform.
    version : str
        Of the simulator; part of the record only.
    checkpoint, weights : str
        Files; the first is removed in the end.

    Returns
    -------
    dict
        The learning ``curve``, the ``steps`` taken, and the processor time of the last run.
    """
    place = Path(checkpoint)
    place.parent.mkdir(parents=True, exist_ok=True)
    Path(weights).parent.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    make_envs: Any = partial(_make_envs, env_id, tuple(scenarios), num_jobs)
    arguments: dict[str, Any] = {"hyperparams": hyperparameters, "name": name, "checkpoint": place}
    train: Callable[..., Any]
    if algorithm == "learned_scheduler":
        from chipgym.agents.schedulers.training import train_learned_scheduler

        make_envs = [partial(_make_next_step, env_id, one, num_jobs) for one in scenarios]
        train = train_learned_scheduler
    elif algorithm == "maskable_ppo":
        from chipgym.agents.sb3.train import train_agent

        train = partial(train_agent, algorithm)
    else:
        from chipgym.agents.papers.scheduling.training import train_scheduler

        train = partial(train_scheduler, algorithm)
    result = train(make_envs, steps, seed, **arguments)
    result.policy.save(weights)
    place.unlink(missing_ok=True)
    seconds = round(time.process_time() - began, 1)
    return {"curve": result.curve, "steps": result.steps, "cpu_seconds": seconds}


def _make_envs(env_id: str, scenarios: Sequence[str], num_jobs: int, num_envs: int) -> Any:
    return make_mixture(env_id, num_envs, scenarios, num_jobs=num_jobs)


def _make_next_step(env_id: str, scenario: str, num_jobs: int, num_envs: int) -> Any:
    return gym.make_vec(
        env_id,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        scenario=scenario,
        num_jobs=num_jobs,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Train the learned schedulers of the study.")
    parser.add_argument("names", nargs="*", help="agents; by default all: " + ", ".join(AGENTS))
    parser.add_argument("--out", type=Path, default=Path("runs/reproduce/deepsocs-training"))
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--seeds", type=int, help="trainings of each agent; by default 5 and 3")
    parser.add_argument("--steps", type=int, help="decisions of a training, for trials")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args(arguments)
    train_agents(
        given.out,
        given.weights,
        names=given.names or tuple(AGENTS),
        seeds=given.seeds,
        steps=given.steps,
        workers=given.workers,
        report=_report,
    )


def _report(what: str, done: int, total: int) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}: {done}/{total}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
