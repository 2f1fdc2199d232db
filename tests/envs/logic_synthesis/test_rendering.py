"""Pictures of recipes show what happened."""

import numpy as np
import pytest

from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv


def test_text_names_commands_and_their_effects():
    env = LogicSynthesisEnv(circuit="alu-8", objective="log-adp", render_mode="ansi")
    env.reset(seed=0)
    for action in (6, 2):
        env.step(action)
    lines = env.render().splitlines()
    assert lines[0] == "alu-8 · log-adp · step 2 of 10"
    assert [line.split()[0] for line in lines[2:]] == ["(start)", "balance", "rewrite", "(resyn2)"]
    nodes = [int(line.split()[1]) for line in lines[2:]]
    assert nodes[:3] == [mark.nodes for mark in env.episode.marks]
    assert nodes[3] == env.instance.baselines.resyn2.nodes


def test_curves_change_with_the_recipe():
    pytest.importorskip("matplotlib")
    env = LogicSynthesisEnv(circuit="alu-8", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(6)
    after = env.render()
    assert before.shape == after.shape
    assert not np.array_equal(before, after)
