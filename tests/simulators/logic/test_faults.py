"""Faults: ABC killed or stopped from outside, forks, processes and files left behind."""

import contextlib
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.errors import AbcCrashedError, AbcTimeoutError
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe
from chipgym.simulators.logic.worker import Limits
from chipgym.simulators.logic.workspace import create_workspace, delete_workspace


@pytest.fixture(scope="module")
def slow_circuit():
    return Circuit.named("sbox-1").body


@pytest.fixture(scope="module")
def expected(abc, slow_circuit):
    with AbcSession(abc.path) as session:
        run = run_recipe(slow_circuit, "resyn2", session)
        return run.states, session.map(run.final), session.map(run.final, mapper="map")


def is_gone(pid):
    """Whether a process has ended and has been reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_killed_between_steps(fresh, slow_circuit, expected):
    states, nf, mapped = expected
    state = fresh.load(slow_circuit)
    for wanted, command in zip(
        states[1:], run_recipe(slow_circuit, "resyn2", fresh).commands, strict=True
    ):
        os.kill(fresh.pids[0], signal.SIGKILL)
        state = fresh.step(state, command)
        assert state == wanted
        assert (state.nodes, state.levels) == (wanted.nodes, wanted.levels)
    for mapper, wanted in (("nf", nf), ("map", mapped)) * 2:
        for pid in fresh.pids:
            os.kill(pid, signal.SIGKILL)
        assert fresh.map(state, mapper=mapper) == wanted
    assert fresh.restarts >= 10


def test_killed_during_steps(fresh, slow_circuit, expected):
    stop = threading.Event()
    kills = []

    def murder():
        pause = 0.1
        while not stop.wait(pause):
            # On a busy machine a step may take longer than any fixed pause, and never end.
            pause *= 1.1
            for pid in fresh.pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    kills.append(pid)

    thread = threading.Thread(target=murder)
    thread.start()
    try:
        for _ in range(3):
            state = fresh.load(slow_circuit)
            for wanted, command in zip(expected[0][1:], run_commands(), strict=True):
                # Three times in one step is a crash as far as the session can know.
                while True:
                    try:
                        after = fresh.step(state, command)
                        break
                    except AbcCrashedError:
                        continue
                state = after
                assert state == wanted
    finally:
        stop.set()
        thread.join()
    assert kills


def run_commands():
    from chipgym.simulators.logic.recipes import RECIPES

    return RECIPES["resyn2"]


def test_a_command_that_never_ends(abc, slow_circuit, expected):
    with AbcSession(abc.path, limits=Limits(command_s=0.4), cache=None) as session:
        state = session.load(slow_circuit)
        for _ in range(2):
            pid = session.pids[0]
            os.kill(pid, signal.SIGSTOP)
            start = time.monotonic()
            with pytest.raises(AbcTimeoutError, match=r"within 0\.4 s"):
                session.step(state, "balance")
            assert time.monotonic() - start < 3
            assert is_gone(pid)
            assert session.step(state, "balance") == expected[0][1]


def test_a_crash_is_reported_once_it_repeats(tmp_path, abc, divider):
    # An ABC that dies at every `resub`.
    wrapper = tmp_path / "abc"
    wrapper.write_text(f"#!/bin/sh\nsed -u '/resub/q' | {abc.path} -s\n")
    wrapper.chmod(0o755)
    with AbcSession(wrapper, cache=None) as session:
        state = session.load(divider)
        with pytest.raises(AbcCrashedError, match="resub"):
            session.step(state, "resub")
        assert session.step(state, "balance").nodes > 0


INTERRUPTED = """
import hashlib, signal, sys, threading
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.session import AbcSession

main = threading.main_thread().ident
caught = threading.Event()

def interrupt(delay_s=0.05):
    # More than once: on a busy machine a single one was not always noticed.
    while not caught.wait(delay_s):
        signal.pthread_kill(main, signal.SIGINT)
        delay_s = 2.0

with AbcSession(sys.argv[1], cache=None) as session:
    state = session.load(Circuit.named("sbox-1").body)
    session.step(state, "balance")
    threading.Thread(target=interrupt).start()
    try:
        while True:
            session.step(state, "refactor -z")
    except KeyboardInterrupt:
        caught.set()
    print(hashlib.sha256(session.step(state, "balance").body).hexdigest())
