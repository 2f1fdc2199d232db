"""Small environments of many agents, with the interface of PettingZoo's parallel ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

SEEN = np.ones(1, dtype=np.float32)

# After the climbing game of Claus and Boutilier (1998): missing the best joint action costs, and
# two others are safer. The best is large enough here to be found without knowing the other's mind.
CLIMBING = np.array([[20.0, -5.0, 0.0], [-5.0, 7.0, 6.0], [0.0, 0.0, 5.0]])


class Game(ParallelEnv[str, Any, Any]):
    """What the games share: one observation for all, one step."""

    metadata = {"name": "game"}
    sizes: dict[str, int] = {}

    def __init__(self) -> None:
        self.possible_agents = list(self.sizes)
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Any:
        return spaces.Box(-np.inf, np.inf, (1,), np.float32)

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(self.sizes[agent])

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents = list(self.possible_agents)
        return self._observations(), {agent: {} for agent in self.agents}

    def _observations(self) -> dict[str, Any]:
        return dict.fromkeys(self.agents, SEEN)

    def _payoff(self, actions: dict[str, Any]) -> float:
        raise NotImplementedError

    def step(self, actions: dict[str, Any]) -> Any:
        assert set(actions) == set(self.agents)
        assert all(self.action_space(a).contains(action) for a, action in actions.items())
        payoff = self._payoff(actions)
        info = {"evaluations": 1, "metrics": {"payoff": payoff}}
        acting, self.agents = self.agents, []
        return (
            dict.fromkeys(acting, SEEN),
            dict.fromkeys(acting, payoff),
            dict.fromkeys(acting, True),
            dict.fromkeys(acting, False),
            {agent: dict(info) for agent in acting},
        )

    def close(self) -> None:
        pass


class Climbing(Game):
    """Two agents choose a cell of the matrix together."""

    sizes = {"row": 3, "column": 3}
    best = 20.0

    def _payoff(self, actions: dict[str, Any]) -> float:
        return float(CLIMBING[actions["row"], actions["column"]])


class Knobs(Game):
    """A controller of ten knobs, one agent each; two pairs of knobs matter together."""

    sizes = dict(zip("abcdefghij", (4, 3, 3, 8, 2, 2, 4, 4, 3, 8), strict=True))
    target = dict(zip("abcdefghij", (3, 0, 2, 5, 1, 0, 2, 3, 1, 6), strict=True))
    best = 1.0

    def _payoff(self, actions: dict[str, Any]) -> float:
        right = {name: actions[name] == self.target[name] for name in self.sizes}
        near = [
            1.0 - abs(actions[name] - self.target[name]) / (count - 1)
            for name, count in self.sizes.items()
        ]
        together = 0.5 * (right["a"] and right["d"]) + 0.5 * (right["g"] and right["j"])
        return float(0.8 * np.mean(near) + 0.2 * together)


class Mixed(Game):
    """One agent chooses, one chooses twice, one sets two real numbers; observations differ."""

    sizes = {"chooser": 4, "twice": 6, "real": 0}
    best = 0.0

    def observation_space(self, agent: str) -> Any:
        size = {"chooser": (1,), "twice": (3,), "real": (2, 2)}[agent]
        return spaces.Box(-np.inf, np.inf, size, np.float32)

    def action_space(self, agent: str) -> Any:
        if agent == "chooser":
            return spaces.Discrete(4, start=2)
        if agent == "twice":
            return spaces.MultiDiscrete([2, 3])
        return spaces.Box(np.float32([0.0, -4.0]), np.float32([2.0, 4.0]), dtype=np.float32)

    def _observations(self) -> dict[str, Any]:
        shapes = {a: self.observation_space(a).shape for a in self.agents}
        return {a: np.ones(shape, dtype=np.float32) for a, shape in shapes.items()}

    def _payoff(self, actions: dict[str, Any]) -> float:
        first, second = actions["real"]
        cost = abs(actions["chooser"] - 4) + abs(actions["twice"][0] - 1)
        cost += abs(actions["twice"][1] - 2) + abs(first - 1.5) + abs(second - 2.0) / 4
        return -float(cost) / 5


class HiddenState(Game):
    """The payoff depends on a coin that only the state shows, and on no action."""

    sizes = {"one": 2, "two": 2}

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.coin = int(self.rng.integers(2))
        return super().reset(seed, options)

    def state(self) -> Any:
        return np.array([self.coin, 1.0], dtype=np.float32)

    def _payoff(self, actions: dict[str, Any]) -> float:
        return 10.0 * self.coin


class Relay(Game):
    """Three agents count down together; masks, agents that leave early, and a limit of time.

    Agent ``k`` may leave from step ``k + 1`` on (option 0) and earns 1 for leaving at once, less
    for each step of delay. Option 1 is always allowed, option 2 never. Whoever has not left after
    five steps is cut off.
    """

    sizes = {"first": 3, "second": 3, "third": 3}
    best = 1.0

    def observation_space(self, agent: str) -> Any:
        return spaces.Dict(
            {
                "observation": spaces.Box(0.0, 10.0, (2,), np.float32),
                "action_mask": spaces.Box(0, 1, (3,), np.int8),
            }
        )

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.time = 0
        return super().reset(seed, options)

    def _observations(self) -> dict[str, Any]:
        return {agent: self._seen(agent) for agent in self.agents}

    def _seen(self, agent: str) -> Any:
        number = self.possible_agents.index(agent)
        mask = np.array([self.time >= number + 1, True, False], dtype=np.int8)
        return {
            "observation": np.array([number, self.time], dtype=np.float32),
            "action_mask": mask,
        }

    def step(self, actions: dict[str, Any]) -> Any:
        assert set(actions) == set(self.agents)
        acting = self.agents
        leaving = {}
        for agent, action in actions.items():
            assert self._seen(agent)["action_mask"][action], "masked action"
            leaving[agent] = action == 0
        paid = {
            agent: 1.0 - 0.3 * (self.time - self.possible_agents.index(agent) - 1)
            if leaving[agent]
            else 0.0
            for agent in acting
        }
        self.time += 1
        cut = {agent: self.time >= 5 and not leaving[agent] for agent in acting}
        seen = {agent: self._seen(agent) for agent in acting}
        self.agents = [a for a in acting if not leaving[a] and not cut[a]]
        infos: dict[str, Any] = {agent: {} for agent in acting}
        if not self.agents:
            infos = {
                agent: {"evaluations": 1, "metrics": {"waited": float(self.time)}}
                for agent in acting
            }
        return seen, paid, leaving, cut, infos
