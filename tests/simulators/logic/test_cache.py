"""The cache: bounded, shared between runs, and never in the way."""

import multiprocessing
import pickle

import pytest

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.logic.cache import _ENTRY_BYTES as ENTRY_BYTES
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe
from chipgym.simulators.logic.state import LogicState


def state(number, size=1000):
    return LogicState(bytes([number % 256]) * size, f"digest-{number}", number, 3)


def test_equal_states_are_one_object_and_count_once():
    cache = ResultCache()
    first = cache.put(("a",), state(1))
    used = cache.bytes_used
    second = cache.put(("b",), state(1))
    assert first is second
    assert cache.bytes_used - used < 1000
    assert cache.get(("b",)) is first
    assert cache.get(("c",)) is None
    assert (cache.hits, cache.misses) == (1, 1)


def test_memory_is_bounded_and_the_oldest_goes_first():
    cache = ResultCache(max_bytes=20_000)
    for number in range(100):
        cache.put((str(number),), state(number))
        assert cache.bytes_used <= 20_000
        assert cache.get(("0",)) is not None or number > 20
    assert cache.get(("99",)) is not None
    assert cache.get(("50",)) is None
    assert 0 < len(cache) < 20


def test_used_entries_stay():
    cache = ResultCache(max_bytes=20_000)
    for number in range(100):
        cache.put((str(number),), state(number))
        assert cache.get(("0",)) is not None


def test_dropping_all_entries_of_a_state_frees_it():
    cache = ResultCache(max_bytes=8_000)
    for number in range(40):
        cache.put((str(number),), state(number // 2))
    kept = {key: cache.get(key) for key in [(str(n),) for n in range(40)]}
    alive = {found.digest for found in kept.values() if found is not None}
    assert cache.bytes_used == ENTRY_BYTES * len(cache) + 1000 * len(alive)


def test_results_survive_in_a_file(tmp_path):
    path = tmp_path / "deep" / "cache.sqlite"
    cache = ResultCache(path=path)
    cache.put(("build", "digest", "balance"), state(7))
    cache.put(("build", "digest", "map"), (12.0, 34.5, 6.25))
    cache.put(("build", "digest", "luts"), (12.0, 4.0))
    cache.close()
    again = ResultCache(path=path)
    found = again.get(("build", "digest", "balance"))
    assert (found.body, found.nodes, found.levels) == (state(7).body, 7, 3)
    assert again.get(("build", "digest", "map")) == (12.0, 34.5, 6.25)
    assert again.get(("build", "digest", "luts")) == (12.0, 4.0)
    assert again.get(("other build", "digest", "map")) is None
    copied = pickle.loads(pickle.dumps(again))
    assert copied.get(("build", "digest", "map")) == (12.0, 34.5, 6.25)
    again.close()
    copied.close()


def use(cache, queue):
    before = cache.get(("parent",))
    cache.put(("child",), (2.0,))
    queue.put((before, cache.get(("child",))))


def test_a_file_is_shared_with_forked_processes(tmp_path):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork on this platform")
    context = multiprocessing.get_context("fork")
    cache = ResultCache(path=tmp_path / "cache.sqlite")
    cache.put(("parent",), (1.0,))
    queue = context.SimpleQueue()
    with cache._lock:  # as if another thread were at work
        child = context.Process(target=use, args=(cache, queue))
        child.start()
    assert queue.get() == ((1.0,), (2.0,))
    child.join()
    assert cache.get(("child",)) == (2.0,)
    cache.close()


def test_a_file_that_is_not_a_cache_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(FileFormatError, match="cannot be used as a cache"):
        ResultCache(path=path)


def test_sessions_with_a_file_need_abc_only_once(abc, divider, tmp_path):
    path = tmp_path / "cache.sqlite"
    results = []
    for _ in range(2):
        cache = ResultCache(path=path)
        with AbcSession(abc.path, cache=cache) as session:
            run = run_recipe(divider, "resyn2", session)
            results.append((run.states, session.map(run.final), session.luts(run.final)))
            processes = len(session.pids)
        cache.close()
    assert results[0] == results[1]
    assert processes == 1
    assert cache.misses == 0
