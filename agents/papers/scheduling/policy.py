"""A learned scheduler as a `Policy`, saved as plain arrays and JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.policy_file import place_of, read_policy, write_policy
from chipgym.agents.core.problem import JobsView, ProblemView
from chipgym.agents.core.provenance import Provenance
from chipgym.agents.core.torch_tools import load_weights, save_weights, use_one_thread
from chipgym.agents.papers.scheduling.agent import SchedulingAgent
from chipgym.agents.papers.scheduling.names import build_agent
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)

__all__ = ["SchedulingPolicy", "load_scheduler"]

FORMAT = "chipgym-scheduler-1"
_KEYS = {"format", "name", "algorithm", "sizes", "settings"}


class SchedulingPolicy:
    """Acts with a learned scheduler in any number of environments.

    Parameters
    ----------
    agent : SchedulingAgent
        It is used, not copied.
    name : str, optional
        Name of the policy, by default the algorithm.
    deterministic : bool
        Take the likeliest choice (the first of equals); otherwise draw with generators seeded by
        `reset`.

    Notes
    -----
    Exact replay needs the same batch size: the last bit of a matrix product depends on it. PyTorch
    runs with one thread, which `act` makes sure of.
    """

    def __init__(
        self, agent: SchedulingAgent, *, name: str | None = None, deterministic: bool = True
    ) -> None:
        self.agent, self.deterministic = agent, deterministic
        self.name = name or agent.algorithm
        self.provenance = Provenance("learned", None)
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Seed one generator an environment; a deterministic policy does not use them."""
        self._generators = [np.random.default_rng([seed, i]) for i in range(num_envs)]
        self._checked = False

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Choose an action for each environment from its problem view.

        Raises
        ------
        InvalidValueError
            There are no problem views, not as many as told to `reset`, or not of environments in
            which the agent can act.
        """
        if problems is None:
            raise InvalidValueError("problems", None, f"the problem views, which {self.name} reads")
        if len(problems) != len(self._generators):
            count = f"{len(self._generators)} views, as told to reset"
            raise InvalidValueError("problems", len(problems), count)
        views = cast(Sequence[JobsView], problems)
        if not self._checked:
            for view in views:
                self.agent.check(view)
            self._checked = True
        use_one_thread()
        decisions = [self.agent.observe(view) for view in views]
        with torch.inference_mode():
            logs = self.agent.evaluate(decisions)[0].numpy()
        actions = np.empty(len(views), dtype=np.int64)
        for i, decision in enumerate(decisions):
            scores = logs[i, : len(decision.actions)]
            if not self.deterministic:
                # The Gumbel trick draws from the probabilities.
                scores = scores + self._generators[i].gumbel(size=len(scores))
            actions[i] = decision.actions[scores.argmax()]
        return actions

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the policy to a folder, or to one file if its name ends in ``.safetensors``.

        See `chipgym.agents.core.policy_file`; weights are plain arrays, nothing is pickled.
        """
        arrays = save_weights(self.agent.network, "network")
        document = {
            "format": FORMAT,
            "name": self.name,
            "algorithm": self.agent.algorithm,
            "sizes": dict(self.agent.sizes()),
            "settings": dict(self.agent.settings_document()),
        }
        write_policy(folder, document, arrays)


def load_scheduler(
    folder: str | os.PathLike[str], *, deterministic: bool = True
) -> SchedulingPolicy:
    """Load what `SchedulingPolicy.save` wrote; nothing in the files is executed.

    Raises
    ------
    FileFormatError
        A file is missing or damaged, or the two do not belong together.
    """
    path = place_of(folder)
    document, arrays = read_policy(folder, FORMAT, _KEYS)
    try:
        agent = build_agent(document["algorithm"], document["settings"], document["sizes"])
        load_weights(agent.network, "network", arrays)
    except (InvalidValueError, UnknownNameError, RuntimeError, TypeError, KeyError) as error:
        raise FileFormatError(path, f"does not describe the weights: {error}") from error
    return SchedulingPolicy(agent, name=document["name"], deterministic=deterministic)
