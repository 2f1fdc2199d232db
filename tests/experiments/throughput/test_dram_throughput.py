"""The throughput of the DRAM family, measured as little as possible."""

import pytest

from chipgym.experiments.cli.throughput_tables import dram_table
from chipgym.experiments.throughput.dram import ENVIRONMENTS, Effort, measure_dram


@pytest.fixture(scope="module")
def document() -> dict[str, object]:
    return measure_dram(Effort(1, 2, 20, 2, 2), lambda text: None)


def test_every_trace_is_measured_beside_the_yardstick(document: dict[str, dict]) -> None:
    assert set(document["simulator"]) >= {"stream", "random", "cloud-1", "cloud-2"}
    for row in document["simulator"].values():
        assert row["requests"] == 10_000
        rate = row["evaluations_per_s"]["per_cpu_s"]
        assert row["requests_per_s"] == pytest.approx(rate * 10_000, rel=1e-3)
        assert row["ratio_to_reference"] > 1
    assert document["summary"]["archgym_mean_ms"] > 0


def test_every_environment_and_thread_count_is_measured(document: dict[str, dict]) -> None:
    assert set(document["environment"]) == set(ENVIRONMENTS)
    for rates in document["environment"].values():
        assert rates["scalar"]["work"] >= 2
        assert rates["vector_2"]["per_cpu_s"] > 0
    alone = {row["trace"] for row in document["cores"] if row["threads"] == 1}
    assert alone == set(document["simulator"])
    for row in document["cores"]:
        assert row["requests_per_s"] > row["evaluations_per_s"]["median"] > 0
    assert document["manifest"]["simulator_versions"].keys() == {"dram"}
    assert dram_table(document).row_count >= 12
