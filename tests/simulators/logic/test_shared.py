"""Shared sessions: few processes, many users, the same results."""

import copy
import pickle
import threading

import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.recipes import RECIPES
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.shared import SharedSessions
from chipgym.simulators.logic.simulate import run_recipe
from chipgym.simulators.logic.worker import Limits

# Limits of their own keep these tests apart from other users.
LIMITS = Limits(command_s=43.5)


def make(abc, **kwargs):
    return SharedSessions(abc.path, LIMITS, **kwargs)


def test_users_share_sessions_until_the_last_one_leaves(abc, divider):
    first, second = make(abc), make(abc)
    with first.session() as session:
        state = session.load(divider)
        pids = session.pids
    with second.session() as session:
        assert session.pids == pids
        assert session.step(state, "balance").nodes <= state.nodes
    second.close()
    with first.session() as session:
        assert session.pids == pids
        kept = session
    first.close()
    assert kept.pids == ()
    with first.session() as session:
        assert session.load(divider) == state
    first.close()


def test_a_forgotten_user_leaves(abc, divider):
    user = make(abc)
    with user.session() as session:
        session.load(divider)
    del user
    assert session.pids == ()


def test_the_session_that_holds_the_state_is_preferred(abc, divider):
    user = make(abc, workers=2, cache=False)
    with user.session() as one, user.session() as other:
        state = one.step(one.load(divider), "balance")
        other.load(Circuit.named("alu-8").body)
    for _ in range(3):
        with user.session(state) as lent:
            assert lent is one
    user.close()


def test_no_more_sessions_than_processors_or_workers(abc):
    user = make(abc, workers=3, cache=False)
    lent, most = [], []
    lock = threading.Lock()

    def work():
        with user.session() as session:
            with lock:
                lent.append(session)
                most.append(len(lent))
            session.load(Circuit.named("crc16-16").body)
            with lock:
                lent.remove(session)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 12
    assert max(most) <= max(3, user._join().most)
    user.close()


def test_a_thread_does_not_wait_for_itself(abc, divider):
    user = make(abc, cache=False)
    user._join().most = 1
    with user.session() as one:
        state = one.load(divider)
        with user.session() as other:
            assert other is not one
            assert other.load(divider) == state
        assert other.pids == ()
        assert one.pids
    user.close()


def test_copies_are_users_of_their_own(abc, divider):
    user = make(abc)
    with user.session() as session:
        wanted = session.load(divider)
    for copied in (copy.deepcopy(user), pickle.loads(pickle.dumps(user))):
        with copied.session() as lent:
            assert lent.load(divider) == wanted
        copied.close()
        assert session.pids
    user.close()


def test_workers_are_checked():
    with pytest.raises(InvalidValueError, match="workers"):
        SharedSessions(workers=0)


def test_a_process_for_each_call_gives_the_same_results(abc, session, divider, monkeypatch):
    wanted = run_recipe(divider, RECIPES["resyn2"][:4], session)
    with AbcSession(abc.path, cache=None, mode="per-call") as slow:
        found = run_recipe(divider, RECIPES["resyn2"][:4], slow)
        assert found.states == wanted.states
        assert (found.nodes, found.levels) == (wanted.nodes, wanted.levels)
        for mapper, buffered in (("map", False), ("nf", False), ("nf", True)):
            mapped = [
                one.map(wanted.final, mapper=mapper, buffered=buffered) for one in (slow, session)
            ]
            assert mapped[0] == mapped[1]
        assert slow.luts(wanted.final) == session.luts(wanted.final)
        assert slow.pids == ()
        assert slow.build == session.build
    monkeypatch.setenv("CHIPGYM_ABC_MODE", "per-call")
    assert AbcSession(abc.path).mode == "per-call"
    with pytest.raises(InvalidValueError, match="per-call"):
        AbcSession(abc.path, mode="per-step")


def test_per_call_reports_time_limits_and_goes_on(abc, divider):
    from chipgym.simulators.logic.errors import AbcCommandError, AbcTimeoutError

    with AbcSession(abc.path, cache=None, mode="per-call") as slow:
        state = slow.load(Circuit.named("sbox-1").body)
        with pytest.raises(AbcTimeoutError):
            slow.run("rewrite; " * 300, {}, limit_s=0.0)
        with pytest.raises(AbcCommandError):
            slow.step(state, "resub -K 99")
        assert slow.load(divider).nodes == 707
