"""The study end to end in small: everything written, omissions named, resumed where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.agents.papers.scheduling.names import build_agent
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.experiments.papers.deepsocs import study
from chipgym.experiments.papers.deepsocs.analysis import Records, mean_interval
from chipgym.experiments.papers.deepsocs.entrants import HEURISTICS
from chipgym.experiments.papers.deepsocs.points import SWEEPS

pytest.importorskip("ortools")
TINY = replace(
    study.QUICK,
    sweeps=(SWEEPS["rate"].ends(), SWEEPS["noise"].ends()),
    jobs=3,
    streams=3,
    seeds=2,
    ablation_seeds=2,
    planner_points=("rate-150",),
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two untrained seeds of an agent and of an ablation."""
    folder = tmp_path_factory.mktemp("weights")
    for seed in range(2):
        agent = SchedulingPolicy(build_agent("deepsocs", {"width": 4 + seed}, {}))
        agent.save(folder / f"deepsocs-{seed}")
        agent = SchedulingPolicy(build_agent("deepsocs", {"depth": 0}, {}))
        agent.save(folder / f"deepsocs-no-graph-{seed}")
    return folder


def silent(*_: object) -> None:
    """Report nothing."""


def test_everything_is_written_and_nothing_is_done_twice(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study, "QUICK", TINY)
    stopped = 0

    def stop(what: str, done: int, total: int) -> None:
        nonlocal stopped
        if what == "policies" and done == 3:
            stopped += 1
            raise KeyboardInterrupt

    arguments: dict[str, Any] = {"quick": True, "workers": 1, "weights": weights}
    with pytest.raises(KeyboardInterrupt):
        study.run(tmp_path, report=stop, **arguments)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "raw").iterdir()}
    assert stopped == 1
    assert not (tmp_path / "summary.json").exists()
    summary = study.run(tmp_path, report=silent, **arguments)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "raw").iterdir()}
    assert before.items() <= after.items()
    assert len(after) > len(before)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    facts = summary["sweeps"]["rate"]["40"]
    assert set(facts) == {*HEURISTICS, "deepsocs"}
    assert summary["kinds"]["late-binding"] == "look-ahead"
    assert facts["ETF"]["gain_percent"] == 0
    assert facts["deepsocs"]["training_seeds"] == 2
    assert facts["deepsocs"]["streams"] == 3
    assert "rollout-planner" in summary["sweeps"]["rate"]["6.67"]
    assert set(summary["omitted"]) >= {"scarl", "maskable-ppo", "learned-scheduler"}
    assert "lost_points" in summary["ablations"]["deepsocs-no-graph"]["rate-25"]
    assert summary["bounds"]["short-top-2"]["ETF"]["value"] >= 0
    assert set(summary["brittleness"]["HEFT plan"]) == {"50"}
    for name in ("rate", "rate-gain", "noise", "brittleness", "bounds", "ablations", "omitted"):
        assert (tmp_path / f"{name}.md").read_text().startswith("**")
    assert "learned-scheduler" in summary["gain_over_etf"]
    for name in ("rate", "rate-gain", "noise-gain"):
        assert (tmp_path / f"{name}.svg").read_text().endswith("</svg>\n")
    with np.load(tmp_path / "records" / "rate.npz") as records:
        assert records["rate-25/deepsocs"].shape == (2, 3)
        own = 100 * (1 - records["rate-25/EFT"] / records["rate-25/ETF"])
    assert facts["EFT"]["gain_percent"] == pytest.approx(own.mean())
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.suffix in (".md", ".svg", ".json")}
    study.run(tmp_path, report=silent, **arguments)
    assert files == {path: path.read_bytes() for path in files}


def test_every_stream_and_seed_of_a_shared_design_plays_equally_often():
    played = np.zeros((study.FULL.seeds, study.FULL.streams), dtype=int)
    for seed in range(study.FULL.seeds):
        played[seed, study._streams_of(study.FULL, "deepsocs", seed, study.FULL.streams)] = 1
    assert set(played.sum(axis=0).tolist()) == {study.FULL.seeds_per_stream}
    assert len(set(played.sum(axis=1).tolist())) == 1


def test_the_interval_of_a_table_with_gaps_is_that_of_what_was_played():
    rng = np.random.default_rng(1)
    values = rng.normal(5.0, 1.0, size=(5, 200))
    whole = mean_interval(values)
    assert whole.value == pytest.approx(values.mean())
    assert whole.low < 5.0 < whole.high
    values[(np.arange(200) + np.arange(5)[:, None]) % 5 >= 2] = np.nan
    part = mean_interval(values)
    assert part.value == pytest.approx(np.nanmean(values))
    assert part.high - part.low > whole.high - whole.low
    single = mean_interval(rng.normal(0.0, 1.0, size=400))
    assert single.high - single.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert np.isnan(mean_interval([np.nan]).value)


def test_growth_is_paired_by_stream():
    calm, noisy = np.array([[100.0, 200.0]]), np.array([[110.0, 260.0]])
    records = Records(
        {
            "calm": {"ETF": calm, "plan": calm},
            "noisy": {"ETF": noisy, "plan": noisy + calm / 10},
        }
    )
    assert records.growth("ETF", "noisy", "calm").value == pytest.approx(20.0)
    assert records.excess_growth("plan", "noisy", "calm").value == pytest.approx(10.0)
    assert records.gap("ETF", "noisy", [100.0, 200.0]).value == pytest.approx(20.0)
    assert not records.played("plan", "elsewhere")
