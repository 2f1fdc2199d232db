"""The throughput of the co-design family, measured as little as possible."""

import pytest

from chipgym.experiments.cli.throughput_tables import codesign_table
from chipgym.experiments.throughput.codesign import (
    ENVIRONMENTS,
    LIMITS,
    Effort,
    measure_codesign,
)


@pytest.fixture(scope="module")
def document() -> dict[str, object]:
    return measure_codesign(Effort(1, 12, 2, 1, 30, 2), lambda text: None)


def test_layers_and_designs_are_measured_beside_the_yardstick(document: dict[str, dict]) -> None:
    assert document["layers"]["evaluations_per_s"]["work"] == 34 * 2 * 12
    assert set(document["designs"]) == set(LIMITS)
    for row in (document["layers"], *document["designs"].values()):
        assert row["evaluations_per_s"]["per_cpu_s"] > 0
        assert row["reference_evaluations_per_s"]["work"] >= 1
        assert row["ratio_to_reference"] > 1
    limits = [row["limit_cycles"] for row in document["designs"].values()]
    assert limits[0] is None
    assert limits[1] > limits[2] > 0


def test_networks_threads_and_environments_are_measured(document: dict[str, dict]) -> None:
    assert document["joint"]["evaluations_per_s"]["work"] == 8
    assert document["cores"][0]["threads"] == 1
    assert all(row["evaluations_per_s"]["work"] == 12 for row in document["cores"])
    assert set(document["environment"]) == set(ENVIRONMENTS)
    for rates in document["environment"].values():
        assert rates["scalar"]["work"] == 30
        assert rates["vector_2"]["per_cpu_s"] > 0
    assert document["manifest"]["simulator_versions"].keys() == {"codesign"}
    assert codesign_table(document).row_count >= 12
