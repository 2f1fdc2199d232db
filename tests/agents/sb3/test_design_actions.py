"""Several choices at once, and real numbers: the action spaces of design problems."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from hypothesis import given
from hypothesis import strategies as st

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.masks import repair_actions
from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.agents.sb3.policy import load_policy
from chipgym.agents.sb3.train import train_agent
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

OPTIONS = (4, 3, 5)
TARGETS = np.array([[3, 0, 2], [1, 2, 4]])
"""Best design of each workload."""


class KnobsEnv(gym.Env[Any, Any]):
    """One design an episode; the reward is the share of knobs that suit the workload."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(0.0, 1.0, (2,), np.float32)
        self.action_space: Any = spaces.MultiDiscrete(OPTIONS)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.workload = int(self.np_random.integers(2))
        return self._observation(), {}

    def _observation(self) -> Any:
        return np.eye(2, dtype=np.float32)[self.workload]

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = float((np.asarray(action) == TARGETS[self.workload]).mean())
        info = {"metrics": {"score": reward}, "evaluations": 1}
        return self._observation(), reward, True, False, info


class MaskedKnobsEnv(KnobsEnv):
    """The first option of each knob is not allowed, unless it is the best."""

    def action_masks(self) -> Any:
        mask = np.ones(sum(OPTIONS), dtype=bool)
        for knob, first in enumerate(np.cumsum([0, *OPTIONS[:-1]])):
            mask[first] = TARGETS[self.workload][knob] == 0
        return mask

    def step(self, action: Any) -> Any:
        firsts = np.cumsum([0, *OPTIONS[:-1]])
        if not self.action_masks()[firsts + np.asarray(action)].all():
            raise ValueError("masked action")
        return super().step(action)


