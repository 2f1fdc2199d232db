"""Random task graphs: structure, and the parameters that they are meant to meet."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import execution_times, mean_costs
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.random_dag import RandomDag, generate_dag
from chipgym.simulators.soc.static import heft


def depth(application: Application) -> int:
    """Tasks on the longest path."""
    level = np.ones(len(application.tasks), dtype=int)
    for task in application.topological_order:
        for edge in application.edges:
            if edge.src == task:
                level[edge.dst] = max(level[edge.dst], level[task] + 1)
    return int(level.max())


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        RandomDag,
        num_tasks=st.integers(1, 60),
        shape=st.floats(0.2, 4.0),
        density=st.floats(0.0, 1.0),
        jump=st.integers(1, 4),
        ccr=st.floats(0.0, 5.0),
        heterogeneity=st.floats(0.0, 2.0),
        whole_us=st.booleans(),
    ),
    st.sampled_from(Platform.names()),
    st.integers(0, 2**32),
)
def test_every_graph_can_be_scheduled(parameters: RandomDag, platform: str, seed: int):
    chip = Platform.named(platform)
    application = generate_dag(parameters, chip, np.random.default_rng(seed))
    assert len(application.tasks) == parameters.num_tasks
    assert Application.parse(application.document()) == application
    assert all(edge.src < edge.dst for edge in application.edges)
    assert heft(chip, application).makespan_us > 0


def test_the_same_seed_gives_the_same_graph():
    chip = Platform.named("ds3-16pe")
    first, second, other = (
        generate_dag(RandomDag(), chip, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_communication_to_computation_ratio():
    chip = Platform.named("ds3-16pe")
    for ccr in (0.0, 0.5, 5.0):
        parameters = RandomDag(num_tasks=400, ccr=ccr, shape=0.5)
        application = generate_dag(parameters, chip, np.random.default_rng(0))
        comm = np.mean(list(mean_costs(chip, application)[1].values()))
        assert comm == pytest.approx(ccr * parameters.mean_exec_us, rel=0.1, abs=1e-12)


def test_shape_trades_depth_for_width():
    chip = Platform.named("ds3-16pe")
    narrow, wide = (
        generate_dag(RandomDag(num_tasks=100, shape=shape), chip, np.random.default_rng(3))
        for shape in (0.3, 3.0)
    )
    assert depth(narrow) > 2 * depth(wide)


def test_density_adds_edges():
    chip = Platform.named("ds3-16pe")
    tree = generate_dag(RandomDag(density=0.0), chip, np.random.default_rng(3))
    full = generate_dag(RandomDag(density=1.0), chip, np.random.default_rng(3))
    assert len(tree.edges) < len(tree.tasks) < len(full.edges)


def test_heterogeneity_spreads_times_over_clusters():
    chip = Platform.named("big-little-8pe")
    for heterogeneity in (0.0, 1.0):
        parameters = RandomDag(heterogeneity=heterogeneity, whole_us=False, num_tasks=200)
        times = execution_times(chip, generate_dag(parameters, chip, np.random.default_rng(5)))
        ratio = times.max(axis=1) / times.min(axis=1)
        assert ratio.max() <= (1 + heterogeneity / 2) / (1 - heterogeneity / 2) + 1e-9
        assert (ratio.mean() > 1.2) == (heterogeneity > 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_tasks", 0),
        ("num_tasks", 2.5),
        ("density", 1.5),
        ("shape", 0.0),
        ("ccr", -1.0),
        ("heterogeneity", 2.1),
        ("mean_exec_us", float("nan")),
        ("jump", 0),
    ],
)
def test_parameters_are_checked(field: str, value: float):
    with pytest.raises(InvalidValueError, match=field):
        dataclasses.replace(RandomDag(), **{field: value})
