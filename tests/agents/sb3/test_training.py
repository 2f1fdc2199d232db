"""Training, saving and exact replay on a small scheduling environment."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chipgym.agents.core.archive import read_arrays, write_arrays
from chipgym.agents.core.policy import Policy
from chipgym.agents.core.random_policy import RandomPolicy
from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.agents.sb3.policy import SavedPolicy, load_policy
from chipgym.agents.sb3.selection import mean_return
from chipgym.agents.sb3.train import SELECTION, train_agent
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

PAIR = {
    "policy": "pair",
    "policy_kwargs": {"hidden": 16},
    "n_steps": 64,
    "batch_size": 128,
    "n_epochs": 4,
    "learning_rate": {"start": 3e-3, "end": 1e-3},
}
MLP = {"policy": "mlp", "policy_kwargs": {"net_arch": [16], "activation": "relu"}, "n_steps": 16}
PPO = MLP | {"batch_size": 4096}  # cut to the rollout
DQN = {"policy": "mlp", "policy_kwargs": {"net_arch": [16]}, "learning_starts": 50}


def play(env: Any, policy: Any, episodes: int, seed: int = 5) -> tuple[float, list[int]]:
    """Mean cost of some episodes, and all actions."""
    policy.reset(1, 0)
    costs, actions = [], []
    observation, _ = env.reset(seed=seed)
    while len(costs) < episodes:
        masks = env.action_masks()[None]
        actions.append(int(policy.act(observation[None], masks, None)[0]))
        observation, _, done, cut, info = env.step(actions[-1])
        if done or cut:
            costs.append(info["metrics"]["total_cost"])
            observation, _ = env.reset()
    return float(np.mean(costs)), actions


def test_maskable_ppo_learns_to_schedule(make_env: Any, make_envs: Any) -> None:
    result = train_agent("maskable_ppo", make_envs, 12_000, 0, PAIR, num_envs=8)
    learnt, _ = play(make_env(), result.policy, 30)
    by_chance, _ = play(make_env(), RandomPolicy(), 30)
    assert learnt < 0.75 * by_chance
    first, last = result.curve[0], result.curve[-1]
    assert last["steps"] == result.steps >= 12_000
    assert last["mean_return"] > first["mean_return"]
    episodes = sum(record["episodes"] for record in result.curve)
    assert result.evaluations == episodes == last["evaluations"] > 400
    assert last["total_cost"] == pytest.approx(-20 * last["mean_return"], rel=1e-4)


@pytest.mark.parametrize(
    ("algorithm", "values"),
    [("maskable_ppo", PAIR), ("maskable_ppo", PPO), ("ppo", PPO), ("a2c", MLP), ("dqn", DQN)],
)
def test_saved_agents_replay_exactly(
    tmp_path: Path, make_env: Any, make_envs: Any, algorithm: str, values: dict[str, Any]
) -> None:
    result = train_agent(algorithm, make_envs, 600, 3, values, num_envs=2, name="mine")
    assert isinstance(result.policy, Policy)
    result.policy.description["scenario"] = "queue"
    result.policy.save(tmp_path / "agent")
    loaded = load_policy(tmp_path / "agent")
    assert (loaded.name, loaded.algorithm) == ("mine", algorithm)
    assert loaded.description == {"scenario": "queue"}
    before, after = result.policy.weights(), loaded.weights()
    assert before.keys() == after.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(value, after[key])
    assert play(make_env(), loaded, 4) == play(make_env(), result.policy, 4)


def test_the_same_seed_gives_the_same_weights_and_curve(make_envs: Any) -> None:
    runs = [train_agent("maskable_ppo", make_envs, 1500, seed, PAIR, 2) for seed in (1, 1, 2)]
    weights = [run.policy.weights() for run in runs]
    assert runs[0].curve == runs[1].curve
    for key, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][key])
    assert any((value != weights[2][key]).any() for key, value in weights[0].items())


def test_evaluation_joins_the_curve_and_does_not_disturb_the_training(make_envs: Any) -> None:
    seen: list[float] = []

    def evaluate(policy: SavedPolicy) -> dict[str, float]:
        policy.act(np.zeros((1, 22), dtype=np.float32), None, None)
        import torch

        torch.rand(3)
        return {"latency_us": 7.0}

    def listener(record: dict[str, float]) -> None:
        seen.append(record["steps"])

    plain = train_agent("maskable_ppo", make_envs, 1500, 1, PAIR, 2)
    watched = train_agent(
        "maskable_ppo", make_envs, 1500, 1, PAIR, 2, listener, evaluate=evaluate, record_every=500
    )
    assert [record["steps"] for record in watched.curve] == seen
    assert all(record["evaluation/latency_us"] == 7.0 for record in watched.curve)
    for key, value in plain.policy.weights().items():
        np.testing.assert_array_equal(value, watched.policy.weights()[key])


def test_the_best_snapshot_is_kept(make_envs: Any) -> None:
    """A learning rate that destroys the start: what is kept is no worse on the same episodes."""
    start = PAIR | {
        "policy_kwargs": {"hidden": 16, "eft_prior": 30.0, "other_logit": None},
        "learning_rate": 0.3,
    }
    best = train_agent("maskable_ppo", make_envs, 3000, 1, start | {"keep_best": 8}, 4)
    last = train_agent("maskable_ppo", make_envs, 3000, 1, start, 4)
    untrained = train_agent("maskable_ppo", make_envs, 1, 1, start | {"learning_rate": 0.0}, 4)

    def judge(result: Any) -> float:
        return mean_return(result.policy, VectorEnvAdapter(make_envs(8)), 1 + SELECTION)

    assert judge(best) >= judge(untrained)
    assert judge(best) >= judge(last)
    assert best.evaluations > last.evaluations


def test_other_actions_only_in_need(make_env: Any, make_envs: Any) -> None:
    """Without a logit of its own, waiting is chosen only where nothing else is valid."""
    settings = PAIR | {"policy_kwargs": {"hidden": 16, "other_logit": None}}
    policy = train_agent("maskable_ppo", make_envs, 300, 1, settings, 2).policy
    _, actions = play(make_env(), policy, 3)
    assert 6 not in actions
    observation, _ = make_env().reset(seed=0)
    only_waiting = np.eye(7, dtype=bool)[6:]
    assert policy.act(observation[None], only_waiting, None).tolist() == [6]


def test_a_listener_can_stop_the_training(make_envs: Any) -> None:
    result = train_agent(
        "maskable_ppo", make_envs, 50_000, 1, PAIR, 2, lambda record: record["steps"] < 600
    )
    assert result.steps < 5000


def test_stochastic_policies_repeat_with_their_seed(make_env: Any, make_envs: Any) -> None:
    trained = train_agent("maskable_ppo", make_envs, 200, 1, PAIR, 2).policy
    trained.deterministic = False
    observation, _ = make_env().reset(seed=0)
    batch = np.repeat(observation[None], 2, axis=0)
    masks = np.ones((2, 7), dtype=bool)

    def draw(seed: int) -> list[list[int]]:
        trained.reset(2, seed)
        return [trained.act(batch, masks, None).tolist() for _ in range(30)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert len(np.unique(draw(3))) > 3


def test_bad_settings_are_named(make_envs: Any) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'maskable_ppo'"):
        train_agent("maskable-ppo", make_envs, 100, 0)
    with pytest.raises(UnknownNameError, match="policy of ppo"):
        train_agent("ppo", make_envs, 100, 0, PAIR, 2)
    with pytest.raises(InvalidValueError, match="learning_speed"):
        train_agent("ppo", make_envs, 100, 0, {"learning_speed": 1}, 2)
    with pytest.raises(InvalidValueError, match="learning_rate = 'fast'"):
        train_agent("ppo", make_envs, 100, 0, {"learning_rate": "fast"}, 2)
    with pytest.raises(InvalidValueError, match="total_steps"):
        train_agent("ppo", make_envs, 0, 0, MLP, 2)


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path, make_envs: Any) -> Path:
        train_agent("maskable_ppo", make_envs, 64, 0, PAIR, 2).policy.save(tmp_path)
        return tmp_path

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileFormatError, match=r"policy\.json"):
            load_policy(tmp_path)

    def test_damaged_weights(self, folder: Path) -> None:
        content = (folder / "weights.safetensors").read_bytes()
        (folder / "weights.safetensors").write_bytes(content[: len(content) // 2])
        with pytest.raises(FileFormatError, match=r"weights\.safetensors"):
            load_policy(folder)

    def test_weights_of_another_agent(self, folder: Path) -> None:
        arrays = read_arrays(folder / "weights.safetensors")
        arrays["network/network.prior"] = arrays["network/network.prior"] + 1
        write_arrays(folder / "weights.safetensors", arrays)
        with pytest.raises(FileFormatError, match=r"is not what policy\.json names"):
            load_policy(folder)

    def test_another_architecture(self, folder: Path) -> None:
        document = json.loads((folder / "policy.json").read_text())
        document["settings"]["hidden"] = 8
        (folder / "policy.json").write_text(json.dumps(document))
        with pytest.raises(FileFormatError, match="does not describe the weights"):
            load_policy(folder)

    def test_pickles_are_not_loaded(self, folder: Path) -> None:
        with (folder / "weights.safetensors").open("wb") as file:
            np.savez(file, trap=np.array([_Trap()], dtype=object))
        with pytest.raises(FileFormatError, match=r"weights\.safetensors"):
            load_policy(folder)
        assert not _Trap.sprung


class _Trap:
    sprung = False

    def __reduce__(self) -> Any:
        return _spring, ()


def _spring() -> None:
    _Trap.sprung = True


def test_the_trap_works() -> None:
    pickle.loads(pickle.dumps(_Trap()))
    assert _Trap.sprung
    _Trap.sprung = False