class RealKnobsEnv(KnobsEnv):
    """The same knobs set by real numbers; masks of the choices are there, and mean nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(-2.0, 2.0, (len(OPTIONS),), np.float32)

    def action_masks(self) -> Any:
        return np.zeros(sum(OPTIONS), dtype=bool)

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        aim = (TARGETS[self.workload] / (np.array(OPTIONS) - 1) - 0.5) * 3.0
        distance = float(np.abs(action - aim).mean())
        info = {"metrics": {"score": -distance}, "evaluations": 1}
        return self._observation(), -distance, True, False, info


class LimitedWalk(gym.Env[Any, Any]):
    """A walk of five steps that a limit ends; observations say exactly where and when one is."""

    def __init__(self, real: bool) -> None:
        self.observation_space = spaces.Box(-100.0, 100.0, (3,), np.float32)
        self.action_space: Any = (
            spaces.Box(-1.0, 1.0, (1,), np.float32) if real else spaces.Discrete(3)
        )
        self.episode = -1

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode += 1
        self.place, self.time = 0.0, 0
        return self._observation(), {}

    def _observation(self) -> Any:
        return np.array([self.episode, self.time, self.place], dtype=np.float32)

    def step(self, action: Any) -> Any:
        self.place += float(np.ravel(action)[0])
        self.time += 1
        return self._observation(), self.place, False, self.time == 5, {}


class Reusing(VectorEnv[Any, Any, Any]):
    """A vector environment that returns the same array of observations at every step."""

    def __init__(self, envs: SyncVectorEnv) -> None:
        self.envs_inside = envs
        self.num_envs = envs.num_envs
        self.metadata = envs.metadata
        self.single_observation_space = envs.single_observation_space
        self.single_action_space = envs.single_action_space
        self.buffer = np.zeros((envs.num_envs, 3), dtype=np.float32)

    def reset(self, **kwargs: Any) -> Any:
        self.buffer[:], infos = self.envs_inside.reset(**kwargs)
        return self.buffer, infos

    def step(self, actions: Any) -> Any:
        self.buffer[:], *rest = self.envs_inside.step(actions)
        return self.buffer, *rest

    def close(self, **kwargs: Any) -> None:
        self.envs_inside.close()


def vector(env: Callable[[], Any]) -> Callable[[int], Any]:
    return lambda n: SyncVectorEnv([env] * n, autoreset_mode=AutoresetMode.SAME_STEP)


SETTINGS: dict[str, dict[str, Any]] = {
    name: load_hyperparameters(name, "chipgym/SomeDesign-v0").values
    for name in ("ppo", "a2c", "maskable_ppo", "sac", "dqn")
}


def score(policy: Any, env: Any, episodes: int = 40) -> float:
    policy.reset(1, 0)
    found = []
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        masks = env.action_masks()[None] if hasattr(env, "action_masks") else None
        action = policy.act(observation[None], masks, None)[0]
        found.append(env.step(action)[4]["metrics"]["score"])
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("algorithm", "env", "steps", "least"),
    [
        ("ppo", KnobsEnv, 4000, 0.95),
        ("a2c", KnobsEnv, 6000, 0.8),
        ("maskable_ppo", KnobsEnv, 4000, 0.95),
        ("maskable_ppo", MaskedKnobsEnv, 4000, 0.95),
        ("ppo", MaskedKnobsEnv, 4000, 0.95),
        ("ppo", RealKnobsEnv, 6000, -0.5),
        ("sac", RealKnobsEnv, 1500, -0.3),
    ],
)
def test_designs_are_learnt_saved_and_replayed(
    tmp_path: Path, algorithm: str, env: Any, steps: int, least: float
) -> None:
    result = train_agent(algorithm, vector(env), steps, 0, SETTINGS[algorithm])
    assert score(result.policy, env()) >= least
    assert result.evaluations >= steps
    assert "score" in result.curve[-1]
    result.policy.save(tmp_path)
    loaded = load_policy(tmp_path)
    assert loaded.network.action_space == result.policy.network.action_space
    observations = np.random.default_rng(0).random((5, 2), dtype=np.float32)
    np.testing.assert_array_equal(
        loaded.act(observations, None, None), result.policy.act(observations, None, None)
    )


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_real_actions_keep_to_their_bounds_and_repeat_with_the_seed(algorithm: str) -> None:
    policy = train_agent(algorithm, vector(RealKnobsEnv), 16, 0, SETTINGS[algorithm]).policy
    space = policy.network.action_space
    observations = np.full((3, 2), 50.0, dtype=np.float32)
    policy.deterministic = False
    drawn = []
    for seed in (1, 1, 2):
        policy.reset(3, seed)
        actions = policy.act(observations, np.zeros((3, 12), dtype=bool), None)
        assert actions.shape == (3, 3)
        assert all(space.contains(action) for action in actions)
        drawn.append(actions)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


def test_drawn_choices_repeat_with_the_seed_and_keep_to_the_masks() -> None:
    policy = train_agent("maskable_ppo", vector(MaskedKnobsEnv), 64, 0, SETTINGS["ppo"]).policy
    policy.deterministic = False
    masks = np.zeros((2, 12), dtype=bool)
    masks[:, [1, 2, 5, 7, 9]] = True
    draws = {}
    for seed in (3, 3, 4):
        policy.reset(2, seed)
        drawn = [policy.act(np.zeros((2, 2)), masks, None) for _ in range(30)]
        assert set(np.unique(np.stack(drawn)[..., 0])) == {1, 2}
        assert set(np.unique(np.stack(drawn)[..., 1])) == {1}
        assert set(np.unique(np.stack(drawn)[..., 2])) == {0, 2}
        assert draws.setdefault(seed, np.stack(drawn)).tolist() == np.stack(drawn).tolist()
    assert draws[3].tolist() != draws[4].tolist()


def test_algorithms_are_refused_where_they_cannot_act() -> None:
    with pytest.raises(InvalidValueError, match="for MultiDiscrete actions one of: maskable_ppo"):
        train_agent("dqn", vector(KnobsEnv), 10, 0, SETTINGS["dqn"])
    with pytest.raises(InvalidValueError, match="for Box actions one of: ppo, a2c, sac"):
        train_agent("maskable_ppo", vector(RealKnobsEnv), 10, 0, SETTINGS["maskable_ppo"])
    with pytest.raises(InvalidValueError, match="for MultiDiscrete actions"):
        train_agent("sac", vector(KnobsEnv), 10, 0, SETTINGS["sac"])


class Asking(gym.Wrapper[Any, Any, Any, Any]):
    """A wrapper that passes masks on, whether there are any or not."""

    def action_masks(self) -> Any:
        return self.env.get_wrapper_attr("action_masks")()


@pytest.mark.parametrize("env", [KnobsEnv, MaskedKnobsEnv])
def test_masks_are_used_where_there_are_any(env: Any) -> None:
    envs = VectorEnvAdapter(vector(lambda: Asking(env()))(2), repair=True)
    envs.reset()
    assert envs.has_masks == (env is MaskedKnobsEnv)
    envs.step(np.zeros((2, 3), dtype=np.int64))
    envs.close()


@pytest.mark.parametrize("reusing", [False, True])
@pytest.mark.parametrize(("algorithm", "real"), [("dqn", False), ("sac", True)])
def test_replay_buffers_hold_the_true_last_observations(
    algorithm: str, real: bool, reusing: bool
) -> None:
    """Where a limit ends an episode, the next observation is its last, not the next one's first."""
    from chipgym.agents.sb3.models import ALGORITHMS

    inside = vector(lambda: LimitedWalk(real))(2)
    envs = VectorEnvAdapter(Reusing(inside) if reusing else inside)
    model = ALGORITHMS[algorithm]("MlpPolicy", envs, learning_starts=1000, device="cpu", seed=0)
    model.learn(80)
    buffer = model.replay_buffer
    count = buffer.pos
    before, after = buffer.observations[:count], buffer.next_observations[:count]
    assert count == 40
    # Each transition stays in its episode, one step on, and moves by the action.
    np.testing.assert_array_equal(after[..., 0], before[..., 0])
    np.testing.assert_array_equal(after[..., 1], before[..., 1] + 1)
    moved = buffer.actions[:count, :, 0]
    np.testing.assert_allclose(after[..., 2], before[..., 2] + moved, atol=1e-5)
    ends = after[..., 1] == 5
    assert ends.sum() == 16
    np.testing.assert_array_equal(buffer.dones[:count] == 1, ends)
    np.testing.assert_array_equal(buffer.timeouts[:count] == 1, ends)


@given(st.data())
def test_repaired_choices_are_allowed(data: st.DataObject) -> None:
    options = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    rows = data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    masks = rng.random((rows, sum(options))) < 0.5
    firsts = np.cumsum([0, *options[:-1]])
    for first, count in zip(firsts, options, strict=True):
        masks[np.arange(rows), first + rng.integers(count, size=rows)] = True
    actions = rng.integers(options, size=(rows, len(options)))
    repaired = repair_actions(actions, masks, options)
    for row in range(rows):
        allowed = masks[row, firsts + actions[row]]
        assert masks[row, firsts + repaired[row]].all()
        np.testing.assert_array_equal(repaired[row][allowed], actions[row][allowed])


def test_damaged_bounds_are_noticed(tmp_path: Path) -> None:
    train_agent("sac", vector(RealKnobsEnv), 8, 0, SETTINGS["sac"]).policy.save(tmp_path)
    document = json.loads((tmp_path / "policy.json").read_text())
    for wrong in (3, [3, 3], "three"):
        document["num_actions"] = wrong
        (tmp_path / "policy.json").write_text(json.dumps(document))
        with pytest.raises(FileFormatError, match="does not describe the weights"):
            load_policy(tmp_path)
