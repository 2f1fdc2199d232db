"""Every algorithm finds known optima, repeats with its seed, and keeps to what it was given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cooperative_games import Climbing, HiddenState, Knobs, Mixed, Relay

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.policy import Policy
from chipgym.agents.multi_agent.arguments import ALGORITHMS
from chipgym.agents.multi_agent.policy import MultiAgentPolicy, load_multi_agent_policy
from chipgym.agents.multi_agent.train import train_agents
from chipgym.simulators.core.errors import InvalidValueError, SimulationError, UnknownNameError

DESIGN = {name: load_hyperparameters(name, "chipgym/SomeDesign-v0").values for name in ALGORITHMS}
FEW = {"n_steps": 8, "batch_size": 16, "n_epochs": 1, "net_arch": [8]}


def play(policy: MultiAgentPolicy, env: Any, seed: int = 0) -> float:
    """Return of one episode, mean over the agents."""
    observations, infos = env.reset(seed=seed)
    total = 0.0
    while env.agents:
        actions = policy.choose(observations, infos, env.agents)
        observations, rewards, _, _, infos = env.step(actions)
        total += sum(rewards.values())
    return total / len(env.possible_agents)


@pytest.mark.parametrize(
    ("game", "seed", "steps"),
    [
        (Climbing, 0, 2500),
        (Climbing, 1, 2500),
        (Climbing, 2, 2500),
        (Knobs, 0, 3000),
        (Mixed, 0, 3000),
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_optima_of_one_step_games(algorithm: str, game: Any, seed: int, steps: int) -> None:
    result = train_agents(algorithm, game, steps, seed, DESIGN[algorithm])
    slack = 0.1 if game is Mixed else 0.0
    assert play(result.policy, game()) >= game.best - slack
    assert result.steps == result.evaluations >= steps


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_agents_leave_in_time_within_their_masks(algorithm: str) -> None:
    """Waiting for one's turn, leaving early, and being cut off; masked options raise."""
    values = DESIGN[algorithm] | {"n_steps": 32, "gamma": 0.95}
    result = train_agents(algorithm, Relay, 4000, 0, values)
    assert play(result.policy, Relay()) == pytest.approx(Relay.best)
    assert result.curve[-1]["steps"] == result.steps
    waited = [record["waited"] for record in result.curve if record["episodes"]]
    assert waited[-1] < waited[0]


def test_the_same_seed_gives_the_same_weights_and_curve() -> None:
    runs = [train_agents("mappo", Relay, 256, seed, FEW, 2) for seed in (1, 1, 2)]
    weights = [run.policy.weights() for run in runs]
    assert runs[0].curve == runs[1].curve
    for key, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][key])
    assert any((value != weights[2][key]).any() for key, value in weights[0].items())


def test_processes_agree(tmp_path: Path) -> None:
    here = train_agents("ippo", Mixed, 128, 3, FEW, 2).policy
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from cooperative_games import Mixed\n"
        "from chipgym.agents.multi_agent.train import train_agents\n"
        f"train_agents('ippo', Mixed, 128, 3, {FEW!r}, 2).policy.save(sys.argv[2])\n"
    )
    folder = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", program, folder, str(tmp_path)], check=True)
    there = load_multi_agent_policy(tmp_path)
    for key, value in here.weights().items():
        np.testing.assert_array_equal(value, there.weights()[key])


