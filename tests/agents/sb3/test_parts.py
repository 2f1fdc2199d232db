"""Trainings of Stable-Baselines3 that can be interrupted, and ablations of the pair network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.sb3.arguments import check_hyperparameters
from chipgym.agents.sb3.policy import load_policy
from chipgym.agents.sb3.train import train_agent
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

SMALL = {
    "policy": "pair",
    "policy_kwargs": {"hidden": 4, "eft_prior": 3.0, "other_logit": None},
    "num_envs": 4,
    "n_steps": 8,
    "batch_size": 16,
    "n_epochs": 2,
    "learning_rate": {"start": 1e-2, "end": 1e-3},
    "keep_best": 2,
}
STEPS = 320


def make_envs(num_envs: int) -> Any:
    return gym.make_vec(
        "chipgym/SocScheduling-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        scenario="canonical",
        num_jobs=2,
    )


def train(path: Path, seed: int = 0, callback: Any = None, **changes: Any) -> Any:
    values = {**SMALL, **changes}
    return train_agent(
        "maskable_ppo", make_envs, STEPS, seed, values, callback=callback, checkpoint=path
    )


class _KilledError(Exception):
    pass


def test_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole.safetensors")
    seen = []

    def die(record: dict[str, float]) -> None:
        seen.append(record)
        if record["steps"] > STEPS / 2:
            raise _KilledError

    path = tmp_path / "part.safetensors"
    with pytest.raises(_KilledError):
        train(path, callback=die)
    resumed = train(path)
    assert resumed.steps == whole.steps >= STEPS
    assert resumed.evaluations == whole.evaluations
    assert resumed.curve == whole.curve
    for key, array in resumed.policy.weights().items():
        np.testing.assert_array_equal(array, whole.policy.weights()[key])
    again = train(path)  # finished already
    assert again.steps == whole.steps


def test_checkpoints_of_other_trainings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    train(path)
    with pytest.raises(FileFormatError, match="other arguments"):
        train(path, seed=1)
    with pytest.raises(InvalidValueError, match="checkpoint"):
        train_agent("maskable_ppo", make_envs, 32, 0, SMALL, evaluate=lambda _: {}, checkpoint=path)
    with pytest.raises(InvalidValueError, match="algorithm"):
        train_agent("dqn", make_envs, 32, 0, {}, checkpoint=path)


def test_a_network_without_mask_repairs_its_choices(tmp_path: Path) -> None:
    result = train_agent("maskable_ppo", make_envs, 64, 0, {**SMALL, "use_masking": False}, 2)
    result.policy.save(tmp_path / "agent.safetensors")
    policy = load_policy(tmp_path / "agent.safetensors")
    envs = make_envs(4)
    observations, infos = envs.reset(seed=0)
    policy.reset(4, 0)
    for _ in range(20):
        actions = policy.act(observations, infos["action_mask"], None)
        observations, _, _, _, infos = envs.step(actions)  # raises where one is masked
    envs.close()
    with pytest.raises(InvalidValueError, match="use_masking"):
        train_agent("maskable_ppo", make_envs, 32, 0, {"use_masking": False}, 2)


def test_columns_can_be_unseen() -> None:
    entry = load_hyperparameters("maskable_ppo", entry="no-real-time").values
    unseen = entry["policy_kwargs"]["unseen"]
    values = {**SMALL, "policy_kwargs": {**SMALL["policy_kwargs"], "unseen": unseen}}
    policy = train_agent("maskable_ppo", make_envs, 64, 0, values, 2).policy
    envs = make_envs(2)
    observations, infos = envs.reset(seed=0)
    layout = envs.unwrapped.observation_layout
    fields = {field.name: field for field in layout.fields}
    changed = observations.copy()
    present = observations[:, fields["tasks"].slice].reshape(2, *fields["tasks"].shape)[..., 0] > 0
    for name, columns in unseen.items():
        field = fields[name]
        block = changed[:, field.slice].reshape(2, *field.shape)
        for at, column in enumerate(field.columns):
            if column.name in columns:
                block[present, ..., at] = 0.3
        changed[:, field.slice] = block.reshape(2, -1)
    masks = infos["action_mask"]
    np.testing.assert_array_equal(policy.scores(observations, masks), policy.scores(changed, masks))
    envs.close()
    values["policy_kwargs"] = {**SMALL["policy_kwargs"], "unseen": {"pairs": ["colour"]}}
    with pytest.raises(UnknownNameError, match="column"):
        train_agent("maskable_ppo", make_envs, 32, 0, values, 2)


@pytest.mark.parametrize("entry", ["no-mask", "no-real-time", "wait"])
def test_ablations_are_settings(entry: str) -> None:
    check_hyperparameters("maskable_ppo", load_hyperparameters("maskable_ppo", entry=entry).values)
