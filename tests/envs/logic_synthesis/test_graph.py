"""The graph observation is the graph: it computes what the circuit computes."""

import gymnasium as gym
import numpy as np
import pytest

from chipgym.envs.logic_synthesis.graph import AigGraphObservation
from chipgym.simulators.core.errors import InvalidValueError


def test_evaluating_the_graph_gives_the_circuit():
    env = AigGraphObservation(gym.make("chipgym/LogicSynthesis-v0", circuit="alu-8"))
    env.reset(seed=0)
    graph, *_ = env.step(2)
    aig = env.unwrapped.aig
    inputs = np.random.default_rng(0).integers(0, 2**63, (aig.num_inputs, 1), dtype=np.uint64)
    values = np.zeros((len(graph.nodes), 1), dtype=np.uint64)
    values[1 : 1 + aig.num_inputs] = inputs
    ones = ~np.uint64(0)
    values[1 + aig.num_inputs :] = ones
    for (source, target), inverted in zip(graph.edge_links, graph.edges[:, 0], strict=True):
        values[target] &= values[source] ^ (ones if inverted else np.uint64(0))
    assert np.array_equal(values[-aig.num_outputs :], aig.simulate(inputs))


def test_features_name_kinds_and_levels():
    env = AigGraphObservation(gym.make("chipgym/LogicSynthesis-v0", circuit="alu-8"))
    graph, _ = env.reset(seed=0)
    aig = env.unwrapped.aig
    kinds = graph.nodes[:, :3]
    assert (kinds.sum(axis=1) == 1).all()
    assert kinds.sum(axis=0).tolist() == [1 + aig.num_inputs, aig.num_ands, aig.num_outputs]
    assert graph.nodes[:, 4].max() == 1.0
    assert env.flat.shape == env.unwrapped.observation_layout.empty().shape


def test_other_environments_are_refused():
    with pytest.raises(InvalidValueError, match="logic-synthesis"):
        AigGraphObservation(gym.make("chipgym/SocScheduling-v0"))
