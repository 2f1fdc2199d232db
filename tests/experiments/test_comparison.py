"""Several runs side by side: what they share, how they differ, and the page that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.experiments.cli.main import main
from chipgym.experiments.comparison import compare_runs, difference, manifest_differences
from chipgym.experiments.export import export_run
from chipgym.experiments.report import write_comparison
from chipgym.experiments.runner import load_run
from chipgym.experiments.summary import summarise
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

RunFakes = Callable[..., Any]
ENV = "fake_scheduling:fakes/Queue-v0"
LEARNER = {"name": "learner", "algorithm": "fake_scheduling:train_biased", "steps": 100}


@pytest.fixture
def folders(
    tmp_path: Path, run_fakes: RunFakes, suite_document: dict[str, Any]
) -> tuple[Path, Path]:
    """Two runs: the second has fewer instances, another penalty, and a task of its own."""
    agents = [*suite_document["agents"], LEARNER]
    run_fakes(tmp_path / "first", agents=agents)
    other = {"name": "biased", "policy": "fake_scheduling:Biased", "kwargs": {"penalty_us": 9}}
    run_fakes(
        tmp_path / "second",
        name="other",
        tasks=[
            {"env": ENV, "scenario": "heavy", "instances": [4, 1, 2]},
            {"env": ENV, "scenario": "noisy", "instances": 2},
        ],
        agents=[*agents[:2], other, LEARNER],
    )
    return tmp_path / "first", tmp_path / "second"


def test_shared_tasks_instances_and_agents(folders: tuple[Path, Path]) -> None:
    found = compare_runs([load_run(folder) for folder in folders])
    (task,) = found.merged.suite.tasks
    assert (task.label, task.instance_indexes) == ("heavy", (1, 2, 4))
    assert found.names == ("first", "second")
    assert found.left_out == {"first": ("light",), "second": ("noisy",)}
    assert found.versions == {"biased": ("biased (first)", "biased (second)")}
    names = [agent.name for agent in found.merged.suite.agents]
    assert names == ["random", "greedy", "biased (first)", "biased (second)", "learner"]
    assert found.baseline == "greedy"  # the reference method
    summary = summarise(found.merged)
    assert summary.instances == {"heavy": 3}
    assert {agent.name for agent in summary.agents} == set(names)


def test_differences_are_paired_by_instance(folders: tuple[Path, Path]) -> None:
    first, second = (load_run(folder) for folder in folders)
    found = {(d.method, d.baseline): d for d in compare_runs([first, second]).differences()}
    assert ("biased (second)", "biased (first)") in found
    entry = found["biased (second)", "greedy"]
    gaps = []
    for instance in (1, 2, 4):
        (record,) = (
            r for x in second.results if (x.agent, x.task) == ("biased", "heavy")
            for r in x.records if r.instance == instance
        )  # fmt: skip
        gaps.append(
            first.references["heavy"].score(instance, record.metrics["mean_latency_us"]) - 1
        )
    assert entry.score.value == pytest.approx(np.nanmean(gaps), abs=1e-12)
    assert entry.score.low <= entry.score.value <= entry.score.high
    assert entry.wins + entry.ties + entry.losses == np.isfinite(gaps).sum()
    same = difference(first, "heavy", "greedy", "greedy")
    assert (same.score.value, same.score.low, same.score.high) == (0.0, 0.0, 0.0)
    assert (same.metric_change, same.wins, same.losses, same.paired_seeds) == (0.0, 0, 0, True)


def test_runs_that_do_not_compare_are_refused(folders: tuple[Path, Path]) -> None:
    first, second = (load_run(folder) for folder in folders)
    with pytest.raises(InvalidValueError, match="at least two"):
        compare_runs([first])
    with pytest.raises(UnknownNameError, match="did you mean 'greedy'"):
        compare_runs([first, second], "gredy")
    alone = second.suite.model_copy(update={"tasks": second.suite.tasks[1:]})
    with pytest.raises(InvalidValueError, match="share a task"):
        compare_runs([first, replace(second, suite=alone)])
    references = second.references["heavy"]
    moved = [entry.model_copy(update={"random": 1e9}) for entry in references.instances]
    changed = references.model_copy(update={"instances": tuple(moved)})
    with pytest.raises(InvalidValueError, match="do not compare"):
        compare_runs([first, replace(second, references={**second.references, "heavy": changed})])


def test_differences_of_manifests(folders: tuple[Path, Path]) -> None:
    first, second = (load_run(folder) for folder in folders)
    found = manifest_differences(("a", "b"), (first, second))
    assert set(found) == {"configuration_hash"}
    older = replace(second, manifest={**second.manifest, "dependencies": {"numpy": "1.0"}})
    found = manifest_differences(("a", "b"), (first, older))
    assert found["dependencies.numpy"][1] == "1.0"
    assert found["dependencies.torch"][1] == "–"


def test_the_page_is_self_contained(folders: tuple[Path, Path], tmp_path: Path) -> None:
    comparison = compare_runs([load_run(folder) for folder in folders])
    path = tmp_path / "comparison.html"
    write_comparison(comparison, summarise(comparison.merged), path)
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", page)
    for title in (
        "Ranking",
        "Differences",
        "Probability of improvement",
        "Ranks",
        "Performance profile",
        "Learning curves",
        "What differs between the runs",
    ):
        assert f"<h2>{title}</h2>" in page
    assert "biased (second)" in page
    used = set(re.findall(r"var\((--\w+)\)", page))
    assert used <= set(re.findall(r"(--\w+):", page))


def test_every_table_and_figure_is_written(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = load_run(folders[0])
    summary = summarise(run)
    written = export_run(run, summary, tmp_path / "a", ("svg", "png", "pdf"))
    names = {path.name for path in written}
    assert all(path.stat().st_size > 100 for path in written)
    for table in ("ranking", "tasks", "improvement", "ranks"):
        assert {f"{table}.md", f"{table}.csv", f"{table}.tex"} <= names
    for figure in ("intervals", "profiles", "ranks", "curves-heavy-steps"):
        assert {f"{figure}.svg", f"{figure}.png", f"{figure}.pdf"} <= names
    again = export_run(run, summary, tmp_path / "b", ("svg", "png", "pdf"))
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    with pytest.raises(UnknownNameError, match="'jpg'"):
        export_run(run, summary, tmp_path / "c", ("jpg",))


def test_pictures_show_what_the_documents_draw(folders: tuple[Path, Path], tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    run = load_run(folders[0])
    export_run(run, summarise(run), tmp_path, ("svg", "png"))
    document = (tmp_path / "intervals.svg").read_text(encoding="utf-8")
    width, height = (int(v) for v in re.findall(r'viewBox="0 0 (\d+) (\d+)"', document)[0])
    picture = image.open(tmp_path / "intervals.png").convert("RGB")
    assert picture.size == pytest.approx((2 * width, 2 * height), abs=2)
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', document):
        # The blue of the first series, at every mark.
        assert picture.getpixel((round(2 * float(x)), round(2 * float(y)))) == (0x1F, 0x6F, 0xB4)


def test_command_line(folders: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "out.html"
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, folders), "--out", str(target), "--json", "--baseline", "random"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert target.is_file()
    assert document["baseline"] == "random"
    assert {entry["method"] for entry in document["differences"]} >= {"greedy", "learner"}
    assert document["ranks"]["blocks"] >= 1
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folders[0]), "--baseline", "random"])
    assert ended.value.code == 2
    figures = tmp_path / "figures"
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folders[0]), "--figures", str(figures), "--format", "svg"])
    assert ended.value.code == 0
    assert (figures / "ranks.svg").is_file()
    assert not list(figures.glob("*.png"))
