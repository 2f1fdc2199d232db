"""The report: one file that needs nothing else, and says what the records say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.plots import gantt
from chipgym.experiments.report import write_report
from chipgym.experiments.summary import Summary, summarise
from chipgym.experiments.svg import Axes, Frame, nice_ticks, number_text

RunFakes = Callable[..., Any]
VOID = {"meta", "br", "circle", "path", "rect"}


class Balance(HTMLParser):
    """Checks that every element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        if tag not in {"meta"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]) -> str:
    learner = {"name": "l<e>arner", "algorithm": "fake_scheduling:train_biased", "steps": 100}
    learner["name"] = "learner (mine)"
    run = run_fakes(tmp_path / "run", agents=[*suite_document["agents"], learner])
    write_report(run, summarise(run), tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_report_is_whole_and_self_contained(page: str) -> None:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert {"table", "svg", "polyline", "rect", "polygon"} <= parser.seen
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page
    for title in ("Ranking", "Learning curves", "Performance profile", "One episode"):
        assert f"<h2>{title}</h2>" in page
    used = set(re.findall(r"var\((--\w+)\)", page))
    for scheme in re.findall(r":root \{(.*?)\}", page, re.DOTALL):
        assert used <= set(re.findall(r"(--\w+):", scheme))


def test_the_report_names_every_agent_and_instance_of_the_gantt(page: str) -> None:
    for agent in ("random", "greedy", "biased", "learner (mine)"):
        assert agent in page
    charts = re.findall(r'<svg[^>]*aria-label="Gantt chart.*?</svg>', page, re.DOTALL)
    assert charts
    assert all(chart.count('class="bar"') == 12 for chart in charts)


def test_summary_ranks_by_score(tmp_path: Path, run_fakes: RunFakes) -> None:
    run = run_fakes(tmp_path)
    summary = summarise(run)
    values = [agent.iqm.value for agent in summary.agents]
    assert values == sorted(values, reverse=True)
    greedy = next(agent for agent in summary.agents if agent.name == "greedy")
    # The reference against itself: exactly one, certainly, and even.
    assert (greedy.iqm.value, greedy.iqm.low, greedy.iqm.high) == (1.0, 1.0, 1.0)
    assert greedy.improvement is not None
    assert greedy.improvement.value == 0.5
    assert (greedy.evaluations, greedy.training_steps) == (1.0, 0)
    assert summary.common_metric == "mean_latency_us"
    assert summarise(run) == summary


def test_summary_is_recomputed_from_records(tmp_path: Path, run_fakes: RunFakes) -> None:
    run = run_fakes(tmp_path)
    summary = summarise(run)
    biased = next(agent for agent in summary.agents if agent.name == "biased")
    (result,) = (r for r in run.results if (r.agent, r.task) == ("biased", "heavy"))
    records = result.records
    mean = sum(record.metrics["mean_latency_us"] for record in records) / len(records)
    assert biased.mean_metric["heavy"] == pytest.approx(mean, rel=1e-12)


def test_excluded_instances_are_said_to_be(
    tmp_path: Path, run_fakes: RunFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipgym.experiments.scoring.MIN_RELATIVE_GAP", 1e9)
    run = run_fakes(tmp_path / "run")
    summary: Summary = summarise(run)
    assert summary.excluded == {"heavy": (0, 1, 2, 3, 4), "light": (0, 1, 2, 3)}
    assert all(agent.iqm.document()["value"] is None for agent in summary.agents)
    write_report(run, summary, tmp_path / "report.html")
    assert "are excluded from the score" in (tmp_path / "report.html").read_text()


def test_gantt_bars_are_to_scale() -> None:
    schedule = {
        "job": [0, 1],
        "app": [0, 1],
        "task": [0, 0],
        "pe": [0, 2],
        "start_us": [0.0, 50.0],
        "finish_us": [50.0, 100.0],
    }
    chart = gantt(schedule, "two <tasks>", ["a", "b", "c"], ["x", "y"])
    bars = re.findall(r'class="bar" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', chart)
    (x0, y0, w0), (x1, y1, w1) = ([float(v) for v in bar] for bar in bars)
    assert w0 == pytest.approx(w1)
    assert x1 == pytest.approx(x0 + w0, abs=0.02)
    assert y1 > y0
    assert "<tasks>" not in chart
    assert ">b<" in chart  # a processing element without tasks keeps its row


def test_gantt_tells_jobs_apart_where_there_is_one_application() -> None:
    schedule = {
        "job": [0, 1, 1],
        "app": [0, 0, 0],
        "task": [0, 0, 12],
        "pe": [0, 0, 0],
        "start_us": [0.0, 50.0, 99.0],
        "finish_us": [50.0, 99.0, 100.0],
    }
    chart = gantt(schedule, "jobs")
    assert re.findall(r'class="bar"[^>]* fill="var\((--c\d)\)"', chart) == ["--c0", "--c1", "--c1"]
    assert "job 0</span>" in chart
    assert "job 1</span>" in chart
    # The last bar is too narrow for its label.
    assert re.findall(r'class="task"[^>]*>(\d+)<', chart) == ["0", "0"]
    many = {name: values * 8 for name, values in schedule.items()} | {"job": list(range(24))}
    assert "Colours repeat after 10 jobs." in gantt(many, "many jobs")


def test_labels_of_levels_do_not_overlap() -> None:
    axes = Axes(Frame(), (0.0, 1.0), (0.0, 1.0))
    axes.levels({"a 0.500": 0.5, "b 0.501": 0.501, "c 0.499": 0.499, "d 0.900": 0.9})
    heights = {
        text: float(y)
        for y, text in re.findall(
            r'class="note"[^>]* y="([\d.]+)"[^>]*>([^<]+)<', "".join(axes.parts)
        )
    }
    ordered = [heights[text] for text in ("d 0.900", "b 0.501", "a 0.500", "c 0.499")]
    assert all(below - above >= 14.0 for above, below in itertools.pairwise(ordered))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0.0, 100_000.0, None), (3.0, 3.0, [3.0])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float] | None) -> None:
    ticks = nice_ticks(low, high)
    if expected is not None:
        assert ticks == pytest.approx(expected)
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    assert len(ticks) <= 8


def test_tick_labels_are_short() -> None:
    labels = [number_text(value) for value in (0, 0.25, 2000, 20_000, 1_500_000)]
    assert labels == ["0", "0.25", "2000", "20k", "1.5M"]
