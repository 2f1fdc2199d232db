"""`chipgym throughput soc`: what it measures adds up."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chipgym.experiments.throughput.soc import stream
from chipgym.experiments.throughput.timing import measure_rate
from chipgym.simulators.core.errors import InvalidValueError


def test_a_rate_is_work_over_time() -> None:
    calls = []

    def action() -> int:
        calls.append(1)
        time.sleep(0.02)
        return 10

    rate = measure_rate(action, repeats=3, warm_up=2)
    assert len(calls) == 5
    assert rate.work == 10
    assert rate.repeats == 3
    assert 100 < rate.median <= rate.best <= 500
    assert rate.per_cpu_s > rate.best, "sleeping takes no CPU time"


def test_nothing_is_measured_without_repeats() -> None:
    with pytest.raises(InvalidValueError, match="repeats"):
        measure_rate(lambda: 1, repeats=0)


def test_a_shorter_stream_is_drawn_from_the_same_scenario() -> None:
    platform, applications, workload = stream(40)
    assert platform.num_pes == 16
    assert len(applications) == 6
    assert len(workload) == 40
    assert workload.content_hash == stream(40)[2].content_hash


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "throughput", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_the_command_measures_everything(tmp_path: Path) -> None:
    file = tmp_path / "throughput.json"
    done = run("soc", "--quick", "--json", "--output", str(file))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert json.loads(file.read_text()) == document
    assert {"MET", "EFT", "ETF", "ETF_LB", "STF", "HEFT_RT"} <= set(document["simulator"])
    for row in document["simulator"].values():
        assert row["ratio_to_reference"] > 1, "compiled code is faster than plain Python"
    assert set(document["environment"]) == {"id", "scalar", "vector_64"}
    assert 0 < document["training"]["environment_share"] < 1
    jobs = [row["jobs"] for row in document["linearity"]["streams"]]
    assert jobs == [row["jobs"] for row in document["memory"]["streams"]]
    assert document["manifest"]["simulator_versions"]["soc"]


def test_an_unknown_family_is_named() -> None:
    done = run("sco")
    assert done.returncode == 2
    assert "did you mean 'soc'" in done.stderr


def test_logic_quick_measures_every_part() -> None:
    from chipgym.simulators.logic.errors import AbcNotFoundError
    from chipgym.simulators.logic.locate import find_abc

    try:
        find_abc()
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")
    done = run("logic", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    summary, circuits = document["summary"], document["circuits"]
    for name in ("step_over_bare_abc", "replay_over_session", "cached_step_us"):
        values = [row[name] for row in circuits]
        assert 0 < min(values) <= summary[name] * 1.001
        assert summary[name] <= max(values) * 1.001
    for row in circuits:
        assert row["step_over_bare_abc"] == pytest.approx(row["step_ms"] / row["bare_abc_ms"], 1e-2)
    assert document["modes"]["same_result"]
    assert document["workers"][0]["speed_up"] == 1.0
    assert document["environment"]["cached"]["steps_per_s"] > 0
