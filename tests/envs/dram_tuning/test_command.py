"""Per-command scheduling: the environment, its baselines, and the policies on its problem view."""

import gymnasium as gym
import numpy as np
import pytest

import chipgym  # noqa: F401  # registers the ids
from chipgym.agents.core.registry import make_policy
from chipgym.envs.dram_tuning.command_presets import SCENARIOS
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.dram.command_engine import simulate_commands
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.trace import Trace

ID = "chipgym/DramCommand-v0"


def make(**kwargs):
    return gym.make(ID, **{"split": "test", **kwargs}).unwrapped


def play(env, policy, instance=0):
    policy.reset(1, 0)
    observation, info = env.reset(options={"instance": instance})
    total, ended = 0.0, False
    while not ended:
        problem = [env.problem]
        action = policy.act(observation[None], info["action_mask"][None], problem)[0]
        observation, reward, terminated, truncated, info = env.step(action)
        total += reward
        ended = terminated or truncated
    return total, info["metrics"]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", ["FR_FCFS", "FCFS"])
@pytest.mark.parametrize("closed", [False, True])
def test_policies_through_the_environment_equal_the_kernel_s(scenario, name, closed):
    env = make(scenario=scenario, num_requests=None if scenario == "toy" else 120)
    total, metrics = play(env, make_policy(name, closed=closed), instance=1)
    workload, entries = env.instance.workload, env.scenario.entries
    kernel = f"{name}_CLOSED" if closed else name
    result = simulate_commands(workload, kernel, entries=entries, record_trace=True)
    assert metrics["total_time_ns"] == result.total_time_ns
    assert metrics["energy_pj"] == result.energy_pj
    assert metrics["mean_latency_ns"] == pytest.approx(result.mean_latency_ns)
    assert {k: v for k, v in metrics.items() if k.endswith("_count")} == {
        f"{k}_count": v for k, v in result.counts.items()
    }
    run = env.instance.start(record=True)
    for action in env.actions:
        run.step(action)
    ours = run.result().trace
    assert all(
        np.array_equal(a, b) for a, b in zip(_columns(ours), _columns(result.trace), strict=True)
    )
    assert violations(workload.memory.device, ours) == []
    if kernel == "FR_FCFS":
        assert total == pytest.approx(-1)
        assert metrics["cost_vs_fr_fcfs"] == pytest.approx(1)


def _columns(trace):
    return trace.columns().values()


def test_the_toy_has_its_known_optimum():
    env = make(scenario="toy")
    _, hits_first = play(env, make_policy("FR_FCFS"))
    _, in_order = play(env, make_policy("FCFS"))
    assert (hits_first["ACT_count"], in_order["ACT_count"]) == (2, 6)
    # ACT 10, three RD 4 apart, PRE no earlier than tRAS 28 after ACT, ACT 10 later, RD 10 later,
    # two more RD, RL 10 and the burst 4.
    assert hits_first["total_time_ns"] == (28 + 10 + 10 + 4 + 4 + 10 + 4) * 1.25


def test_random_legal_play_is_worse_than_hits_first():
    env = make(scenario="phases")
    total, metrics = play(env, make_policy("random"))
    assert total == pytest.approx(-metrics["latency_vs_fr_fcfs"])
    assert metrics["latency_vs_fr_fcfs"] > 1.5
    assert metrics["served_requests"] == env.scenario.num_requests


def test_an_agent_can_beat_hits_first():
    """A one-step change of mind somewhere in FR-FCFS's schedule improves on it."""
    env = make(scenario="read-write", num_requests=24, objective="latency")
    policy = make_policy("FR_FCFS")
    env.reset(options={"instance": 0})
    best, done = 1.0, False
    while not done:
        state, plain = env.get_state(), policy.choose(env.problem)
        for action in np.flatnonzero(env.action_masks()):
            env.set_state(state)
            _, _, ended, _, info = env.step(action)
            while not ended:
                _, _, ended, _, info = env.step(policy.choose(env.problem))
            best = min(best, info["metrics"]["latency_vs_fr_fcfs"])
        env.set_state(state)
        _, _, done, _, _ = env.step(plain)
    assert best < 1


def test_the_paper_s_reward_counts_column_commands():
    env = make(scenario="phases", objective="ipek", num_requests=30)
    env.reset(options={"instance": 0})
    policy, rewards, done = make_policy("FR_FCFS"), [], False
    while not done:
        problem = env.problem
        action = policy.choose(problem)
        column = action < 16 and problem.is_column[action]
        _, reward, done, _, _ = env.step(action)
        assert reward == (pytest.approx(1 / 30) if column else 0)
        rewards.append(reward)
    assert sum(rewards) == pytest.approx(1)


def test_endless_play_is_cut_off():
    """Opening and closing rows for ever serves nothing."""
    env = make(scenario="conflicts", num_requests=64)
    env.reset(options={"instance": 0})
    ended = False
    while not ended:
        problem = env.problem
        rows = np.flatnonzero(problem.legal & ~problem.is_column)
        column = np.flatnonzero(problem.legal)
        if len(rows):
            action = problem.encode(int(rows[-1]))
        elif problem.wait_allowed:
            action = problem.wait_action
        else:
            action = problem.encode(int(column[0]))
        _, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
    metrics = info["metrics"]
    assert metrics["served_requests"] <= 64
    assert truncated == (metrics["served_requests"] < 64)


def test_observations_describe_the_actions():
    env = make(scenario="read-write")
    observation, info = env.reset(options={"instance": 2})
    rng = np.random.default_rng(0)
    for _ in range(200):
        entries = env.observation_layout.split(observation)["entries"]
        problem, count = env.problem, len(env.problem.command)
        legal = env.observation_layout["entries"].column("legal")
        assert np.array_equal(entries[:, legal] > 0, info["action_mask"][:16])
        hit = env.observation_layout["entries"].column("hit")
        assert np.array_equal(entries[:count, hit] > 0, problem.is_column)
        assert (entries[count:] == 0).all()
        action = rng.choice(np.flatnonzero(info["action_mask"]))
        observation, _, done, _, info = env.step(action)
        if done:
            break


def test_arguments_and_traces():
    with pytest.raises(UnknownNameError, match="did you mean 'phases'"):
        make(scenario="phasse")
    with pytest.raises(InvalidValueError, match="entries"):
        make(entries=0)
    env = make(entries=4, num_requests=10)
    assert env.action_space.n == 9
    trace = Trace(np.arange(6), np.arange(6) * 64, np.zeros(6), name="mine")
    _, info = env.reset(options={"workload": trace})
    assert info["instance"] == "workload-mine"
    with pytest.raises(InvalidValueError, match=r"action = 0\.5 .* an integer"):
        env.step(0.5)
    longer = Trace(np.arange(11), np.arange(11) * 64, np.zeros(11))
    with pytest.raises(InvalidValueError, match="at most num_requests = 10"):
        env.reset(options={"workload": longer})
    with pytest.raises(InvalidValueError, match="problem views"):
        make_policy("FR_FCFS").act(np.zeros((1, 1)), None, None)
