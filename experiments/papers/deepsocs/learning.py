"""Train the learned scheduler: record a planner, imitate it, record where the network errs, repeat.

Round 0 records the planner's own decisions; in later rounds the learner acts and the planner says
what it would have done (DAgger). Each part is a file, so an interrupted training goes on.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from chipgym.agents.core.registry import make_policy
from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.deepsocs.demonstrations import Demonstrations, record
from chipgym.simulators.core.files import write_bytes
from chipgym.simulators.core.hashing import content_hash

__all__ = ["TRAINING", "train"]

TRAINING = ("six-app-mid", "six-app-high", "wifi-mix", "bursty")
"""Scenarios whose training streams are recorded; all others are unseen."""


def train(
    out: Path,
    *,
    seed: int,
    scenarios: Sequence[str] = TRAINING,
    expert: str = "rollout-planner",
    decisions: int = 6_000,
    rounds: int = 3,
    epochs: int = 20,
    hidden: int = 32,
    report: Report,
) -> Path:
    """Train one network and return its file.

    Parameters
    ----------
    out : path
        Receives the recorded decisions, and the network after each round, ``round-K.npz``.
    seed : int
        Of the instances and of the network.
    scenarios : sequence of str
    expert : str
        Registered policy that is imitated.
    decisions : int
        Recorded in each scenario and round.
    rounds, epochs, hidden : int
        Rounds of recording and imitation, passes over all decisions so far in each, width.
    report : callable
    """
    from chipgym.agents.schedulers.imitation import LearnedScheduler, Lessons, imitate, new_network

    out.mkdir(parents=True, exist_ok=True)
    lessons: list[Lessons] = []
    settings = content_hash(
        {"seed": seed, "expert": expert, "decisions": decisions, "epochs": epochs, "hidden": hidden}
    )[:12]
    path = out / f"round-0-{settings}.npz"
    learner: Any = None
    for number in range(rounds):
        for index, scenario in enumerate(scenarios):
            report("recording", number * len(scenarios) + index, rounds * len(scenarios))
            part = _recorded(
                out / f"{scenario}-{number}-{settings}.npz",
                scenario,
                expert,
                decisions,
                seed * 1_000 + number,
                learner,
            )
            slots, pes = _shape(scenario)
            lessons.append(Lessons(slots, pes, part.observations, part.masks, part.actions))
        network = new_network(hidden, seed)
        imitate(network, lessons, epochs=epochs, seed=seed)
        learner = LearnedScheduler(network=network)
        path = out / f"round-{number}-{settings}.npz"
        learner.save(path)
    report("recording", rounds * len(scenarios), rounds * len(scenarios))
    return path


def _shape(scenario: str) -> tuple[int, int]:
    env = gym.make("chipgym/SocScheduling-v0", scenario=scenario)
    layout = env.unwrapped.observation_layout  # type: ignore[attr-defined]
    slots, pes = layout["pairs"].shape[:2]
    env.close()
    return int(slots), int(pes)


def _recorded(
    path: Path, scenario: str, expert: str, decisions: int, seed: int, learner: Any
) -> Demonstrations:
    """Read a part, or record and write it."""
    if not path.is_file():
        part = record(scenario, make_policy(expert), decisions, seed, learner)
        write_bytes(path, _packed(part))
    with np.load(path, allow_pickle=False) as arrays:
        return Demonstrations(arrays["observations"], arrays["masks"], arrays["actions"])


def _packed(part: Demonstrations) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(
        stream, observations=part.observations, masks=part.masks, actions=part.actions
    )
    return stream.getvalue()
