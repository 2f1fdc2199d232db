"""The learners of the study, each given the same number of designs to try.

The forms are those of Krishnan et al. (arXiv 2211.16385): one agent a knob; one agent that sets all
knobs at once, by real numbers or by choices; and one agent that sets a knob a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.search.registry import make_searcher, searcher_hyperparameters
from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.experiments.papers.marl_dram.recorder import Recorder

__all__ = ["LEARNERS", "MULTI_AGENT", "learn"]

DESIGN = "chipgym/DramDesign-v0"
TUNING = "chipgym/DramTuning-v0"
EPISODE_BUDGET = 50
"""Evaluations of an episode in which single knobs are edited."""


def learn(
    learner: str, workload: str, objective: str, seed: int, budget: int, version: str
) -> list[int]:
    """Train; return the numbers of the first `budget` designs tried, in order.

    `version` is that of the simulator: results of another one are not used again.
    """
    recorder = Recorder(tabulated_problem(workload, objective))
    LEARNERS[learner](recorder, seed, budget)
    return recorder.designs[:budget]


def _agents(algorithm: str, entry: str | None = None) -> Callable[[Recorder, int, int], None]:
    """One agent a knob; an episode is one design."""

    def run(recorder: Recorder, seed: int, budget: int) -> None:
        from chipgym.agents.multi_agent.train import train_agents

        values = load_hyperparameters(algorithm, DESIGN, entry=entry).values
        train_agents(algorithm, recorder.parallel_env, budget, seed, values)

    return run


def _single(
    algorithm: str, form: str, env_id: str = DESIGN
) -> Callable[[Recorder, int, int], None]:
    """One agent, in one of the forms."""

    def run(recorder: Recorder, seed: int, budget: int) -> None:
        from chipgym.agents.sb3.train import train_agent
        from chipgym.envs.core.design_wrappers import ContinuousActions, TimeMultiplexed

        wraps: dict[str, Callable[[Any], Any]] = {
            "all": lambda env: env,
            "continuous": ContinuousActions,
            "multiplexed": TimeMultiplexed,
            "edits": lambda env: env,
        }
        knobs = len(recorder.problem.space.shape)
        steps = budget * knobs if form == "multiplexed" else budget
        kwargs = {"budget": EPISODE_BUDGET} if form == "edits" else {}
        train_agent(
            algorithm,
            lambda copies: recorder.gymnasium_envs(env_id, copies, wraps[form], **kwargs),
            steps,
            seed,
            load_hyperparameters(algorithm, env_id).values,
        )

    return run


def _searcher(name: str) -> Callable[[Recorder, int, int], None]:
    """A search with the same number of designs."""

    def run(recorder: Recorder, seed: int, budget: int) -> None:
        space = recorder.problem.space.designs.space()
        searcher = make_searcher(name, space, seed, **searcher_hyperparameters(name).values)
        for _ in range(budget):
            design = searcher.ask()
            recorder.designs.append(recorder.problem.space.number(design))
            searcher.tell(design, recorder.problem.outcome(design).score)

    return run


MULTI_AGENT = ("ippo", "shared-ppo", "mappo")
LEARNERS: dict[str, Callable[[Recorder, int, int], None]] = {
    "ippo": _agents("ippo"),
    "shared-ppo": _agents("shared_ppo"),
    "mappo": _agents("mappo"),
    "ippo, published settings": _agents("ippo", "marl-paper"),
    "ppo, all knobs": _single("ppo", "all"),
    "ppo, continuous": _single("ppo", "continuous"),
    "ppo, knob by knob": _single("ppo", "multiplexed"),
    "a2c, all knobs": _single("a2c", "all"),
    "sac, continuous": _single("sac", "continuous"),
    "dqn, knob by knob": _single("dqn", "multiplexed"),
    "maskable ppo, edits": _single("maskable_ppo", "edits", TUNING),
    "random-search": _searcher("random-search"),
    "genetic": _searcher("genetic"),
}
"""Learners by name; the searches are what they must beat."""