"""


def test_an_interrupted_request_does_not_shift_answers(abc, expected):
    # In a program of its own: an interrupt that comes late must not end the test run.
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(abc.path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert result.stdout.strip() == hashlib.sha256(expected[0][1].body).hexdigest()


def test_memory_limit_is_an_error_not_a_hang(abc, slow_circuit, divider):
    if not sys.platform.startswith("linux"):
        pytest.skip("limits of other processes can be set on Linux only")
    with AbcSession(abc.path, limits=Limits(memory_mb=120), cache=None) as session:
        assert session.step(session.load(divider), "balance").nodes > 0


def test_no_process_and_no_file_is_left(abc, divider):
    session = AbcSession(abc.path, cache=None)
    state = session.load(divider)
    session.map(state)
    session.map(state, mapper="map")
    pids = session.pids
    folders = [worker.folder for worker in (session._steps, session._others, session._mapper)]
    assert len(pids) == 3
    assert all(folder.is_dir() for folder in folders)
    session.close()
    assert all(is_gone(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)


def test_dropped_sessions_clean_up(abc, divider):
    session = AbcSession(abc.path, cache=None)
    session.load(divider)
    pid, folder = session.pids[0], session._steps.folder
    del session
    assert is_gone(pid)
    assert not folder.exists()


CHILD = """
import sys
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.session import AbcSession
session = AbcSession(sys.argv[1])
session.load(Circuit.named("adder-16").body)
print(session.pids[0], session._steps.folder, flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
"""


def start_child(abc, mode):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(abc.path), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pid, folder = child.stdout.readline().split()
    return child, int(pid), Path(folder)


def wait_until(condition, limit_s=5.0):
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def has_ended(pid):
    """Whether a process that is not ours has ended (its parent here may never reap it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] in "ZX"
    except OSError:
        return is_gone(pid)


def test_a_program_that_just_ends_cleans_up(abc):
    child, pid, folder = start_child(abc, "end")
    child.communicate()
    assert child.returncode == 0
    assert wait_until(lambda: has_ended(pid))
    assert not folder.exists()


def test_after_a_killed_program_abc_ends_and_the_next_one_sweeps(abc):
    child, pid, folder = start_child(abc, "wait")
    child.kill()
    child.communicate()
    assert wait_until(lambda: has_ended(pid))
    assert folder.exists()
    other, _, _ = start_child(abc, "end")
    other.communicate()
    assert not folder.exists()


def test_an_abc_that_outlives_a_killed_program_is_ended_by_the_next_one(abc):
    if not Path("/proc/self/cwd").exists():
        pytest.skip("whose working directory is whose can be seen on Linux only")
    child, pid, folder = start_child(abc, "wait")
    # As in a command that never ends: it does not see that its pipe is closed.
    os.kill(pid, signal.SIGSTOP)
    child.kill()
    child.communicate()
    assert not has_ended(pid)
    other, _, _ = start_child(abc, "end")
    other.communicate()
    assert wait_until(lambda: has_ended(pid))
    assert not folder.exists()


def work(session, body, queue):
    run = run_recipe(body, "resyn2", session)
    queue.put((run.final.digest, session.pids, str(session._steps.folder)))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_sessions_in_worker_processes(abc, divider, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this platform")
    context = multiprocessing.get_context(method)
    with AbcSession(abc.path, cache=None) as session:
        mine = run_recipe(divider, "resyn2", session).final.digest
        pids = session.pids
        queue = context.SimpleQueue()
        workers = [context.Process(target=work, args=(session, divider, queue)) for _ in range(2)]
        for worker in workers:
            worker.start()
        results = [queue.get() for _ in workers]
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        assert {digest for digest, _, _ in results} == {mine}
        used = [pid for _, theirs, _ in results for pid in theirs]
        assert len({*used, *pids}) == len(used) + len(pids)
        assert all(wait_until(lambda pid=pid: has_ended(pid)) for pid in used)
        assert not any(Path(folder).exists() for _, _, folder in results)
        # The parent's process has survived its children.
        assert session.pids == pids
        assert run_recipe(divider, "resyn2", session).final.digest == mine
        assert session.restarts == 0


def test_threads_may_share_a_session(fresh, divider):
    wanted = run_recipe(divider, "resyn2", fresh).final
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(run_recipe(divider, "resyn2", fresh).final))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 4


def test_workspaces_of_living_processes_stay():
    folder = create_workspace()
    assert create_workspace() != folder
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0
    for path in folder.parent.glob(f"{folder.name.rsplit('-', 1)[0]}-*"):
        if not any(path.iterdir()):
            delete_workspace(path)
