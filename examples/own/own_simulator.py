"""A simulator back end of your own: a queueing model evaluates the memory controller's designs.

`chipgym/DramDesign-v0` and `chipgym/DramTuning-v0` take anything as `evaluate` that turns designs
into outcomes: another simulator, hardware, a table, or a model such as this. What is made of the
outcomes, rewards, metrics, searches, records, stays as it is.

Run it: ``python examples/own/own_simulator.py``.
"""

import gymnasium as gym
import numpy as np

import chipgym  # noqa: F401  # registers the environments
from chipgym.agents.search.registry import make_searcher
from chipgym.envs.dram_tuning.evaluation import design_key, evaluate_batch, judge
from chipgym.experiments.search import run_search

ROW_BYTES = 8192
HIT_NS, MISS_NS, CLOSED_NS = 20.0, 45.0, 30.0


def evaluate_with_model(space, objective, tasks):
    """Outcome of each (instance, design), from row hits and the load alone."""
    outcomes = []
    for instance, design in tasks:
        key = design_key(space, instance, design)
        metrics = estimate(instance, space.decode(design)) if key else None
        outcomes.append(judge(space, objective, instance, design, key, metrics))
    return outcomes


def estimate(instance, knobs):
    """Metrics of a design: an open page pays on row hits, a closed one on misses."""
    rows = instance.trace.address // ROW_BYTES
    hits = float(np.mean(rows[1:] == rows[:-1])) if len(rows) > 1 else 0.0
    if "Fcfs" not in str(knobs.get("scheduler")):
        hits = hits**0.5  # a reordering scheduler finds more of them
    opened = hits * HIT_NS + (1 - hits) * MISS_NS
    service_ns = opened if "Open" in str(knobs.get("page_policy")) else CLOSED_NS
    # What the default design takes in the real simulator gives the model its scale.
    known = instance.default_metrics
    factor = service_ns / MISS_NS
    return {
        name: value * factor if name.endswith(("_ns", "_pj")) else value
        for name, value in known.items()
    }


if __name__ == "__main__":
    for name, evaluate in (("simulator", evaluate_batch), ("own model", evaluate_with_model)):
        env = gym.make(
            "chipgym/DramDesign-v0", scenario="ddr4-mixed-rw", split="test", evaluate=evaluate
        )
        searcher = make_searcher(
            "random-search", env.action_space, 0, constraint=env.action_space.feasible
        )
        best = run_search(env, searcher, budget=20, instance=0, seed=0).best
        env.reset(seed=0)
        knobs = env.unwrapped.problem.decode(np.array(best.design))
        print(f"{name}: score {best.score:.3f} with page policy {knobs['page_policy']}")
