"""Two agents, one recipe: whose turn it is, and who gets what."""

import math

import pytest

from chipgym.envs import logic_synthesis_v0
from chipgym.simulators.core.errors import InvalidValueError

KWARGS = {"circuit": "priority-encoder-32", "steps": 4}
ACTIONS = [6, 2, 0, 3]


def play_turns(**kwargs):
    env = logic_synthesis_v0.env(**KWARGS, **kwargs)
    env.reset(seed=0)
    order, totals = [], {"area": 0.0, "delay": 0.0}
    actions = iter(ACTIONS)
    for agent in env.agent_iter():
        _, reward, terminated, _, info = env.last()
        totals[agent] += reward
        order.append(agent)
        env.step(None if terminated else next(actions))
    return order, totals, info["metrics"], env


def test_agents_take_turns_and_each_is_paid_for_its_own_quantity():
    order, totals, metrics, env = play_turns()
    assert order[:4] == ["area", "delay", "area", "delay"]
    start = env.unwrapped._recipe.env.instance.baselines.initial.mapping
    assert totals["area"] == pytest.approx(math.log(start.area / metrics["area"]))
    assert totals["delay"] == pytest.approx(math.log(start.delay_ps / metrics["delay_ps"]))


def test_a_shared_weight_adds_the_others_reward():
    _, alone, _, _ = play_turns()
    _, shared, _, _ = play_turns(shared_weight=0.5)
    assert shared["area"] == pytest.approx(alone["area"] + 0.5 * alone["delay"])
    assert shared["delay"] == pytest.approx(alone["delay"] + 0.5 * alone["area"])


def test_both_at_once_write_the_same_recipe():
    _, totals, metrics, _ = play_turns()
    env = logic_synthesis_v0.parallel_env(**KWARGS)
    env.reset(seed=0)
    _, first, *_ = env.step({"area": 6, "delay": 2})
    _, second, ended, _, infos = env.step({"area": 0, "delay": 3})
    assert all(ended.values())
    assert not env.agents
    assert infos["area"]["metrics"] == metrics
    assert infos["area"]["recipe"] == "balance; rewrite; refactor; rewrite -z"
    for agent, total in totals.items():
        assert first[agent] + second[agent] == pytest.approx(total)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"objective": "adp"}, "objective"),
        ({"stop_action": True}, "stop_action"),
        ({"shared_weight": -1.0}, "shared_weight"),
        ({"steps": 5}, "even"),
    ],
)
def test_mistakes_are_named(kwargs, words):
    with pytest.raises(InvalidValueError, match=words):
        logic_synthesis_v0.parallel_env(**{**KWARGS, **kwargs})


def test_both_actions_are_checked_before_the_first_is_carried_out():
    env = logic_synthesis_v0.parallel_env(**KWARGS)
    env.reset(seed=0)
    with pytest.raises(InvalidValueError):
        env.step({"area": 0, "delay": 7})
    with pytest.raises(InvalidValueError, match="one for each"):
        env.step({"area": 0})
    assert env._recipe.env.actions == []
