"""Agents of your own: a policy, which acts on observations, and a searcher, which proposes designs.

Run it: ``python examples/own/own_agent.py``. The command line takes the policy as it is, with this
folder on PYTHONPATH: ``chipgym evaluate chipgym/SocScheduling-v0 --agent own_agent:LeastSlack``.
"""

import gymnasium as gym
import numpy as np

import chipgym  # noqa: F401  # registers the environments
from chipgym.agents.core.registry import make_policy, register_policy
from chipgym.agents.search.registry import make_searcher, register_searcher
from chipgym.experiments.evaluation import evaluate
from chipgym.experiments.search import run_search


class LeastSlack:
    """Starts the task that loses most if it does not get its best processing element."""

    name = "least-slack"

    def reset(self, num_envs, seed):
        """Nothing is remembered between decisions."""

    def act(self, observations, masks, problems):
        """Choose for a batch of environments, of which each shows its decision as `problem`."""
        return np.array([self.choose(problem) for problem in problems])

    def choose(self, problem):
        """Take the task with the largest regret, on the PE of its earliest finish."""
        finish = np.sort(np.where(np.isfinite(problem.estimated_finish_us),
                                  problem.estimated_finish_us, 1e9), axis=1)  # fmt: skip
        slot = int(np.argmax(finish[:, 1] - finish[:, 0]))
        return problem.encode(slot, int(np.argmin(problem.estimated_finish_us[slot])))


class BestNeighbour:
    """Draws ten designs, then changes two knobs of the best one so far."""

    name = "best-neighbour"

    def __init__(self, space, seed, constraint=None):
        self.space, self.best, self.told = space, None, 0
        self.rng = np.random.default_rng(seed)
        self.allowed = constraint or (lambda design: True)
        self.space.seed(seed)

    def ask(self):
        """Return the next design."""
        while True:
            if self.told < 10 or self.best is None:
                return np.array(self.space.sample())
            design = self.best[0].copy()
            for knob in self.rng.integers(len(design), size=2):
                design[knob] = self.rng.integers(self.space.nvec[knob])
            if self.allowed(design):
                return design

    def tell(self, design, score):
        """Keep the best; not-a-number says that a design could not be evaluated."""
        self.told += 1
        if not np.isnan(score) and (self.best is None or score > self.best[1]):
            self.best = (design, score)


register_policy("least-slack", LeastSlack)
register_searcher("best-neighbour", BestNeighbour)

if __name__ == "__main__":
    env = gym.make("chipgym/SocScheduling-v0", scenario="six-app-mid", split="test")
    for name in ("random", "least-slack", "ETF"):
        runs = evaluate(env, make_policy(name), task="mid", agent=name, seed=0, instances=range(2))
        latency = np.mean([run.metrics["mean_latency_us"] for run in runs])
        print(f"{name:16s} mean latency {latency:8.1f} µs")
    env = gym.make("chipgym/DramDesign-v0", scenario="ddr4-mixed-rw", split="test")
    for name in ("random-search", "best-neighbour"):
        searcher = make_searcher(name, env.action_space, 0, constraint=env.action_space.feasible)
        best = run_search(env, searcher, budget=30, instance=0, seed=0).best
        print(f"{name:16s} best score {best.score:.3f} after 30 simulations")
