"""Recording: what was played is what is kept, in both formats, and trains a policy."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from chipgym.experiments.cli.main import main
from chipgym.experiments.offline.files import read_dataset, write_dataset
from chipgym.experiments.offline.minari_format import minari_path, read_minari, write_minari
from chipgym.experiments.offline.record import (
    dataset_name,
    record_policy,
    record_results,
    results_of,
)
from chipgym.experiments.policies import build_policy
from chipgym.experiments.suite import TaskSpec
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    MissingLibraryError,
    SimulationError,
    UnknownNameError,
)

pytest.importorskip("pyarrow")
RunFakes = Callable[..., Any]
QUEUE = "fake_scheduling:fakes/Queue-v0"
GREEDY = "fake_scheduling:Greedy"


def task(**changes: Any) -> TaskSpec:
    return TaskSpec.parse({"env": QUEUE, "scenario": "heavy", "instances": 4, **changes})


def record(spec: TaskSpec | None = None, policy: str = GREEDY, **changes: Any) -> Any:
    arguments = {"agent": policy.rpartition(":")[2], "reference_instances": 2, **changes}
    return record_policy(spec or task(), build_policy(policy), **arguments)


def test_what_is_kept_is_what_was_played() -> None:
    dataset = record(seeds=(0, 1), policy="random")
    assert dataset.head.total_episodes == 8
    assert dataset.head.total_steps == 8 * 12
    env = gymnasium.make(QUEUE, scenario="heavy", split="test")
    for episode in dataset.episodes:
        observation, info = env.reset(seed=episode.instance, options={"instance": episode.instance})
        for step in range(len(episode)):
            assert (episode.observations[step] == observation).all()
            assert (episode.masks[step] == info["action_mask"]).all()
            observation, reward, ended, _, info = env.step(int(episode.actions[step]))
            assert (reward, ended) == (episode.rewards[step], episode.terminations[step])
        assert (episode.observations[-1] == observation).all()
        assert episode.metrics == info["metrics"]


def test_reference_scores_are_mean_returns() -> None:
    head = record().head
    assert (head.reference_policy, head.reference_instances) == (GREEDY, 2)
    greedy = [episode.episode_return for episode in record().episodes[:2]]
    assert head.ref_max_score == pytest.approx(np.mean(greedy))
    assert head.ref_min_score < head.ref_max_score
    assert record(reference_instances=0).head.ref_min_score is None


def test_train_episodes_come_from_their_seeds() -> None:
    dataset = record(task(split="train", instances=3))
    assert all(e.instance_id.startswith("train-") for e in dataset.episodes)
    assert len({e.observations.tobytes() for e in dataset.episodes}) == 3


def test_parquet_gives_back_every_bit(tmp_path: Path) -> None:
    dataset = record(policy="random")
    write_dataset(dataset, tmp_path / "data", ("parquet",))
    again = read_dataset(tmp_path / "data")
    assert again.head == dataset.head
    assert all(a.equals(b) for a, b in zip(dataset.episodes, again.episodes, strict=True))
    import pyarrow.parquet

    steps = pyarrow.parquet.read_table(tmp_path / "data" / "steps.parquet")
    assert steps.num_rows == dataset.head.total_steps + dataset.head.total_episodes
    assert steps.column("action").null_count == dataset.head.total_episodes
    with pytest.raises(FileFormatError, match="choose another"):
        write_dataset(dataset, tmp_path / "data")
    (tmp_path / "data" / "steps.parquet").write_bytes(b"damage")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_dataset(tmp_path / "data")


@pytest.mark.parametrize("data_format", ["arrow", "parquet"])
def test_minari_gives_back_every_bit(
    tmp_path: Path, data_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    minari = pytest.importorskip("minari")
    dataset = record_policy(
        TaskSpec(env="chipgym/SocScheduling-v0", scenario="canonical", instances=2),
        build_policy("ETF"),
        agent="ETF",
        name="mine/soc/etf-v3",
        reference_instances=1,
    )
    place = write_minari(dataset, tmp_path, data_format)
    assert place == minari_path(tmp_path, dataset.head) == tmp_path / "minari/mine/soc/etf-v3"
    again = read_minari(place)
    assert again.head == dataset.head
    assert all(a.equals(b) for a, b in zip(dataset.episodes, again.episodes, strict=True))
    # As users of Minari load it.
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    loaded = minari.load_dataset("mine/soc/etf-v3")
    assert loaded.total_episodes == 2
    assert loaded.env_spec.id == "chipgym/SocScheduling-v0"
    assert loaded.env_spec.kwargs["scenario"] == "canonical"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a checkout that is not installed
        env = loaded.recover_environment()
    assert env.observation_space == loaded.observation_space
    best = minari.get_normalized_score(loaded, np.array([dataset.head.ref_max_score]))
    assert best == pytest.approx([1.0])


def test_without_the_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    dataset = record()
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(MissingLibraryError, match=r"chipgym\[data\]"):
        write_dataset(dataset, tmp_path / "a", ("minari",))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingLibraryError, match=r"chipgym\[data\]"):
        write_dataset(dataset, tmp_path / "b", ("parquet",))
    with pytest.raises(UnknownNameError, match="format"):
        write_dataset(dataset, tmp_path / "c", ("csv",))


def test_a_finished_run_is_played_again(tmp_path: Path, run_fakes: RunFakes) -> None:
    run_fakes(tmp_path / "run")
    results = results_of(tmp_path / "run")
    with pytest.raises(InvalidValueError, match="heavy, light"):
        record_results(results)
    with pytest.raises(UnknownNameError, match="agent"):
        record_results(results, task="heavy", agents=["gredy"])
    dataset = record_results(results, task="heavy", agents=["random", "greedy"])
    assert dataset.head.agents == ("random", "greedy")
    assert dataset.head.total_episodes == 5 * 3  # two seeds of random, one of greedy
    played = record(task(instances=5), policy="random", seeds=(0, 1))
    assert all(a.equals(b) for a, b in zip(dataset.episodes, played.episodes, strict=False))


def test_another_outcome_is_an_error(
    tmp_path: Path, run_fakes: RunFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fake_scheduling

    run_fakes(tmp_path / "run")
    results = results_of(tmp_path / "run")
    monkeypatch.setitem(fake_scheduling.SCENARIOS, "heavy", 4.0)
    with pytest.raises(SimulationError, match="not as recorded"):
        record_results(results, task="heavy", agents=["greedy"])


def test_names() -> None:
    spec = TaskSpec(env="chipgym/SocScheduling-v0", scenario="six-app-mid")
    assert dataset_name(spec, ["ETF"]) == "chipgym/soc-scheduling/six-app-mid-etf-v0"
    many = dataset_name(spec, ["a", "b.c", "c", "d"])
    assert many == "chipgym/soc-scheduling/six-app-mid-a-b-c-c-and-others-v0"


def test_command_line_records_and_trains(tmp_path: Path, capsys: Any) -> None:
    data, trained = tmp_path / "data", tmp_path / "trained"
    arguments = [
        "--scenario",
        "heavy",
        "--agent",
        GREEDY,
        "--episodes",
        "30",
        "--format",
        "parquet",
    ]
    run(capsys, "data", "record", QUEUE, *arguments, "--out", str(data))
    shown = run(capsys, "data", "show", str(data), "--json")
    assert shown["total_steps"] == 30 * 12
    assert len(shown["episodes"]) == 30
    common = ["train", QUEUE, "--scenario", "heavy", "--steps", "400", "--instances", "4"]
    for agent in ("behaviour_cloning", "discrete_cql"):
        given = ["--agent", agent, "-p", f"dataset={data}", "-p", "hidden=[32]"]
        out = tmp_path / agent
        found = run(capsys, *common, *given, "--out", str(out))
        assert found["training_steps"] == 400
        assert found["training_evaluations"] == 0
        facts = json.loads((out / "policy" / "policy.json").read_text())["description"]
        assert facts["episodes"] == 30
        evaluated = run(capsys, "evaluate", QUEUE, "--load", str(out), "--instances", "4")
        greedy = run(
            capsys, "evaluate", QUEUE, "--scenario", "heavy", "--agent", GREEDY, "--instances", "4"
        )
        assert evaluated["mean"] < 1.6 * greedy["mean"]
    # A training is a run too.
    run(capsys, "data", "record", str(out), "--out", str(trained), "--format", "parquet")
    assert read_dataset(trained).head.agents == ("discrete_cql",)


def test_data_of_another_environment_are_refused(tmp_path: Path, capsys: Any) -> None:
    write_dataset(record(), tmp_path / "data", ("parquet",))
    command = ["train", "chipgym/SocScheduling-v0", "--agent", "behaviour_cloning", "--steps", "5"]
    for given, message in (
        ([], "chipgym data record"),
        (["-p", f"dataset={tmp_path / 'data'}"], "spaces of task"),
        (["-p", f"dataset={tmp_path}"], "cannot be read"),
    ):
        out = ["--out", str(tmp_path / f"out{len(given)}{message[:3]}")]
        with pytest.raises(SystemExit) as ended:
            main([*command, *given, *out])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err


def run(capsys: Any, *arguments: str) -> Any:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    captured = capsys.readouterr()
    assert ended.value.code == 0, captured.err
    return json.loads(captured.out)
