"""Environments share ABC processes, and leave none behind."""

import multiprocessing
import os
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv

from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv
from chipgym.envs.logic_synthesis.vector_env import LogicSynthesisVectorEnv
from chipgym.simulators.logic.errors import AbcCommandError

ID = "chipgym/LogicSynthesis-v0"
KWARGS = {"circuit": "priority-encoder-32", "steps": 4}
# A setting of their own gives these tests processes that no other user holds.
LIMIT_S = 41.5


def children():
    """Process ids of the ABCs that this process has started."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        if "abc" in command and int(rest.split()[1]) == os.getpid():
            pids.append(int(folder.name))
    return set(pids)


needs_proc = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc")


@needs_proc
def test_hundreds_of_environments_share_few_processes():
    before = children()
    envs = [LogicSynthesisEnv(**KWARGS, command_limit_s=LIMIT_S) for _ in range(200)]
    for env in envs:
        env.reset(seed=0)
        env.step(0)
    # One session in this one thread: steps and mapping.
    assert 1 <= len(children() - before) <= 3
    for env in envs[1:]:
        env.close()
    assert children() - before
    envs[0].step(1)
    envs[0].close()
    assert children() - before == set()
    envs[0].step(2)
    assert children() - before
    del envs, env
    assert children() - before == set()


@needs_proc
def test_vector_environment_ends_its_processes():
    before = children()
    envs = gym.make_vec(ID, num_envs=6, workers=3, command_limit_s=LIMIT_S, cache=False, **KWARGS)
    envs.reset(seed=0)
    envs.step(np.arange(6))
    assert children() - before
    envs.close()
    assert children() - before == set()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("cache", [True, False])
def test_any_number_of_workers_gives_the_same_bits(workers, cache):
    kwargs = {"scenario": "own-small", "steps": 3, "cache": cache}
    envs = LogicSynthesisVectorEnv(num_envs=5, workers=workers, **kwargs)
    singles = [LogicSynthesisEnv(**kwargs) for _ in range(5)]
    seen, _ = envs.reset(seed=3)
    for row, env in enumerate(singles):
        assert np.array_equal(env.reset(seed=3 + row)[0], seen[row])
    for actions in ([0, 1, 2, 3, 4], [6] * 5, [2, 2, 3, 3, 0]):
        seen, rewards, done, _, _ = envs.step(np.array(actions))
        for row, env in enumerate(singles):
            observation, reward, terminated, _, _ = env.step(actions[row])
            assert np.array_equal(observation, seen[row])
            assert (reward, terminated) == (rewards[row], done[row])
    envs.close()


def test_a_failing_row_leaves_all_rows_as_they_were():
    envs = LogicSynthesisVectorEnv(num_envs=3, action_set=["balance", "resub -K 99"], **KWARGS)
    envs.reset(seed=0)
    before = [row.get_state() for row in envs.rows]
    with pytest.raises(AbcCommandError):
        envs.step(np.array([0, 1, 0]))
    assert [row.get_state() for row in envs.rows] == before
    envs.step(np.array([0, 0, 0]))
    envs.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_safe_in_child_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    # The parent has processes running when it forks.
    parent = LogicSynthesisEnv(**KWARGS)
    parent.reset(seed=0)
    expected = [parent.step(action)[0] for action in (6, 2)]
    envs = AsyncVectorEnv([lambda: gym.make(f"chipgym:{ID}", **KWARGS)] * 2, context=method)
    try:
        envs.reset(seed=0)
        for action, wanted in zip((6, 2), expected, strict=True):
            seen = envs.step(np.array([action, action]))[0]
            assert np.array_equal(seen, np.stack([wanted, wanted]))
        assert parent.step(0)[0].shape == expected[0].shape
    finally:
        envs.close()
