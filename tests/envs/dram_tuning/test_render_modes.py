"""Modes of rendering that do not exist."""

import pytest

from chipgym.envs.dram_tuning.env import DramDesignEnv
from chipgym.simulators.core.errors import UnknownNameError


def test_unknown_render_modes_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ansi'"):
        DramDesignEnv(render_mode="ansii")
