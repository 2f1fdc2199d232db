"""Policies for several choices at once: fixed settings, and uniform draws."""

from types import SimpleNamespace

import numpy as np
import pytest

from chipgym.agents.core.registry import make_policy
from chipgym.simulators.core.errors import InvalidValueError

SEEN = np.zeros((2, 3), dtype=np.float32)
SEVERAL = SimpleNamespace(action_sizes=(4, 2), default_action=(0, 1))
ONE = SimpleNamespace(action_sizes=(5,), default_action=(3,))


def test_fixed_settings_keep_the_view_s_default():
    policy = make_policy("default-settings")
    assert policy.act(SEEN, None, [SEVERAL, SEVERAL]).tolist() == [[0, 1], [0, 1]]
    assert policy.act(SEEN, None, [ONE, ONE]).tolist() == [3, 3]
    assert make_policy("default-settings", action=[2, 0]).act(
        SEEN[:1], None, [SEVERAL]
    ).tolist() == [[2, 0]]
    with pytest.raises(InvalidValueError, match="problem views"):
        policy.act(SEEN, None, None)


def test_random_draws_every_option_of_every_choice():
    policy = make_policy("random")
    policy.reset(2, 7)
    drawn = np.array([policy.act(SEEN, None, [SEVERAL, SEVERAL]) for _ in range(200)])
    assert drawn.shape == (200, 2, 2)
    assert set(drawn[..., 0].ravel().tolist()) == {0, 1, 2, 3}
    assert set(drawn[..., 1].ravel().tolist()) == {0, 1}
    policy.reset(1, 7)
    alone = np.array([policy.act(SEEN[:1], None, [SEVERAL]) for _ in range(200)])
    assert np.array_equal(alone[:, 0], drawn[:, 0])
    assert policy.act(SEEN[:1], None, [ONE]).shape == (1,)
