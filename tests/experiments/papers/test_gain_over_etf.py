"""Gains over ETF: zero for ETF itself, paired, repeatable; demonstrations of experts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chipgym.agents.schedulers.learned import LearnedScheduler, new_network
from chipgym.experiments.papers.deepsocs.entrants import MissingWeightsError
from chipgym.experiments.papers.deepsocs.gain import (
    gain_interval,
    measure_gains,
    play_streams,
    run,
)


def silent(*_: object) -> None:
    """Report nothing."""


def test_etf_gains_nothing_over_itself():
    record = play_streams("ETF", {}, "canonical", 0, 3)
    assert record["latency_us"] == pytest.approx(record["etf_latency_us"])
    assert record == play_streams("ETF", {}, "canonical", 0, 3)


@pytest.mark.parametrize("scenario", ["six-app-high", "noise-50", "canonical-ten", "pe-failure"])
def test_the_simulators_late_binding_takes_the_policys_decisions(scenario: str):
    inside = play_streams("late-binding", {}, scenario, 4, 1)
    by_policy = play_streams("late-binding", {"share": 0.5}, scenario, 4, 1)
    assert inside["latency_us"] == pytest.approx(by_policy["latency_us"])


def test_the_interval_is_that_of_the_mean_over_streams():
    gains = np.random.default_rng(0).normal(3.0, 1.0, size=(2, 100))
    interval = gain_interval(gains)
    assert interval.value == pytest.approx(gains.mean())
    half = 1.96 * gains.mean(axis=0).std() / 10
    assert interval.low == pytest.approx(interval.value - half, abs=0.05)
    assert interval.high == pytest.approx(interval.value + half, abs=0.05)


def test_the_document_holds_every_scenario_and_scheduler(tmp_path):
    arguments = {
        "schedulers": {"late-binding": [{}], "ETF": [{}]},
        "winner": "late-binding",
        "scenarios": ("six-app-high", "canonical"),
        "streams": lambda name, scenario: 2 if scenario == "canonical" else 11,
        "workers": 1,
        "report": silent,
    }
    document = measure_gains(tmp_path, **arguments)
    assert json.loads((tmp_path / "gain_over_etf.json").read_text()) == document
    facts = document["scenarios"]["six-app-high"]
    assert facts["streams"] == 11
    assert facts["training_seeds"] == 0
    assert facts["ci95_low_percent"] <= facts["mean_gain_percent"] <= facts["ci95_high_percent"]
    assert facts["mean_gain_percent"] > 0
    assert abs(document["others"]["ETF"]["scenarios"]["canonical"]["mean_gain_percent"]) < 1e-9
    records = json.loads((tmp_path / "gain_records.json").read_text())
    assert len(records["late-binding"]["six-app-high"][0]["latency_us"]) == 11
    before = {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
    assert measure_gains(tmp_path, **arguments) == document
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}


def test_the_learned_scheduler_is_measured(tmp_path):
    weights = tmp_path / "weights"
    LearnedScheduler(network=new_network(8, 5.0, 0)).save(
        weights / "learned-scheduler-0.safetensors"
    )
    document = run(tmp_path, quick=True, workers=1, report=silent, weights=weights)
    facts = document["scenarios"]["six-app-mid"]
    assert (facts["streams"], facts["training_seeds"]) == (2, 1)
    assert set(document["others"]) == {"late-binding"}
    with pytest.raises(MissingWeightsError, match="learned-scheduler"):
        run(tmp_path, quick=True, workers=1, report=silent, weights=tmp_path)
