"""Sessions for the tests; skipped where there is no ABC."""

import pytest

from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import find_abc
from chipgym.simulators.logic.session import AbcSession


@pytest.fixture(scope="session")
def abc():
    try:
        return find_abc()
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")


@pytest.fixture(scope="module")
def session(abc):
    with AbcSession(abc.path) as opened:
        yield opened


@pytest.fixture
def fresh(abc):
    """Return a session without a cache, so that every step reaches ABC."""
    with AbcSession(abc.path, cache=None) as opened:
        yield opened


@pytest.fixture(scope="session")
def divider():
    return Circuit.named("divider-8").body
