"""Hyperparameter search: repeatable, resumable, its cost counted, its result written with care."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from chipgym.agents.core.hyperparameters import Provenance, load_hyperparameters
from chipgym.experiments.cli.main import main
from chipgym.experiments.executors import make_executor
from chipgym.experiments.suite import TaskSpec
from chipgym.experiments.training import check_algorithm
from chipgym.experiments.tuning.space import SPACES, ParameterSpec, load_space
from chipgym.experiments.tuning.store import user_folder, write_entry
from chipgym.experiments.tuning.study import Trial, Tuning, TuningPlan, tune
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError

TASK = TaskSpec.parse({"env": "fake_design:fakes/SafeDesign-v0", "instances": 2})
ORIGIN = Provenance(tuned=True, trials=3, budget="10 steps", source="a test")


def plan(**changes: object) -> TuningPlan:
    pytest.importorskip("optuna")
    given = {"trials": 5, "seeds": 2, "batch": 2, **changes}
    space = load_space("genetic", searcher=True)
    return TuningPlan(TASK, "searcher", "genetic", 12, space, **given)  # type: ignore[arg-type]


def run(folder: Path, seen: list[Trial] | None = None, **changes: object) -> Tuning:
    listener = None if seen is None else seen.append
    return tune(plan(**changes), folder, lambda: make_executor("serial", 1), listener)


def test_a_study_repeats_and_resumes(tmp_path: Path) -> None:
    seen: list[Trial] = []
    whole = run(tmp_path / "a", seen)
    assert tuple(seen) == whole.trials
    assert [trial.number for trial in whole.trials] == [0, 1, 2, 3, 4]
    assert (whole.trials[0].values, whole.trials[0].gain) == ({}, 0.0)
    assert whole.best.gain == max(trial.gain or 0.0 for trial in whole.trials)
    assert whole.cost["evaluations"] == sum(trial.evaluations for trial in whole.trials) > 0
    assert set(whole.best.values.items()) <= set(whole.values.items())
    (tmp_path / "a" / "tuning.json").unlink()
    for gone in (tmp_path / "a" / "jobs").glob("*trial-3*"):
        shutil.rmtree(gone)
    again = run(tmp_path / "a")
    strip = [(t.number, t.values, t.gain, t.metric, t.evaluations) for t in whole.trials]
    assert [(t.number, t.values, t.gain, t.metric, t.evaluations) for t in again.trials] == strip
    assert (tmp_path / "a" / "tuning.json").is_file()


def test_trials_that_fail_are_passed_over(tmp_path: Path) -> None:
    space = {"population": ParameterSpec(choices=(0, 8))}
    given = TuningPlan(TASK, "searcher", "genetic", 8, space, trials=6, seeds=1)
    found = tune(given, tmp_path, lambda: make_executor("serial", 1))
    failed = [trial for trial in found.trials if trial.gain is None]
    assert failed
    assert all("population" in trial.error for trial in failed)
    assert found.best.gain is not None


def test_spaces_are_checked(tmp_path: Path) -> None:
    assert "learning_rate" in load_space("maskable_ppo")
    with pytest.raises(UnknownNameError, match="did you mean 'ppo'"):
        load_space("ppoo")
    path = tmp_path / "space.yaml"
    for text, words in (
        ("learning_rate: {low: 1, high: 0}", "learning_rate.*low < high"),
        ("gamma: {chioces: [1]}", "gamma.*chioces"),
        ("gamma: {low: 0.5}", "either choices"),
        ("[]", "must map"),
        ("a: [", "cannot be read"),
    ):
        path.write_text(text)
        with pytest.raises(FileFormatError, match=words):
            load_space("ppo", path)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("method", sorted(yaml.safe_load(SPACES.read_text(encoding="utf-8"))))
def test_the_ends_of_every_space_are_hyperparameters(method: str, last: bool) -> None:
    check_algorithm(method, {name: spec.end(last) for name, spec in load_space(method).items()})


def test_the_command_checks_both_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("gamma: {low: 0.9, high: 1.5}")
    with pytest.raises(SystemExit) as ended:
        main(["tune", "chipgym/SocScheduling-v0", "--agent", "ppo", "--space", str(space)])
    assert ended.value.code == 2
    assert "gamma" in capsys.readouterr().err


def test_an_entry_is_written_and_the_rest_stays(tmp_path: Path) -> None:
    from chipgym.agents.core.hyperparameters import FOLDER

    path = tmp_path / "maskable_ppo.yaml"
    shutil.copy(FOLDER / "maskable_ppo.yaml", path)
    before = path.read_text()
    write_entry(path, "chipgym/SocScheduling-v0", "bursty", {"n_steps": 4}, ORIGIN)
    write_entry(path, "chipgym/Other-v0", "default", {"n_steps": 8}, ORIGIN)
    write_entry(path, "chipgym/SocScheduling-v0", "bursty", {"n_steps": 16}, ORIGIN)
    after = path.read_text()
    assert set(before.splitlines()) <= set(after.splitlines())
    found = load_hyperparameters("maskable_ppo", "chipgym/SocScheduling-v0", "bursty", tmp_path)
    assert (found.values, found.provenance) == ({"n_steps": 16}, ORIGIN)
    other = load_hyperparameters("maskable_ppo", "chipgym/Other-v0", "x", tmp_path)
    assert other.values == {"n_steps": 8}
    document, old = yaml.safe_load(after), yaml.safe_load(before)
    assert {k: v for k, v in document.items() if k in old and "Soc" not in k} == {
        k: v for k, v in old.items() if "Soc" not in k
    }


def test_text_that_is_shared_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ppo.yaml"
    text = "a/A-v0: &shared\n  default: 1\nb/B-v0: *shared\n"
    path.write_text(text)
    for env_id in ("a/A-v0", "b/B-v0"):
        with pytest.raises(FileFormatError, match=r"by hand|not YAML"):
            write_entry(path, env_id, "x", {}, ORIGIN)
    assert path.read_text() == text
    path.write_text("- 1\n")
    with pytest.raises(FileFormatError, match="must map"):
        write_entry(path, "a", "x", {}, ORIGIN)


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHIPGYM_HYPERPARAMS", str(tmp_path))
    assert user_folder() == tmp_path
    monkeypatch.delenv("CHIPGYM_HYPERPARAMS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert user_folder() == tmp_path / "config" / "chipgym" / "hyperparams"
