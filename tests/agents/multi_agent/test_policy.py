"""Saved agents act as the trained ones did, and damaged files are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cooperative_games import Climbing, Mixed, Relay
from hypothesis import given
from hypothesis import strategies as st

from chipgym.agents.core.archive import read_arrays, write_arrays
from chipgym.agents.core.hyperparameters import FOLDER, load_hyperparameters
from chipgym.agents.multi_agent.arguments import ALGORITHMS, check_hyperparameters
from chipgym.agents.multi_agent.policy import load_multi_agent_policy
from chipgym.agents.multi_agent.spaces import AgentSpaces, JointSpaces, agent_mask
from chipgym.agents.multi_agent.train import train_agents
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

FEW = {"n_steps": 8, "batch_size": 16, "n_epochs": 1, "net_arch": [8]}


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("game", [Climbing, Mixed, Relay])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_saved_agents_act_exactly_as_before(
    tmp_path: Path, algorithm: str, game: Any, normalised: bool
) -> None:
    values = FEW | {"normalize_observations": normalised}
    policy = train_agents(algorithm, game, 64, 0, values, 2, name="mine").policy
    policy.description["scenario"] = "game"
    policy.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "policy.json",
        "weights.safetensors",
    ]
    loaded = load_multi_agent_policy(tmp_path)
    assert (loaded.name, loaded.algorithm, loaded.joint) == ("mine", algorithm, policy.joint)
    assert loaded.description == {"scenario": "game"}
    rng = np.random.default_rng(0)
    batch = {
        agent.name: rng.normal(size=(6, agent.observation_size)) for agent in policy.joint.agents
    }
    for deterministic in (True, False):
        policy.deterministic = loaded.deterministic = deterministic
        policy.reset(6, 3)
        loaded.reset(6, 3)
        np.testing.assert_array_equal(policy.act(batch, None), loaded.act(batch, None))


def test_batches_act_as_single_environments_do() -> None:
    policy = train_agents("mappo", Mixed, 64, 0, FEW, 2).policy
    rng = np.random.default_rng(0)
    batch = {a.name: rng.normal(size=(6, a.observation_size)) for a in policy.joint.agents}
    whole = policy.act(batch, None)
    for row in range(6):
        one = policy.act({name: part[row : row + 1] for name, part in batch.items()}, None)
        np.testing.assert_allclose(one[0], whole[row], rtol=1e-5)


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        train_agents("ippo", Mixed, 16, 0, FEW, 2).policy.save(tmp_path)
        return tmp_path

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileFormatError, match=r"policy\.json"):
            load_multi_agent_policy(tmp_path)

    def test_damaged_weights(self, folder: Path) -> None:
        content = (folder / "weights.safetensors").read_bytes()
        (folder / "weights.safetensors").write_bytes(content[: len(content) // 2])
        with pytest.raises(FileFormatError, match=r"weights\.safetensors"):
            load_multi_agent_policy(folder)

    def test_weights_of_other_agents(self, folder: Path) -> None:
        arrays = read_arrays(folder / "weights.safetensors")
        arrays["network/log_std"] = arrays["network/log_std"] + 1
        write_arrays(folder / "weights.safetensors", arrays)
        with pytest.raises(FileFormatError, match=r"is not what policy\.json names"):
            load_multi_agent_policy(folder)

    @pytest.mark.parametrize(
        ("place", "value"),
        [("shape", {"shared": False}), ("algorithm", "sac"), ("agents", []), ("shape", 3)],
    )
    def test_another_architecture(self, folder: Path, place: str, value: Any) -> None:
        document = json.loads((folder / "policy.json").read_text())
        document[place] = value
        (folder / "policy.json").write_text(json.dumps(document))
        with pytest.raises(FileFormatError, match="does not describe the weights"):
            load_multi_agent_policy(folder)

    def test_another_format(self, folder: Path) -> None:
        document = json.loads((folder / "policy.json").read_text())
        (folder / "policy.json").write_text(json.dumps(document | {"more": 1}))
        with pytest.raises(FileFormatError, match="must have exactly the keys"):
            load_multi_agent_policy(folder)
        (folder / "policy.json").write_text(json.dumps(document | {"format": "x"}))
        with pytest.raises(FileFormatError, match="is not a policy of format"):
            load_multi_agent_policy(folder)


class TestSpaces:
    def test_padding(self) -> None:
        joint = JointSpaces.of(Mixed())
        assert joint.names == ("chooser", "twice", "real")
        assert (joint.observation_size, joint.choices, joint.options, joint.reals) == (4, 2, 4, 2)
        assert joint.padding.sum(axis=2).tolist() == [[4, 1], [2, 3], [1, 1]]
        assert joint.has_real.tolist() == [[False, False], [False, False], [True, True]]

    @given(st.integers(0, 2**32 - 1))
    def test_every_flat_action_is_in_the_space(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        env = Mixed()
        joint = JointSpaces.of(env)
        options = joint.padding.sum(axis=2)
        choices = rng.integers(options, size=(4, *options.shape))
        reals = rng.normal(size=(4, 3, 2)).astype(np.float32) * 3
        for row in joint.flat_actions(choices, reals):
            assert joint.joint_action_space().contains(row)
            actions = joint.by_agent(row, env.possible_agents)
            assert all(env.action_space(a).contains(part) for a, part in actions.items())
            assert set(joint.by_agent(row, ["twice"])) == {"twice"}

    def test_masks_are_placed_by_choice(self) -> None:
        joint = JointSpaces.of(Mixed())
        placed = joint.place_mask(1, np.array([False, True, True, False, False]))
        assert placed.tolist() == [[False, True, False, False], [True, False, False, False]]
        with pytest.raises(InvalidValueError, match="action_mask of twice"):
            joint.place_mask(1, np.ones(3, dtype=bool))
        parts = (np.array([1, 0]), np.array([1, 0, 1]))
        assert agent_mask({}, {"action_mask": parts}).tolist() == [1, 0, 1, 0, 1]  # type: ignore[union-attr]

    def test_unknown_spaces_are_refused(self) -> None:
        from gymnasium import spaces

        box = spaces.Box(0, 1, (1,))
        with pytest.raises(InvalidValueError, match="observation_space"):
            AgentSpaces.of("a", spaces.Discrete(3), spaces.Discrete(2))
        with pytest.raises(InvalidValueError, match="action_space"):
            AgentSpaces.of("a", box, spaces.MultiBinary(3))


class TestHyperparameters:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_the_shipped_ones_pass(self, algorithm: str) -> None:
        document = yaml.safe_load((FOLDER / f"{algorithm}.yaml").read_text())
        for environment, entries in document.items():
            for name in entries:
                if environment == "named":
                    found = load_hyperparameters(algorithm, entry=name)
                else:
                    found = load_hyperparameters(algorithm, environment, name)
                check_hyperparameters(algorithm, found.values)

    def test_the_papers_settings_are_kept_by_name(self) -> None:
        found = load_hyperparameters("ippo", entry="marl-paper")
        assert (found.values["learning_rate"], found.values["ent_coef"]) == (1e-5, 0.1)
        assert "100,000" in found.provenance.budget
        assert found.key == "named/marl-paper"
        with pytest.raises(UnknownNameError, match="did you mean 'marl-paper'"):
            load_hyperparameters("ippo", entry="marl-papr")
