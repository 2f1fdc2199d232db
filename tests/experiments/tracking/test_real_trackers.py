"""Weights & Biases offline and MLflow in a database: a job is run, and read back from their files.

Both are left out where they are not installed; ``pip install 'chipgym[tracking]'`` brings them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chipgym.experiments.jobs import execute_job, make_job
from chipgym.experiments.results import read_curve
from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
from chipgym.leaderboards.records import read_records

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # Sockets and databases that the libraries close at exit.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BLOCK = 32768


def run(folder: Path, tracker: str) -> tuple[Path, dict[int, float], float]:
    """Train and evaluate; return the job's folder, its curve, and its mean metric."""
    task = TaskSpec.parse(
        {"env": "fake_scheduling:fakes/Queue-v0", "scenario": "light", "instances": 2}
    )
    agent = AgentSpec.parse({"name": "a", "algorithm": "fake_scheduling:train_biased", "steps": 50})
    curve = CurveSpec.parse({"points": 2, "instances": 1})
    job = make_job(folder, task, agent, 3, curve, "1", track=(tracker,))
    outcome = execute_job(job)
    assert outcome.status == "finished", outcome.error
    place = Path(job.folder)
    records = list(read_records(place / "records.jsonl"))
    mean = sum(float(r.metrics["mean_latency_us"] or 0) for r in records) / len(records)
    return place, {p.steps: p.metrics[0] for p in read_curve(place / "curve.jsonl")}, mean


def wandb_records(path: Path) -> Iterator[Any]:
    """Records of W&B's file: a header, then blocks of records in pieces, as in LevelDB's log."""
    from wandb.proto import wandb_internal_pb2

    data, at, piece = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        piece += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or last
            record = wandb_internal_pb2.Record()
            record.ParseFromString(piece)
            piece = b""
            yield record


def test_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name, value in {"MODE": "offline", "SILENT": "true", "PROJECT": "ours"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    folder, curve, mean = run(tmp_path, "wandb")
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    config: dict[str, Any] = {}
    history: dict[str, dict[int, float]] = {}
    names = []
    for record in wandb_records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            names.append((record.run.project, record.run.display_name))
            config |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
        elif kind == "history":
            items = {i.key or "/".join(i.nested_key): i.value_json for i in record.history.item}
            step = int(items["_step"])
            for key, text in items.items():
                history.setdefault(key, {})[step] = float(text)
    assert names[0] == ("ours", folder.name)
    assert (config["steps"], config["seed"], config["task"]["scenario"]) == (50, 3, "light")
    assert history["evaluation/instance-0"] == pytest.approx(curve)
    assert history["test/mean_latency_us"] == pytest.approx({50: mean})


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    place = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    mlflow.set_tracking_uri(None)
    folder, curve, mean = run(tmp_path / "runs", "mlflow")
    client = MlflowClient(place)
    experiment = client.get_experiment_by_name("ours")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_name, found.info.status) == (folder.name, "FINISHED")
    assert found.data.params["steps"] == "50"
    assert json.loads(found.data.params["task"])["scenario"] == "light"
    history = client.get_metric_history(found.info.run_id, "evaluation/instance-0")
    assert {m.step: m.value for m in history} == pytest.approx(curve)
    assert found.data.metrics["test/mean_latency_us"] == pytest.approx(mean)
