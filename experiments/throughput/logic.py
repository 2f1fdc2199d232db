"""What logic synthesis costs: steps over bare ABC, the cache, the environments, several workers.

Everything is measured in one run on one machine. Ratios are between the least times of several
rounds, in which the methods take turns: other work on the machine only ever adds to them.
"""

from __future__ import annotations

import dataclasses
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chipgym.envs.logic_synthesis.env import LogicRecipeEnv, LogicSynthesisEnv
from chipgym.envs.logic_synthesis.vector_env import LogicRecipeVectorEnv, LogicSynthesisVectorEnv
from chipgym.experiments.manifest import build_manifest, timestamp
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.recipes import ACTION_SETS, RECIPES
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import SIMULATOR_VERSION, run_recipe
from chipgym.simulators.logic.speed import CircuitSpeed, measure_circuit
from chipgym.simulators.logic.state import LogicState

__all__ = ["FULL", "QUICK", "Effort", "measure_logic"]

SEED = 0
VECTOR_ROWS = 2


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    circuits : tuple of str
    rounds : int
        Rounds of each circuit, at least.
    circuit_s : float
        Time for rounds of each circuit, at least.
    env_circuit : str
        Circuit of the environments.
    episodes : int
        Episodes of the environments in a repeat.
    repeats : int
        Repeats of environments and workers.
    worker_circuit : str
    recipes : int
        Recipes that the workers share.
    """

    circuits: tuple[str, ...]
    rounds: int
    circuit_s: float
    env_circuit: str
    episodes: int
    repeats: int
    worker_circuit: str
    recipes: int


FULL = Effort(
    (
        "int-to-float-16",
        "priority-encoder-64",
        "alu-32",
        "sqrt-24",
        "divider-12",
        "hypotenuse-8",
        "multiplier-16",
        "cordic-12",
        "sbox-1",
    ),
    15,
    2.5,
    "alu-8",
    20,
    3,
    "divider-8",
    32,
)
QUICK = Effort(("crc16-16", "alu-8"), 1, 0.0, "crc16-16", 2, 1, "crc16-16", 4)


def measure_logic(effort: Effort = FULL, report: Callable[[str], None] = print) -> dict[str, Any]:
    """Measure everything.

    Parameters
    ----------
    effort : Effort
        `FULL` for numbers to quote, `QUICK` to see that it works.
    report : callable
        Told what is being measured.

    Returns
    -------
    dict
        A JSON document: ``abc``, ``circuits``, ``modes``, ``environment``, ``environments`` (of
        the other id), ``workers``, ``summary``, ``manifest``.

    Raises
    ------
    AbcNotFoundError
        There is no ABC.
    """
    started, begin = timestamp(), time.perf_counter()
    with AbcSession() as session:
        document: dict[str, Any] = {"family": "logic", "abc": session.identity}
    speeds = []
    for name in effort.circuits:
        report(f"measuring {name}")
        speeds.append(_measured(name, effort))
    document["circuits"] = [_speed_row(speed) for speed in speeds]
    parts: dict[str, Callable[[Effort], Any]] = {
        "modes": _modes,
        "environment": _environment,
        "environments": _whole_recipes,
        "workers": _workers,
    }
    for name, part in parts.items():
        report(f"measuring {name}")
        document[name] = part(effort)
    document["summary"] = _summary(speeds, document)
    document["manifest"] = build_manifest(
        configuration={"throughput": "logic", "effort": dataclasses.asdict(effort)},
        seeds=[SEED],
        simulator_versions={"logic": SIMULATOR_VERSION},
        env_specs={},
        started=started,
        wall_s=time.perf_counter() - begin,
    )
    return document


def _measured(name: str, effort: Effort) -> CircuitSpeed:
    circuit = Circuit.named(name)
    return measure_circuit(circuit, repetitions=effort.rounds, least_s=effort.circuit_s)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _speed_row(speed: CircuitSpeed) -> dict[str, Any]:
    return {
        "circuit": speed.circuit,
        "nodes": speed.nodes,
        "bare_abc_ms": _rounded(speed.bare_ms),
        "step_ms": _rounded(speed.step_ms),
        "steps_per_s": _rounded(speed.steps_per_s),
        "overhead_ms": _rounded(speed.step_ms - speed.bare_ms),
        "step_over_bare_abc": _rounded(speed.step_over_bare),
        "within_limit": speed.within_limit,
        "bare_abc_cpu_ms": _rounded(speed.bare_cpu_ms) if speed.bare_cpu_ms > 0 else None,
        "step_cpu_ms": _rounded(speed.step_cpu_ms) if speed.step_cpu_ms > 0 else None,
        "cached_step_us": _rounded(speed.cached_us),
        "cached_steps_per_s": _rounded(1e6 / speed.cached_us),
        "replay_ms": _rounded(speed.replay_ms),
        "replay_over_session": _rounded(speed.replay_over_session),
    }


def _summary(speeds: Sequence[CircuitSpeed], document: dict[str, Any]) -> dict[str, Any]:
    """Geometric means of the ratios and medians of the times, over the circuits."""
    return {
        "step_over_bare_abc": _rounded(_geometric_mean([s.step_over_bare for s in speeds])),
        "replay_over_session": _rounded(_geometric_mean([s.replay_over_session for s in speeds])),
        "cached_step_us": _rounded(statistics.median(s.cached_us for s in speeds)),
        "overhead_ms": _rounded(statistics.median(s.step_ms - s.bare_ms for s in speeds)),
        "step_over_bare_abc_cpu": _cpu_ratio(speeds),
        "within_limit": all(row["within_limit"] for row in document["circuits"]),
        "env_cached_step_us": document["environment"]["cached"]["step_us"],
        "largest_speed_up": max(row["speed_up"] for row in document["workers"]),
    }


def _cpu_ratio(speeds: Sequence[CircuitSpeed]) -> float | None:
    """Return the mean ratio of processor times, which other work on the machine hardly changes."""
    ratios = [speed.step_cpu_ms / speed.bare_cpu_ms for speed in speeds if speed.bare_cpu_ms > 0]
    return _rounded(_geometric_mean(ratios)) if len(ratios) == len(speeds) else None


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


def _least_s(action: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


def _modes(effort: Effort) -> dict[str, Any]:
    """Time of a step with processes that stay, and with a process for each call."""
    body = Circuit.named(effort.worker_circuit).body
    commands = RECIPES["resyn2"]
    row: dict[str, Any] = {"circuit": effort.worker_circuit}
    states: list[LogicState] = []
    for mode in ("persistent", "per-call"):
        with AbcSession(cache=None, mode=mode) as session:
            states.append(run_recipe(body, commands, session).final)

            def run(session: AbcSession = session) -> None:
                run_recipe(body, commands, session)

            seconds = _least_s(run, effort.repeats)
        row[f"{mode.replace('-', '_')}_step_ms"] = _rounded(1e3 * seconds / len(commands))
    row["same_result"] = states[0] == states[1]
    return row


def _play(env: LogicSynthesisEnv, recipes: Any) -> None:
    for recipe in recipes:
        env.reset()
        for action in recipe:
            env.step(int(action))


def _play_vector(envs: LogicSynthesisVectorEnv, recipes: Any) -> None:
    for start in range(0, len(recipes), envs.num_envs):
        envs.reset()
        for actions in recipes[start : start + envs.num_envs].T:
            envs.step(actions)


def _environment(effort: Effort) -> dict[str, Any]:
    """Steps per second through Gymnasium, episodes of random recipes, resets included."""
    rows: dict[str, Any] = {"circuit": effort.env_circuit, "objective": "adp"}
    rng = np.random.default_rng(SEED)
    shape = (effort.episodes - effort.episodes % VECTOR_ROWS, 10)
    recipes = rng.integers(len(ACTION_SETS["abc-rl"]), size=shape)
    steps = recipes.size
    arguments: dict[str, Any] = {"circuit": effort.env_circuit, "split": "test"}
    for name, cache in (("uncached", False), ("cached", True)):
        env = LogicSynthesisEnv(**arguments, cache=cache)
        _play(env, recipes)
        seconds = _least_s(lambda env=env: _play(env, recipes), effort.repeats)  # type: ignore[misc]
        env.close()
        rows[name] = {
            "steps_per_s": _rounded(steps / seconds),
            "step_us": _rounded(1e6 * seconds / steps),
        }
    envs = LogicSynthesisVectorEnv(VECTOR_ROWS, autoreset_mode="Disabled", cache=False, **arguments)
    _play_vector(envs, recipes)
    seconds = _least_s(lambda: _play_vector(envs, recipes), effort.repeats)
    envs.close()
    rows[f"vector_{VECTOR_ROWS}_uncached"] = {
        "steps_per_s": _rounded(steps / seconds),
        "step_us": _rounded(1e6 * seconds / steps),
    }
    return rows


def _whole_recipes(effort: Effort) -> dict[str, Any]:
    """Steps per second where a step is a recipe, resets included, no result cached."""
    rng = np.random.default_rng(SEED)
    shape = (effort.episodes - effort.episodes % VECTOR_ROWS, 10)
    recipes = rng.integers(len(ACTION_SETS["abc-rl"]), size=shape)
    arguments: dict[str, Any] = {"circuit": effort.env_circuit, "split": "test", "cache": False}
    env = LogicRecipeEnv(**arguments)
    envs = LogicRecipeVectorEnv(VECTOR_ROWS, autoreset_mode="Disabled", **arguments)

    def play() -> None:
        for recipe in recipes:
            env.reset()
            env.step(recipe)

    def play_vector() -> None:
        for start in range(0, len(recipes), VECTOR_ROWS):
            envs.reset()
            envs.step(recipes[start : start + VECTOR_ROWS])

    rows = {}
    for name, action in (("uncached", play), (f"vector_{VECTOR_ROWS}_uncached", play_vector)):
        action()
        seconds = _least_s(action, effort.repeats)
        rows[name] = {
            "steps_per_s": _rounded(len(recipes) / seconds),
            "step_us": _rounded(1e6 * seconds / len(recipes)),
        }
    env.close()
    envs.close()
    return {"chipgym/LogicRecipe-v0": rows}


def _workers(effort: Effort) -> list[dict[str, Any]]:
    """Recipes per second of the vector environment with 1, 2, 4, … workers up to the processors."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    processors = processors or os.cpu_count() or 1
    counts = sorted({min(2**k, processors) for k in range(processors.bit_length() + 1)})
    rng = np.random.default_rng(SEED)
    recipes = rng.integers(len(ACTION_SETS["abc-rl"]), size=(effort.recipes, 10))
    rows: list[dict[str, Any]] = []
    for workers in counts:
        envs = LogicSynthesisVectorEnv(
            effort.recipes,
            autoreset_mode="Disabled",
            workers=workers,
            circuit=effort.worker_circuit,
            split="test",
            cache=False,
        )
        _play_vector(envs, recipes[:, :1])
        seconds = _least_s(lambda envs=envs: _play_vector(envs, recipes), effort.repeats)  # type: ignore[misc]
        envs.close()
        first = rows[0]["steps_per_s"] if rows else recipes.size / seconds
        rows.append(
            {
                "workers": workers,
                "steps_per_s": _rounded(recipes.size / seconds),
                "speed_up": _rounded(recipes.size / seconds / first),
            }
        )
    return rows
