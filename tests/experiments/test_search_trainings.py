"""A budget of trainings: a resumed search pays for the same networks as an uninterrupted one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import pytest

import chipgym.envs  # noqa: F401
from chipgym.agents.search.registry import make_searcher
from chipgym.envs.codesign.accuracy import training
from chipgym.experiments.search import run_search
from chipgym.experiments.search_record import SearchRun, read_search

LOOSE = dict.fromkeys(("latency_cycles", "energy_nj", "area_um2"), 1e12) | dict.fromkeys(
    ("latency_bound_cycles", "energy_bound_nj", "area_bound_um2"), 1e13
)
TABLE = {"accuracy": "measured-table", "accuracy_options": {"budget": 7}}
TRAIN = {"accuracy": "train", "accuracy_options": {"budget": 9, "seeds": [0, 1]}}


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Networks that were trained, by a stand-in that one family of networks defeats."""
    names: list[str] = []

    def train_network(architecture: Any, data_set: Any, images: Any, recipe: Any, seed: int) -> Any:
        names.append(f"{architecture.key} {seed}")
        widths = [int(n) for n in architecture.key.partition(":")[2].split("-")]
        if widths[0] == 4:
            raise training.TrainingError(architecture.key, "diverged")
        return 0.5 + 0.01 * (sum(widths) % 30) + 0.001 * seed

    monkeypatch.setattr(training, "train_network", train_network)
    return names


def search(env: gymnasium.Env[Any, Any], instance: int = 0, **kwargs: Any) -> SearchRun:
    searcher = make_searcher("genetic", env.action_space, 3, mutation_rate=0.2)
    return run_search(env, searcher, 40, instance=instance, seed=3, **kwargs)


def make(provider: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    return gymnasium.make(
        "chipgym/CoDesignOneShot-v0", spec=LOOSE, disable_env_checker=True, **provider
    )


def paid(env: gymnasium.Env[Any, Any]) -> int:
    base: Any = env.unwrapped
    return int(base.provider.trainings)


@pytest.mark.parametrize("provider", [TABLE, TRAIN], ids=["table", "train"])
@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_resumed_search_has_spent_what_a_whole_one_has(
    tmp_path: Path, provider: dict[str, Any], cut: int
) -> None:
    env = make(provider)
    whole = search(env, record=tmp_path / "whole.jsonl")
    budget = provider["accuracy_options"]["budget"]
    assert paid(env) == whole.steps[-1].trainings == budget
    assert any("budget of" in step.error for step in whole.steps), "the budget binds"

    def stop(step: Any) -> None:
        if step.evaluations == cut:
            raise KeyboardInterrupt

    path = tmp_path / "cut.jsonl"
    with pytest.raises(KeyboardInterrupt):
        search(make(provider), record=path, on_evaluation=stop)
    env = make(provider)
    assert search(env, record=path) == whole
    assert paid(env) == budget
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert read_search(path).steps[cut].trainings == whole.steps[cut].trainings


@pytest.mark.parametrize("provider", [TABLE, TRAIN], ids=["table", "train"])
def test_every_search_has_the_whole_budget(provider: dict[str, Any]) -> None:
    env = make(provider)
    first, second = search(env), search(env, instance=1)
    assert second == search(make(provider), instance=1)
    assert first == search(env)


def test_replaying_trains_nothing_that_is_not_asked_for_again(
    tmp_path: Path, trained: list[str]
) -> None:
    path = tmp_path / "cut.jsonl"

    def stop(step: Any) -> None:
        if step.evaluations == 39:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(make(TRAIN), record=path, on_evaluation=stop)
    assert len(trained) == len(set(trained)) == 9
    trained.clear()
    search(make(TRAIN), record=path)
    assert len(trained) <= 2 * 2, "the networks of the last design, if they were paid for"


def test_without_a_budget_nothing_is_recorded() -> None:
    run = search(make({"accuracy": "measured-table"}))
    assert {step.trainings for step in run.steps} == {None}
