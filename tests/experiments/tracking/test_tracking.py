"""Trackers: TensorBoard reads what is written; the others are told the same; failures are typed."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from chipgym.experiments.jobs import execute_job, make_job
from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
from chipgym.experiments.tracking import Tracking, check_trackers
from chipgym.experiments.tracking.base import TrackingError
from chipgym.experiments.tracking.event_file import EventFile
from chipgym.leaderboards.records import read_records
from chipgym.simulators.core.errors import MissingLibraryError, UnknownNameError


class Calls(list[tuple[Any, ...]]):
    """What a stand-in was called with."""


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    run = SimpleNamespace(
        log=lambda values, step: calls.append(("log", step, values)),
        finish=lambda exit_code: calls.append(("finish", exit_code)),
    )
    module = ModuleType("wandb")

    def init(**options: Any) -> Any:
        calls.append(("init", options))
        return run

    module.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return calls


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()

    class Client:
        def get_experiment_by_name(self, name: str) -> None:
            calls.append(("experiment", name))

        def create_experiment(self, name: str) -> str:
            return "7"

        def create_run(self, experiment: str, run_name: str) -> Any:
            calls.append(("run", experiment, run_name))
            return SimpleNamespace(info=SimpleNamespace(run_id="r"))

        def log_param(self, run: str, key: str, value: str) -> None:
            calls.append(("param", key, value))

        def log_metric(self, run: str, key: str, value: float, step: int) -> None:
            calls.append(("metric", key, value, step))

        def set_terminated(self, run: str, status: str) -> None:
            calls.append(("end", status))

    package, tracking = ModuleType("mlflow"), ModuleType("mlflow.tracking")
    tracking.MlflowClient = Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", package)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    return calls


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard reads."""
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    reader = event_accumulator.EventAccumulator(str(folder))
    reader.Reload()
    return {
        tag: [(event.step, event.value) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    events = EventFile(tmp_path)
    for step in (0, 127, 128, 300_000, 2**40):
        events.add(step, {"a/b": step / 2, "µ": -1.5})
    events.close()
    found = scalars(tmp_path)
    assert [step for step, _ in found["a/b"]] == [0, 127, 128, 300_000, 2**40]
    assert [value for _, value in found["a/b"]] == [0.0, 63.5, 64.0, 150_000.0, 2.0**39]
    assert [value for _, value in found["µ"]] == [-1.5] * 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_training_is_tracked(tmp_path: Path, wandb: Calls, mlflow: Calls) -> None:
    task = TaskSpec.parse(
        {"env": "fake_scheduling:fakes/Queue-v0", "scenario": "light", "instances": 2}
    )
    agent = AgentSpec.parse({"name": "a", "algorithm": "fake_scheduling:train_biased", "steps": 50})
    curve = CurveSpec.parse({"points": 2, "instances": 1})
    job = make_job(tmp_path, task, agent, 0, curve, "1", track=("tensorboard", "wandb", "mlflow"))
    job = dataclasses.replace(job, folder=str(tmp_path / "job"))
    assert execute_job(job).status == "finished"
    found = scalars(tmp_path / "job" / "tensorboard")
    assert "evaluation/instance-0" in found
    logged = {
        call[1]: call[2]["evaluation/instance-0"]
        for call in wandb
        if call[0] == "log" and "evaluation/instance-0" in call[2]
    }
    assert logged == pytest.approx(dict(found["evaluation/instance-0"]), rel=1e-6)
    assert wandb[0][1]["name"] == "job"
    assert wandb[0][1]["config"]["steps"] == 50
    assert wandb[-2][:2] == ("log", 50)
    records = list(read_records(tmp_path / "job" / "records.jsonl"))
    mean = sum(float(r.metrics["mean_latency_us"] or 0) for r in records) / 2
    assert wandb[-2][2]["test/mean_latency_us"] == pytest.approx(mean)
    assert found["test/mean_latency_us"] == [(50, pytest.approx(mean, rel=1e-6))]
    assert wandb[-1] == ("finish", 0)
    assert mlflow[0] == ("experiment", "chipgym")
    assert ("param", "algorithm", "fake_scheduling:train_biased") in mlflow
    assert mlflow[-1] == ("end", "FINISHED")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_evaluation_that_was_interrupted_adds_to_the_curve(tmp_path: Path) -> None:
    task = TaskSpec.parse(
        {"env": "fake_scheduling:fakes/Queue-v0", "scenario": "light", "instances": 2}
    )
    agent = AgentSpec.parse({"name": "a", "algorithm": "fake_scheduling:train_biased", "steps": 50})
    job = make_job(tmp_path, task, agent, 0, CurveSpec.parse({"points": 2, "instances": 1}), "1")
    folder = Path(job.folder)
    assert execute_job(job).status == "finished"
    before = scalars(folder / "tensorboard")
    for name in ("done.json", "records.jsonl"):
        (folder / name).unlink()
    assert execute_job(job).status == "finished"
    after = scalars(folder / "tensorboard")
    assert after.keys() == before.keys()
    assert after["evaluation/instance-0"] == before["evaluation/instance-0"]
    assert set(after["test/mean_latency_us"]) == set(before["test/mean_latency_us"])


def test_a_tracker_that_fails_is_dropped_and_the_rest_goes_on(
    tmp_path: Path, wandb: Calls, mlflow: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    tracking = Tracking(("wandb", "mlflow"), tmp_path)
    tracking.start({})
    sys.modules["wandb"].init().log = None
    tracking.log({"steps": 1.0, "mean_return": 2.0})
    tracking.log({"steps": 2.0, "mean_return": 3.0})
    tracking.close(failed=True)
    assert capsys.readouterr().err.count("wandb failed and is left out") == 1
    assert ("metric", "training/mean_return", 3.0, 2) in mlflow
    assert mlflow[-1] == ("end", "FAILED")


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wandb: Calls
) -> None:
    assert check_trackers(["tensorboard", "tensorboard"]) == ("tensorboard",)
    assert check_trackers(["none"]) == ()
    with pytest.raises(UnknownNameError, match="did you mean 'wandb'"):
        check_trackers(["wandbb"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    with pytest.raises(MissingLibraryError, match=r"--track mlflow needs mlflow.*\[tracking\]"):
        check_trackers(["mlflow"])

    def refuse(**options: Any) -> Any:
        raise ValueError("no login")

    sys.modules["wandb"].init = refuse  # type: ignore[attr-defined]
    with pytest.raises(TrackingError, match="wandb does not start: no login"):
        Tracking(("wandb",), tmp_path).start({})