def test_curves_have_the_names_of_single_agents() -> None:
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    from chipgym.agents.sb3.train import train_agent
    from chipgym.experiments.parallel import JointEnv

    def envs(count: int) -> Any:
        return SyncVectorEnv([Single] * count, autoreset_mode=AutoresetMode.SAME_STEP)

    class Single(JointEnv):
        def __init__(self) -> None:
            super().__init__(Climbing())
            from gymnasium import spaces

            self.observation_space: Any = spaces.Box(0, 1, (1,), np.float32)

        def _seen(self, observations: Any) -> Any:
            return np.ones(1, dtype=np.float32)

        def _mask(self, observations: Any, infos: Any) -> None:
            return None

    def evaluate(policy: Any) -> dict[str, float]:
        return {"x": 1.0}

    settings = {"n_steps": 8, "batch_size": 16}
    one = train_agent("ppo", envs, 64, 0, settings, 2, evaluate=evaluate, record_every=32)
    many = train_agents("ippo", Climbing, 64, 0, FEW, 2, evaluate=evaluate, record_every=32)
    assert [sorted(record) for record in one.curve] == [sorted(record) for record in many.curve]
    assert [r["steps"] for r in one.curve] == [r["steps"] for r in many.curve]


def test_watching_does_not_disturb_the_training() -> None:
    def evaluate(policy: MultiAgentPolicy) -> dict[str, float]:
        return {"return": play(policy, Relay())}

    seen: list[float] = []

    def listener(record: dict[str, float]) -> None:
        seen.append(record["steps"])

    plain = train_agents("ippo", Relay, 256, 1, FEW, 2)
    watched = train_agents(
        "ippo", Relay, 256, 1, FEW, 2, listener, evaluate=evaluate, record_every=64
    )
    assert [record["steps"] for record in watched.curve] == seen
    assert all("evaluation/return" in record for record in watched.curve)
    for key, value in plain.policy.weights().items():
        np.testing.assert_array_equal(value, watched.policy.weights()[key])


def test_a_listener_can_stop_the_training() -> None:
    result = train_agents("ippo", Relay, 50_000, 1, FEW, 2, lambda record: record["steps"] < 600)
    assert result.steps < 3000


@pytest.mark.parametrize("game", [Climbing, Mixed])
def test_difference_rewards_keep_the_optimum(game: Any) -> None:
    """Each counterfactual is an evaluation too, and is counted."""
    values = DESIGN["ippo"] | {"difference_rewards": True}
    result = train_agents("ippo", game, 3000, 0, values)
    assert play(result.policy, game()) >= game.best - 0.1
    assert result.evaluations == result.steps * (1 + len(game.sizes))


def test_actors_can_be_shared_under_a_central_critic() -> None:
    values = DESIGN["mappo"] | {"share_actor": True}
    result = train_agents("mappo", Climbing, 3000, 0, values)
    assert result.policy.networks.shape.shared
    assert play(result.policy, Climbing()) == Climbing.best


def test_results_follow_the_policy_protocol() -> None:
    policy = train_agents("ippo", HiddenState, 16, 0, FEW, 2).policy
    assert isinstance(policy, Policy)
    batch = {name: np.ones((5, 1)) for name in HiddenState.sizes}
    assert policy.act(batch, None).shape == (5, 2)
    masks = np.array([[False, True, True, False]] * 5)
    assert policy.act(batch, masks).tolist() == [[1, 0]] * 5


def test_bad_settings_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mappo'"):
        train_agents("mapo", Climbing, 100, 0)
    with pytest.raises(UnknownNameError, match="'n_stepz' is not a hyperparameter of ippo"):
        train_agents("ippo", Climbing, 100, 0, {"n_stepz": 1})
    with pytest.raises(InvalidValueError, match="for mappo only"):
        train_agents("ippo", Climbing, 100, 0, {"share_actor": True})
    with pytest.raises(InvalidValueError, match="total_steps"):
        train_agents("ippo", Climbing, 0, 0)
    with pytest.raises(InvalidValueError, match="num_envs"):
        train_agents("ippo", Climbing, 10, 0, num_envs=0)


def test_a_diverged_training_is_said_to_be() -> None:
    class Boundless(Climbing):
        def _payoff(self, actions: dict[str, Any]) -> float:
            return 1e37 * super()._payoff(actions)

    with pytest.raises(SimulationError, match="the training diverged after"):
        train_agents("ippo", Boundless, 2000, 0, FEW | {"normalize_returns": False}, 2)
