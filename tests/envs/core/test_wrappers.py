import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from queue_env import QueueEnv

from chipgym.envs.core.fields import Field, ObservationLayout
from chipgym.envs.core.wrappers import (
    DictObservation,
    GraphObservation,
    RepairMaskedActions,
    repair_action,
)
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError


@pytest.mark.parametrize(("action", "repaired"), [(0, 2), (2, 2), (3, 5), (5, 5), (6, 2)])
def test_a_masked_action_becomes_the_next_allowed_one(action: int, repaired: int) -> None:
    mask = np.array([False, False, True, False, False, True, False])
    assert repair_action(action, mask) == repaired
    assert repair_action(np.int64(action), mask) == repaired


def test_repair_leaves_actions_alone_where_nothing_is_allowed() -> None:
    assert repair_action(1, np.zeros(3, dtype=bool)) == 1


def test_repaired_environment_takes_any_action() -> None:
    env = RepairMaskedActions(QueueEnv())
    env.reset(seed=0)
    ended = [env.step(0)[2] for _ in range(6)]
    assert ended == [False] * 5 + [True]


def test_dict_observation_holds_the_declared_blocks_and_the_mask() -> None:
    env = DictObservation(QueueEnv())
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert set(observation) == {"durations", "waiting", "now", "action_mask"}
    observation, *_ = env.step(3)
    np.testing.assert_array_equal(observation["action_mask"], [1, 1, 1, 0, 1, 1])
    np.testing.assert_array_equal(observation["waiting"], [1, 1, 1, 0, 1, 1])
    assert observation["now"] == observation["durations"][3]


def test_dict_observation_without_mask() -> None:
    env = DictObservation(QueueEnv(), action_mask=False)
    assert "action_mask" not in env.reset(seed=0)[0]


def test_wrappers_need_a_layout() -> None:
    env = gym.make("CartPole-v1")
    with pytest.raises(InvalidValueError, match="observation_layout"):
        DictObservation(env)
    with pytest.raises(UnknownNameError, match="tasks"):
        GraphObservation(QueueEnv())


class PairEnv(gym.Env):
    """Two slots (the second one empty) and three PEs; feature 0 of pair (r, p) is 10 r + p."""

    observation_layout = ObservationLayout(
        [
            Field("tasks", (2, 2), low=0, high=1),
            Field("pes", (3, 1), low=0, high=5),
            Field("pairs", (2, 3, 1), low=0, high=20),
        ]
    )
    observation_space = observation_layout.space()
    action_space = spaces.Discrete(7)
    mask = np.array([1, 0, 1, 0, 0, 0, 1], dtype=bool)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        observation = self.observation_layout.empty()
        blocks = self.observation_layout.split(observation)
        blocks["tasks"][0] = 0.5
        blocks["pes"][:, 0] = [1, 2, 3]
        blocks["pairs"][..., 0] = [[0, 1, 2], [10, 11, 12]]
        return observation, {}

    def action_masks(self):
        return self.mask.copy()


def test_graph_joins_occupied_slots_with_allowed_pes() -> None:
    env = GraphObservation(PairEnv())
    graph, _ = env.reset(seed=0)
    assert env.observation_space.contains(graph)
    np.testing.assert_array_equal(
        graph.nodes, [[0, 0.5, 0.5, 0], [1, 0, 0, 1], [1, 0, 0, 2], [1, 0, 0, 3]]
    )
    np.testing.assert_array_equal(graph.edge_links, [[0, 1], [0, 3]])
    np.testing.assert_array_equal(graph.edges, [[0], [2]])
    np.testing.assert_array_equal(env.edge_actions(), [0, 2])
