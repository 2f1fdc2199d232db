"""An environment's page says what the code declares and what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from generators.environments import env_ids, environment_page
from generators.pictures import SHOTS, frame, pictures, png
from generators.rates import words
from generators.scores import metric_words, score_section

from chipgym.leaderboards.schema import Submission, Verification, file_hash

ENV = "chipgym/SocScheduling-v0"


@pytest.fixture(scope="module")
def page() -> dict[str, str]:
    return {env_id: environment_page(env_id) for env_id in env_ids()}


def test_each_page_has_every_section(page: dict[str, str]) -> None:
    for env_id, text in page.items():
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        wanted = ["Rewards", "Observation fields", "Actions", "Scenarios", "Baseline scores"]
        missing = {*wanted, "Throughput"} - set(headings)
        assert not missing, f"{env_id}: {missing}"
        assert len(headings) == len(set(headings)), f"{env_id}: a heading twice"
        assert {"Objectives", "Limits"} & set(headings), env_id
        assert re.search(r"^\[!\[[^\]]+\]\(([\w-]+\.png)\)", text, re.MULTILINE), env_id


def test_fields_have_units_and_shapes(page: dict[str, str]) -> None:
    for env_id, text in page.items():
        section = text.split("## Observation fields")[1].split("\n## ")[0]
        assert section.count("| feature | unit | range | meaning |") == section.count("Shape `(")
        rows = re.findall(r"^\| `[^`]+` \| ([^|]*) \|", section, re.MULTILINE)
        assert rows, env_id
        assert all(unit.strip() for unit in rows), env_id


def test_every_environment_has_a_picture() -> None:
    assert set(SHOTS) == set(env_ids())
    images = dict(pictures())
    assert len(images) == len(SHOTS)
    assert all(image.startswith(b"\x89PNG") for image in images.values())


def test_a_picture_is_the_same_at_each_build() -> None:
    first, second = frame(ENV), frame(ENV)
    assert first.shape[2] == 3
    assert len(np.unique(first)) > 50, "an empty picture"
    assert png(first) == png(second)


def submission(folder: Path, name: str, score: float | None, metric: float) -> None:
    """Write a submission with one task, and a verification of just these files."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "records.jsonl").write_text("")
    task = {
        "label": "six-app-mid",
        "env": ENV,
        "scenario": "six-app-mid",
        "simulator_version": "1.0.0",
    }
    Submission.parse(
        {
            "name": name,
            "suite": "core-v0",
            "date": "2026-01-01",
            "package_version": "0.1.0",
            "kind": "heuristic",
            "seeds": [0, 1],
            "tasks": [{**task, "instances": [0]}],
            "claims": {"iqm": score, "mean_metric": {"six-app-mid": metric}},
        }
    ).save(path / "submission.json")
    Verification.parse(
        {
            "passed": True,
            "records_sha256": file_hash(path / "records.jsonl"),
            "submission_sha256": file_hash(path / "submission.json"),
            "package_version": "0.1.0",
            "suite_tasks": {"six-app-mid": ENV, "bursty": ENV, "other": "chipgym/CoDesign-v0"},
            "tasks": [
                {
                    **task,
                    "objective": None,
                    "metric": "mean_latency_us",
                    "lower_is_better": True,
                    "mean_metric": metric,
                    "iqm": score,
                    "iqm_low": None if score is None else score - 0.125,
                    "iqm_high": None if score is None else score + 0.125,
                    "feasibility": "checked",
                    "results": [
                        {
                            "seed": 0,
                            "instance": 0,
                            "instance_id": "test-0",
                            "metric": metric,
                            "score": score,
                        }
                    ],
                }
            ],
        }
    ).save(path / "verified.json")


def test_baseline_scores_are_the_verified_ones_best_first(tmp_path: Path) -> None:
    submission(tmp_path, "slow", 0.5, 300.25)
    submission(tmp_path, "fast", 0.75, 200.5)
    submission(tmp_path, "changed", 9.0, 1.0)
    (tmp_path / "changed" / "records.jsonl").write_text("\n")
    text = score_section(ENV, tmp_path)
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows == [
        "| fast | heuristic | 200.5 | 0.750 | 0.625 to 0.875 | 2 |",
        "| slow | heuristic | 300.2 | 0.500 | 0.375 to 0.625 | 2 |",
    ]
    assert "mean latency (µs)" in text
    assert "chipgym benchmark core-v0" in text
    assert "### bursty" not in text, "a task without a result"


def test_an_environment_without_results_says_so(tmp_path: Path) -> None:
    assert "No verified submission" in score_section(ENV, tmp_path)
    assert "No verified submission" in score_section(ENV, tmp_path / "missing")
    folder = tmp_path / "unscored"
    submission(folder, "fast", None, 200.5)
    assert "| fast | heuristic | 200.5 | – | – | 2 |" in score_section(ENV, folder)
    assert "No verified submission" in score_section("chipgym/CoDesign-v0", folder)


def test_names_become_words() -> None:
    assert metric_words("energy_delay_pj_ns") == ("energy delay", "pJ·ns")
    assert metric_words("score") == ("score", "")
    assert words("vector_2_uncached/step_us") == (
        "2 environments through `make_vec`, no result cached"
    )
    assert words("scalar/random_valid") == "one environment, random legal actions"
