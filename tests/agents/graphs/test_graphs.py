"""Graphs as arrays, batches of them, and the convolution against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_toy import ToyGraph, chain_graph

from chipgym.agents.graphs.aig import AND, INPUT, OUTPUT, graph_digest, node_arrays
from chipgym.agents.graphs.batch import batch_graphs
from chipgym.agents.graphs.network import GraphConvolution, Messages, readout
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

# Two inputs; AND(a, b), NOR(a, b), and the AND of both, whose inversion is the output.
SMALL = ToyGraph(
    2, np.array([4, 5, 8]), np.array([2, 3, 6]), np.array([11]), np.array([0, 0, 0, 1, 1, 2])
)


@st.composite
def circuits(draw: st.DrawFn) -> ToyGraph:
    inputs = draw(st.integers(1, 5))
    count = draw(st.integers(0, 12))
    fanins = [[draw(st.integers(0, 2 * (inputs + k) + 1)) for k in range(count)] for _ in range(2)]
    outputs = draw(st.lists(st.integers(0, 2 * (inputs + count) + 1), min_size=1, max_size=4))
    levels = [0] * (1 + inputs)
    for first, second in zip(*fanins, strict=True):
        levels.append(1 + max(levels[first >> 1], levels[second >> 1]))
    arrays = (np.array(part, dtype=np.int32) for part in (*fanins, outputs, levels))
    return ToyGraph(inputs, *arrays)


def test_nodes_and_edges_of_a_known_circuit() -> None:
    arrays = node_arrays(SMALL)
    assert arrays.kind.tolist() == [INPUT, INPUT, INPUT, AND, AND, AND, OUTPUT]
    assert arrays.inverted.tolist() == [0, 0, 0, 0, 2, 0, 1]
    np.testing.assert_allclose(arrays.level, [0, 0, 0, 0.5, 0.5, 1, 1])
    edges = sorted(
        zip(arrays.source.tolist(), arrays.target.tolist(), arrays.complement.tolist(), strict=True)
    )
    assert edges == [
        (1, 3, 0.0),
        (1, 4, 1.0),
        (2, 3, 0.0),
        (2, 4, 1.0),
        (3, 5, 0.0),
        (4, 5, 0.0),
        (5, 6, 1.0),
    ]


@pytest.mark.parametrize("direction", ["outputs", "inputs", "both"])
@settings(deadline=None)
@given(graphs=st.lists(circuits(), min_size=1, max_size=3))
def test_the_convolution_is_the_normalised_adjacency(
    direction: str, graphs: list[ToyGraph]
) -> None:
    batch = batch_graphs([node_arrays(graph) for graph in graphs])
    count = len(batch.kind)
    torch.manual_seed(0)
    layer = GraphConvolution(4, 3)
    hidden = torch.randn(count, 4)
    adjacency = torch.eye(count)
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        if direction != "inputs":
            adjacency[target, source] += 1
        if direction != "outputs":
            adjacency[source, target] += 1
    root = adjacency.sum(dim=1).rsqrt()
    dense = (root[:, None] * adjacency * root[None, :]) @ layer.linear(hidden) + layer.bias
    found = layer(hidden, Messages(batch, direction))  # type: ignore[arg-type]
    torch.testing.assert_close(found, dense, rtol=1e-4, atol=1e-5)


@settings(deadline=None)
@given(graphs=st.lists(circuits(), min_size=2, max_size=4))
def test_a_union_keeps_its_members_apart(graphs: list[ToyGraph]) -> None:
    torch.manual_seed(0)
    layer = GraphConvolution(1, 4, complements=True)

    def embed(members: list[ToyGraph]) -> torch.Tensor:
        batch = batch_graphs([node_arrays(graph) for graph in members])
        return readout(layer(batch.level.unsqueeze(1), Messages(batch, "both")), batch)

    together = embed(graphs)
    for row, graph in enumerate(graphs):
        torch.testing.assert_close(embed([graph])[0], together[row], rtol=1e-4, atol=1e-5)


def test_inverted_edges_send_another_message() -> None:
    torch.manual_seed(0)
    layer = GraphConvolution(1, 2, complements=True)
    results = []
    for inverted in (0, 1):
        batch = batch_graphs([node_arrays(chain_graph(6, inverted=inverted))])
        results.append(layer(torch.ones(len(batch.kind), 1), Messages(batch, "outputs")))
    assert not torch.allclose(*results)


def test_large_graphs_are_thinned_evenly() -> None:
    graph = chain_graph(5000, num_inputs=10)
    whole, part = node_arrays(graph), node_arrays(graph, 800)
    assert part.num_nodes <= 800
    assert part.num_nodes > 700
    # Most nodes keep an edge, all levels are covered, and edges stay within what was kept.
    assert len(part.source) > 0.9 * part.num_nodes
    assert part.level.min() == 0.0
    assert part.level.max() == 1.0
    assert np.diff(np.unique(part.level)).max() < 0.1
    assert part.source.max() < part.num_nodes
    assert (part.source < part.target).all()
    assert node_arrays(graph, whole.num_nodes).num_nodes == whole.num_nodes


def test_the_digest_tells_structures_apart() -> None:
    assert graph_digest(chain_graph(5)) == graph_digest(chain_graph(5))
    different = {graph_digest(chain_graph(5, inverted=k, salt=s)) for k in (0, 1) for s in (0, 1)}
    assert len(different) == 4


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="max_nodes"):
        node_arrays(SMALL, 3)
    with pytest.raises(InvalidValueError, match="graphs"):
        batch_graphs([])
    with pytest.raises(UnknownNameError, match="direction"):
        Messages(batch_graphs([node_arrays(SMALL)]), "up")  # type: ignore[arg-type]
