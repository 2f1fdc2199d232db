"""Hyperparameters are checked by name, type and range before SB3 sees them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from chipgym.agents.core.hyperparameters import FOLDER, load_hyperparameters
from chipgym.agents.sb3.arguments import check_hyperparameters
from chipgym.agents.sb3.models import ALGORITHMS
from chipgym.agents.sb3.train import train_agent
from chipgym.simulators.core.errors import InvalidValueError, SimulationError, UnknownNameError


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_shipped_ones_pass(algorithm: str) -> None:
    document = yaml.safe_load((FOLDER / f"{algorithm}.yaml").read_text())
    for environment, scenarios in document.items():
        for scenario in scenarios:
            found = load_hyperparameters(algorithm, environment, scenario)
            check_hyperparameters(algorithm, found.values)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("batch_size", -3, "an integer >= 1"),
        ("n_steps", 0, "an integer >= 1"),
        ("n_steps", 2.5, "an integer >= 1"),
        ("num_envs", "x", "an integer >= 1"),
        ("num_envs", True, "an integer >= 1"),
        ("keep_best", -1, "an integer >= 0"),
        ("gamma", 2, ">= 0 and <= 1"),
        ("gae_lambda", "high", ">= 0 and <= 1"),
        ("ent_coef", -0.1, ">= 0"),
        ("reward_scale", 0, "> 0"),
        ("learning_rate", "abc", "a number >= 0, or a mapping"),
        ("learning_rate", -1.0, "a number >= 0, or a mapping"),
        ("learning_rate", {"start": 1}, "a number >= 0, or a mapping"),
        ("clip_range", {"start": 1, "end": "x"}, "a number >= 0, or a mapping"),
        ("policy_kwargs", 3, "a mapping"),
    ],
)
def test_wrong_values_are_named(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(InvalidValueError, match=allowed) as caught:
        check_hyperparameters("maskable_ppo", {name: value})
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "value"),
    [("ent_coef", "auto"), ("ent_coef", "auto_0.1"), ("ent_coef", 0.2), ("target_entropy", -3.0)],
)
def test_sac_finds_its_entropy_or_is_given_it(name: str, value: Any) -> None:
    check_hyperparameters("sac", {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("ent_coef", "auto_x"), ("ent_coef", "auto_0"), ("ent_coef", -1), ("target_entropy", "low")],
)
def test_wrong_entropies_are_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidValueError, match="auto, or a number"):
        check_hyperparameters("sac", {name: value})


def test_unknown_names_are_named() -> None:
    with pytest.raises(UnknownNameError, match="'n_stepz' is not a hyperparameter of a2c; did you"):
        check_hyperparameters("a2c", {"n_stepz": 5})
    with pytest.raises(UnknownNameError, match="mlp, pair"):
        check_hyperparameters("maskable_ppo", {"policy": "cnn"})


def test_a_diverged_training_is_said_to_be(make_envs: Any) -> None:
    values = {"num_envs": 2, "n_steps": 8, "batch_size": 8, "learning_rate": 1e30}
    with pytest.raises(SimulationError, match="the training diverged after"):
        train_agent("maskable_ppo", make_envs, 64, 0, values)


def test_training_leaves_no_temporary_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_envs: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    values = {"num_envs": 2, "n_steps": 8, "batch_size": 8}
    train_agent("ppo", make_envs, 16, 0, values)
    assert list(tmp_path.glob("SB3-*")) == []
