"""Agents that are for some of a run's tasks: their scores never stand beside those over all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.experiments.cli.main import main
from chipgym.experiments.comparison import compare_runs
from chipgym.experiments.curves import best_policy, learning_curves
from chipgym.experiments.executors import make_executor
from chipgym.experiments.export import export_run, run_tables
from chipgym.experiments.grouping import by_environment, summarise_environments
from chipgym.experiments.report import write_report
from chipgym.experiments.report.comparison_page import render_comparison
from chipgym.experiments.runner import Run, plan_suite, run_suite
from chipgym.experiments.suite import Suite
from chipgym.experiments.summary import agent_scores, summarise
from chipgym.experiments.svg import legend
from chipgym.experiments.texts import span

QUEUE, DESIGN = "fake_scheduling:fakes/Queue-v0", "fake_design:fakes/SafeDesign-v0"
DOCUMENT: dict[str, Any] = {
    "name": "partial",
    "tasks": [
        {"env": QUEUE, "scenario": "light", "instances": 3},
        {"env": QUEUE, "scenario": "heavy", "instances": 4},
        {"env": DESIGN, "name": "design", "instances": 2},
    ],
    "agents": [
        {"name": "random", "policy": "random", "seeds": 2},
        {"name": "greedy", "policy": "fake_scheduling:Greedy", "tasks": ["light", "heavy"]},
        {"name": "one", "policy": "fake_scheduling:Biased", "tasks": ["heavy"]},
        {
            "name": "learner",
            "algorithm": "fake_scheduling:train_biased",
            "steps": {"light": 50, "heavy": 100},
            "tasks": ["light", "heavy"],
        },
        {"name": "ga", "searcher": "genetic", "budget": 20, "tasks": ["design"]},
    ],
    "seeds": [0, 1],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("partial") / "run"
    return run_suite(plan_suite(Suite.parse(DOCUMENT), folder), make_executor("serial", 1))


def part_of(run: Run, *labels: str) -> Run:
    """The run on some of its tasks."""
    tasks = tuple(task for task in run.suite.tasks if task.label in labels)
    agents = tuple(a for a in run.suite.agents if any(a.applies_to(task) for task in tasks))
    suite = run.suite.model_copy(update={"tasks": tasks, "agents": agents})
    results = tuple(result for result in run.results if result.task in labels)
    references = {label: run.references[label] for label in labels}
    return replace(run, suite=suite, results=results, references=references)


def test_only_agents_with_all_tasks_have_a_place(run: Run) -> None:
    summary = summarise(run)
    assert [agent.name for agent in summary.complete] == ["random"]
    assert set(summary.profiles) == {"random"}
    assert summary.ranks.methods == ("random",)
    shown = [(place, name) for place, name, _ in summary.lines()]
    assert shown[0] == ("1", "random")
    assert ("–", "one (1 of 3 tasks)") in shown
    queue = summarise_environments(run)[QUEUE]
    assert {agent.name for agent in queue.complete} == {"random", "greedy", "learner"}
    assert set(queue.profiles) == set(queue.ranks.methods) == {"random", "greedy", "learner"}
    assert queue.agents[-1].name == "one"
    assert "one" not in {place for place, _, _ in queue.lines()}


def test_a_run_without_an_agent_for_all_tasks_is_summarised(run: Run, tmp_path: Path) -> None:
    agents = tuple(agent for agent in run.suite.agents if agent.name != "random")
    results = tuple(result for result in run.results if result.agent != "random")
    less = replace(run, suite=run.suite.model_copy(update={"agents": agents}), results=results)
    summary = summarise(less)
    assert summary.complete == ()
    assert summary.document()["ranks"]["blocks"] == 0
    write_report(less, summary, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "All environments" not in page
    assert "Best over all 2 tasks: <b>" in page


def test_costs_are_stated_by_task(run: Run) -> None:
    found = {agent.name: agent for agent in summarise(run).agents}
    learner = found["learner"]
    assert learner.task_training_steps == {"light": 50, "heavy": 100}
    assert set(learner.task_evaluations) == {"light", "heavy"}
    assert learner.evaluations == pytest.approx(np.mean(list(learner.task_evaluations.values())))
    assert found["ga"].task_evaluations == {"design": 21.0}  # the search, and the episode
    assert span(learner.task_training_steps.values()) == "50 to 100"
    assert span([21.0, 21.0]) == "21"


def test_the_report_has_a_part_for_each_environment(run: Run, tmp_path: Path) -> None:
    write_report(run, summarise(run), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    heads = [m.start() for m in re.finditer(r"<h2 id=", page)]
    assert len(heads) == 2
    queue, design = page[heads[0] : heads[1]], page[heads[1] :]
    assert "greedy" in queue
    assert "greedy" not in design.partition("One episode")[0]
    # On some of an environment's tasks: no place and no score, but a score on the task.
    assert re.search(r"<td>–</td><td>one \(1 of 2 tasks\)</td><td>–</td><td>–</td>", queue)
    assert re.search(r"<td>–</td><td>one</td><td>–</td><td>-?\d\.\d{4} <small>", queue)
    for target in re.findall(r"href='#([^']+)'", page):
        assert f"id='{target}'" in page


def test_tables_and_figures_leave_gaps(run: Run, tmp_path: Path) -> None:
    summary = summarise(run)
    rows = {row[0]: row for row in run_tables(run, summary)["tasks"].rows}
    assert rows["one"][1:] == ["–", rows["one"][2], "–"]
    assert rows["one"][2] != "–"
    ranking = {row[0]: row for row in run_tables(run, summary)["ranking"].rows}
    assert ranking["ga (1 of 3 tasks)"][1:5] == ["–"] * 4
    assert run_tables(run, summary)["improvement"].columns == ["agent", "random"]
    written = {str(p.relative_to(tmp_path)) for p in export_run(run, summary, tmp_path, ("svg",))}
    queue, design = "fake-scheduling-fakes-queue-v0", "fake-design-fakes-safedesign-v0"
    assert {"ranking.tex", f"{queue}/ranking.tex", f"{design}/intervals.svg"} <= written
    assert f"{queue}/curves-heavy-steps.svg" in written
    # Of a search there are evaluations only.
    assert f"{design}/curves-design-evaluations.svg" in written
    assert f"{design}/curves-design-steps.svg" not in written


def test_searches_have_their_best_so_far_curve(run: Run) -> None:
    points = learning_curves(run)["design"]["ga"]
    assert [point.evaluations for point in points] == [2 * n for n in range(1, 11)]
    values = [point.score.value for point in points]
    assert values == sorted(values)
    last = [r.curve[-1].metrics for r in run.results if r.agent == "ga"]
    records = [
        tuple(record.metrics["energy_pj"] for record in r.records)
        for r in run.results
        if r.agent == "ga"
    ]
    assert last == records


def test_seeds_of_searches_are_compared_after_equal_evaluations(run: Run) -> None:
    results = tuple(
        replace(r, curve=r.curve[3:]) if (r.agent, r.seed) == ("ga", 1) else r for r in run.results
    )
    points = learning_curves(replace(run, results=results))["design"]["ga"]
    assert [point.evaluations for point in points] == [2 * n for n in range(4, 11)]


def test_levels_of_curves_are_scores_on_the_same_instances(run: Run) -> None:
    scores = {name: agent_scores(run, name)["heavy"][:, :2] for name in ("random", "greedy", "one")}
    means = {name: float(part.mean()) for name, part in scores.items()}
    best = max(means, key=lambda name: means[name])
    assert best_policy(run, "heavy") == (best, pytest.approx(means[best]))
    bare = replace(run, results=tuple(replace(r, curve=()) for r in run.results))
    assert best_policy(bare, "heavy") is None


def test_runs_with_partial_agents_compare(run: Run) -> None:
    queue, heavy = part_of(run, "light", "heavy"), part_of(run, "heavy", "design")
    found = compare_runs([queue, heavy])
    names = {agent.name for agent in found.merged.suite.agents}
    assert names == {"random", "greedy", "one", "learner"}  # no result of ga on what is shared
    assert {(d.method, d.task) for d in found.differences()} == {
        (name, "heavy") for name in names - {found.baseline}
    }
    page = render_comparison(compare_runs([run, run]), summarise(run))
    assert page.count("Probability of improvement") == len(by_environment(run))


def test_tasks_of_other_names_keep_their_agents(run: Run) -> None:
    part = part_of(run, "heavy")
    task = part.suite.tasks[0].model_copy(update={"name": "busy"})
    other = replace(
        part,
        suite=part.suite.model_copy(update={"tasks": (task,)}),
        results=tuple(replace(result, task="busy") for result in part.results),
        references={"busy": part.references["heavy"]},
    )
    found = compare_runs([other, part])
    assert [task.label for task in found.merged.suite.tasks] == ["busy"]
    assert {agent.name for agent in summarise(found.merged).complete} == {
        "random",
        "greedy",
        "one",
        "learner",
    }


def test_the_command_reports_each_environment(run: Run, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run.folder), "--json"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document["environments"]) == {QUEUE, DESIGN}
    kept = json.loads((run.folder / "summary.json").read_text())
    assert kept["environments"] == document["environments"]
    with pytest.raises(SystemExit):
        main(["report", str(run.folder)])
    assert capsys.readouterr().out.count("Ranking of suite") == 2


def test_a_legend_tells_series_of_one_colour_apart() -> None:
    keys = re.findall(r'<i style="([^"]+)">', legend([str(n) for n in range(30)], lines=True))
    assert len(set(keys)) == 30
