"""Text and picture of an episode."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

ID = "chipgym/SocScheduling-v0"


def played(render_mode: str, steps: int = 60):
    env = gym.make(ID, scenario="six-app-mid", split="test", render_mode=render_mode)
    env.reset(seed=0, options={"instance": 0})
    for _ in range(steps):
        env.step(int(np.flatnonzero(env.unwrapped.action_masks())[0]))
    return env


def test_text_has_a_lane_for_each_pe_and_names_the_ready_tasks():
    env = played("ansi")
    lines = env.render().splitlines()
    names = env.unwrapped.instance.platform.pe_names
    assert [line.split("|")[0].strip() for line in lines[1 : 1 + len(names)]] == list(names)
    assert "six-app-mid · test-0" in lines[0]
    problem = env.unwrapped.problem
    task = env.unwrapped.instance.applications[problem.ready_app[0]].tasks[problem.ready_task[0]]
    assert f"{task.name} of job {problem.ready_job[0]}" in lines[-1]


def test_picture_shows_executed_tasks_in_colour():
    picture = played("rgb_array").render()
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    # Bars are saturated colours on white.
    assert (picture.max(axis=2).astype(int) - picture.min(axis=2) > 100).mean() > 0.005


def test_rendering_without_a_mode_warns():
    env = gym.make(ID, scenario="toy").unwrapped
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None
