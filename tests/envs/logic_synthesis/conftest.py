"""A shared session that stays open while the tests run; skipped where there is no ABC."""

import pytest

from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import find_abc
from chipgym.simulators.logic.shared import SharedSessions


@pytest.fixture(scope="session", autouse=True)
def sessions():
    try:
        find_abc()
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")
    shared = SharedSessions()
    assert shared.executable
    yield shared
    shared.close()
