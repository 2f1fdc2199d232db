"""The command line: exit statuses, one clear line on errors, JSON for programs."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from chipgym.experiments.cli.main import COMMANDS, main

CHIPGYM = [sys.executable, "-m", "chipgym.experiments.cli.main"]


@pytest.fixture
def suite_file(tmp_path: Path, suite_document: dict[str, Any]) -> str:
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    return str(path)


class Result:
    """What a call of the command line gave."""

    def __init__(self, status: Any, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def chipgym(capsys: pytest.CaptureFixture[str]) -> Any:
    """Call the command line in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        captured = capsys.readouterr()
        return Result(caught.value.code or 0, captured.out, captured.err)

    yield call
    signal.signal(signal.SIGTERM, handler)


def test_help_is_fast_and_lists_every_command() -> None:
    done = subprocess.run(
        [*CHIPGYM[:1], "-X", "importtime", *CHIPGYM[1:], "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in COMMANDS:
        assert f"  {command} " in done.stdout
    for heavy in ("torch", "numba", "matplotlib", "pandas", "stable_baselines3", "numpy"):
        assert f" {heavy}\n" not in done.stderr


def test_version(chipgym: Any) -> None:
    result = chipgym("--version")
    assert result.status == 0
    assert result.out.strip() == __import__("chipgym").__version__


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(chipgym: Any, command: str) -> None:
    result = chipgym(command, "--help")
    if "which is not installed" not in result.err:
        assert result.status == 0
        assert "Usage: chipgym" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bechmark"], "did you mean 'benchmark'"),
        (["benchmark", "quik"], "did you mean 'quick'"),
        (["benchmark", "no/such.yaml"], "no such suite file"),
        (["benchmark", "quick", "--executor", "cluster"], "'cluster' is not an executor"),
        (["report", "no-run"], "not the folder of a run"),
        (["info", "chipgym/SocScheduling-v1"], "chipgym/SocScheduling-v1"),
        (["evaluate", "chipgym/SocScheduling-v0"], "exactly one of --agent and --load"),
        (["evaluate", "chipgym/SocScheduling-v0", "--agent", "ETFF"], "did you mean 'ETF'"),
        (["evaluate", "chipgym/SocScheduling-v0", "--agent", "met"], "did you mean 'MET'"),
        (["evaluate", "chipgym/SocScheduling-v0", "--agent", "ppo"], "this is an algorithm"),
        (["evaluate", "chipgym/DramDesign-v0", "--agent", "genetic"], "this is a searcher"),
        (["train", "chipgym/SocScheduling-v0", "--agent", "ETF"], "this is a policy"),
        (
            [
                *("evaluate", "chipgym/LogicSynthesis-v0", "--scenario", "own-small"),
                *("--agent", "ETF", "--instances", "1"),
            ],
            "one for chipgym/LogicSynthesis-v0",
        ),
        (
            ["evaluate", "chipgym/SocScheduling-v0", "--agent", "ETF", "-k", "num_jobs"],
            "name=value",
        ),
        (
            [
                "evaluate",
                "chipgym/SocScheduling-v0",
                "--agent",
                "ETF",
                "--scenario",
                "six-app-hihg",
            ],
            "did you mean 'six-app-high'",
        ),
        (["evaluate", "chipgym/SocScheduling-v0", "--load", "nowhere"], "cannot be read"),
        (["train", "chipgym/SocScheduling-v0", "--agent", "ppoo"], "did you mean 'ppo'"),
        (["train", "chipgym/SocScheduling-v0", "-p", "n_steps=0"], "n_steps = 0 is not allowed"),
        (["train", "chipgym/SocScheduling-v0", "--curve-points", "5000"], "points = 5000"),
        (
            [
                *("evaluate", "chipgym/SocScheduling-v0", "--scenario", "canonical-open"),
                *("--agent", "ETF", "--instances", "1", "--out", "."),
            ],
            "Is a directory",
        ),
        (["leaderboard", "verify", "nowhere"], "no such folder"),
        (["leaderboard", "build", "nowhere"], "no such folder"),
        (["leaderboard", "submit", "nowhere", "--agent", "x"], "not the folder of a run"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(
    chipgym: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = chipgym(*arguments)
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert len(result.err.splitlines()) == 1
    assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_usage_errors_are_status_2(chipgym: Any) -> None:
    assert chipgym("benchmark").status == 2
    assert chipgym("benchmark", "quick", "--workers", "0").status == 2
    assert chipgym("benchmark", "quick", "--no-such-option").status == 2
    assert chipgym("train", "chipgym/SocScheduling-v0", "--seed", str(2**31)).status == 2


def test_benchmark_then_report(chipgym: Any, tmp_path: Path, suite_file: str) -> None:
    run = tmp_path / "run"
    result = chipgym("benchmark", suite_file, "--out", str(run), "--executor", "serial")
    assert result.status == 0
    assert "greedy" in result.out
    assert str(run / "report.html") in result.out.replace("\n", "")
    again = chipgym("report", str(run), "--json")
    assert again.status == 0
    assert (
        json.loads(again.out)["ranking"]
        == json.loads((run / "summary.json").read_text())["ranking"]
    )
    quiet = chipgym("benchmark", suite_file, "--out", str(run), "--executor", "serial", "--json")
    assert quiet.err == ""
    assert json.loads(quiet.out)["ranking"][0]["name"] == "greedy"
    smoke = chipgym(
        *("benchmark", suite_file, "--smoke", "--executor", "serial", "--no-report", "--json"),
        *("--out", str(tmp_path / "smoke")),
    )
    assert json.loads(smoke.out)["suite"] == "fakes-smoke"
    assert not (tmp_path / "smoke" / "report.html").exists()


def test_train_then_evaluate_replays(chipgym: Any, tmp_path: Path) -> None:
    env, folder = "fake_scheduling:fakes/Queue-v0", tmp_path / "trained"
    train = ["train", env, "--agent", "fake_scheduling:train_biased", "--steps", "50"]
    train += ["--scenario", "light", "--out", str(folder), "--json", "--instances", "3"]
    trained = chipgym(*train)
    assert trained.status == 0, trained.err
    assert json.loads(trained.out)["training_steps"] == 50
    assert chipgym(*train).out == trained.out
    other = chipgym(*train, "--seed", "4")
    assert other.status == 2
    assert "another training" in other.err

    records = tmp_path / "records.jsonl"
    result = chipgym(
        *("evaluate", env, "--load", str(folder), "--instances", "3", "--json"),
        *("--out", str(records)),
    )
    assert result.status == 0, result.err
    assert json.loads(result.out)["mean"] == json.loads(trained.out)["mean_latency_us"]
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    kept = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert [line["actions"] for line in lines] == [line["actions"] for line in kept]


def test_a_failed_training_is_said_once_and_may_be_repeated(chipgym: Any, tmp_path: Path) -> None:
    env, folder = "fake_scheduling:fakes/Queue-v0", tmp_path / "trained"
    train = ["train", env, "--scenario", "light", "--out", str(folder), "--instances", "2"]
    failed = chipgym(*train, "--agent", "math:sqrt")
    assert failed.status == 2
    assert failed.err.startswith("error: TypeError: ")
    assert len(failed.err.splitlines()) == 1
    assert str(folder / "error.txt") in failed.err
    again = chipgym(*train, "--agent", "fake_scheduling:train_biased", "--steps", "50")
    assert again.status == 0, again.err
    assert not (folder / "error.txt").exists()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    refused = chipgym(*train[:-3], str(foreign))
    assert refused.status == 2
    assert "holds something else" in refused.err
    assert [path.name for path in foreign.iterdir()] == ["notes.txt"]


def test_a_defect_shows_where_it_is_and_is_status_2(chipgym: Any) -> None:
    result = chipgym(
        *("evaluate", "fake_scheduling:fakes/Queue-v0", "--scenario", "light"),
        *("--instances", "1", "--agent", "fake_scheduling:Broken"),
    )
    assert result.status == 2
    assert "in act" in result.err
    assert result.err.splitlines()[-1] == "error: unexpected ZeroDivisionError: a defect"


def test_the_ranking_fits_a_terminal_of_80_columns(tmp_path: Path, run_fakes: Any) -> None:
    from rich.console import Console

    from chipgym.experiments.cli.output import ranking_table
    from chipgym.experiments.summary import summarise

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(ranking_table(summarise(run_fakes(tmp_path))))
    text = console.export_text()
    assert "…" not in text
    for word in ("evalua-", "tions", "training", "steps", "seeds", "95% interval"):
        assert word in text


def test_a_failing_job_is_status_2_and_keeps_the_rest(
    chipgym: Any, tmp_path: Path, suite_document: dict[str, Any]
) -> None:
    suite_document["agents"].append({"name": "bad", "policy": "fake_scheduling:Failing"})
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    run = tmp_path / "run"
    result = chipgym("benchmark", str(path), "--out", str(run), "--executor", "serial")
    assert result.status == 2
    assert "error: 2 of 32 jobs failed" in result.err
    assert len(list(run.glob("jobs/*/done.json"))) == 30


def test_a_full_disk_is_said_to_be(
    chipgym: Any, tmp_path: Path, suite_document: dict[str, Any]
) -> None:
    full = {"name": "full", "policy": "fake_scheduling:Failing", "kwargs": {"kind": "full-disk"}}
    suite_document["agents"] = [full]
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    result = chipgym(
        *("benchmark", str(path), "--out", str(tmp_path / "run"), "--executor", "serial", "--json")
    )
    assert result.status == 2
    assert "the disk is full" in result.err


@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_status_130_and_resumes(
    tmp_path: Path, suite_document: dict[str, Any], executor: str, sent: signal.Signals
) -> None:
    for task in suite_document["tasks"]:
        task["kwargs"] = {"step_s": 0.004}
    path = tmp_path / "fakes.yaml"
    path.write_text(yaml.safe_dump(suite_document))
    run = tmp_path / "run"
    command = [*CHIPGYM, "benchmark", str(path), "--out", str(run), "--executor", executor]
    # A shell may have told what it runs in the background to ignore Ctrl-C, and that is inherited.
    before = signal.signal(sent, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    signal.signal(sent, before)
    deadline = time.monotonic() + 60
    while not list(run.glob("jobs/*/done.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out == ""
    assert "run the same command again to resume" in " ".join(err.split())
    assert "Traceback" not in err
    finished = len(list(run.glob("jobs/*/done.json")))
    assert 0 < finished < 30


def test_the_list_says_what_each_name_is(chipgym: Any) -> None:
    lines = chipgym("list").out.splitlines()
    for title in ("environments", "policies", "searchers", "suites"):
        names = takewhile(lambda line: line.startswith("  "), lines[lines.index(title) + 1 :])
        assert all(len(line.split(maxsplit=1)) == 2 for line in names), title


def test_evaluate_explains_scores_where_references_are(chipgym: Any) -> None:
    scored = ("evaluate", "chipgym/SocScheduling-v0", "--agent", "ETF", "--instances", "1")
    result = chipgym(*scored, "--scenario", "six-app-mid")
    assert "score" in result.out
    assert "1.000" in result.out
    assert "0 is the random policy" in result.err
    result = chipgym(*scored, "--scenario", "wifi-tx")
    assert "score" not in result.out + result.err


def test_list_as_json(chipgym: Any) -> None:
    names = json.loads(chipgym("list", "--json").out)
    assert "chipgym/SocScheduling-v0" in names["environments"]
    assert "ETF" in names["policies"]
    assert "genetic" in names["searchers"]
    assert "maskable_ppo" in names["algorithms"]
    assert "quick" in names["suites"]
    assert "six-app-high" in names["scenarios"]["chipgym/SocScheduling-v0"]
    toys = {
        names["scenarios"][f"chipgym/{name}-v0"]["toy"] for name in ("DramDesign", "DramCommand")
    }
    assert len(toys) == 2, "each environment has its own"


def test_info_as_json(chipgym: Any) -> None:
    facts = json.loads(chipgym("info", "chipgym/SocScheduling-v0", "--json").out)
    assert facts["primary_metric"] == "mean_latency_us"
    assert "pairs" in facts["observation_fields"]


def test_rejected_submissions_are_status_1(chipgym: Any, tmp_path: Path, suite_file: str) -> None:
    run, folder = tmp_path / "run", tmp_path / "submissions" / "greedy"
    assert chipgym("benchmark", suite_file, "--out", str(run), "--executor", "serial").status == 0
    options = ["--suite", suite_file, "--import", "fake_scheduling", "--json"]
    submitted = chipgym(
        *("leaderboard", "submit", str(run), "--agent", "greedy", "--out", str(folder), *options)
    )
    assert submitted.status == 0, submitted.err
    assert json.loads(submitted.out)["passed"]
    records = folder / "records.jsonl"
    records.write_text(records.read_text().replace('"evaluations":1', '"evaluations":0', 1))
    verified = chipgym("leaderboard", "verify", str(folder), *options)
    assert verified.status == 1
    assert "evaluations = 0, replayed 1" in json.loads(verified.out)["reasons"][0]
    built = chipgym(
        *("leaderboard", "build", str(folder.parent), "--out", str(tmp_path / "site"), *options)
    )
    assert built.status == 1
    assert json.loads(built.out)["ranked"] == 0
    assert "No verified submission yet" in (tmp_path / "site" / "index.html").read_text()


def test_many_agents_are_trained_and_evaluated(tmp_path: Path, chipgym: Any) -> None:
    folder = tmp_path / "team"
    env = "chipgym/SocScheduling-v0"
    train = ["train", env, "--agent", "shared_ppo", "--scenario", "canonical", "-k", "num_jobs=2"]
    train += ["--steps", "64", "-p", "n_steps=16", "--instances", "2", "--out", str(folder)]
    trained = chipgym(*train, "--json")
    assert trained.status == 0, trained.err
    assert json.loads(trained.out)["training_steps"] >= 64
    shown = chipgym("evaluate", env, "--load", str(folder), "--instances", "2", "--json")
    assert shown.status == 0, shown.err
    found = json.loads(shown.out)
    assert (found["agent"], len(found["instances"])) == ("shared_ppo", 2)
    assert found["mean"] == json.loads(trained.out)["mean_latency_us"]
    other = ("evaluate", env, "--load", str(folder), "--scenario", "six-app-mid")
    result = chipgym(*other)
    assert result.status != 0
    assert "an agent" in result.err or "agents for" in result.err
    algorithms = json.loads(chipgym("list", "--json").out)["algorithms"]
    assert {"ippo", "shared_ppo", "mappo", "sac"} <= set(algorithms)
    refused = chipgym("train", "chipgym/SocTaskMapping-v0", "--agent", "mappo")
    assert "PettingZoo form" in refused.err
    refused = chipgym("train", env, "--wrapper", "smooth")
    assert "none of continuous, multiplexed" in refused.err
