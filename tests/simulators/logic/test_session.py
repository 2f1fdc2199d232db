"""Sessions: states, measurements without history, errors."""

import copy
import pickle
import random
import time

import pytest

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.logic.aiger import decode, read_body
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.errors import (
    AbcCommandError,
    AbcError,
    AbcNotFoundError,
    AigerError,
    SequentialCircuitError,
)
from chipgym.simulators.logic.locate import find_abc
from chipgym.simulators.logic.recipes import ACTION_SETS
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe


def random_recipes(count, length=6):
    generator = random.Random(5)
    return [[generator.choice(ACTION_SETS["abc-rl"]) for _ in range(length)] for _ in range(count)]


def test_build_string_is_part_of_every_result(session, divider):
    run = run_recipe(divider, "resyn2", session)
    assert "UC Berkeley, ABC" in run.identity
    assert len(run.states) == 11


def test_statistics_are_those_of_the_graph(session):
    for name in ("divider-8", "control-80", "barrel-32", "sbox-1"):
        for state in run_recipe(Circuit.named(name).body, "resyn2", session).states:
            assert state.nodes == state.aig.num_ands
            assert state.levels == state.aig.depth


def test_a_state_does_not_depend_on_how_it_was_reached(fresh, abc):
    body = Circuit.named("sqrt-16").body
    recipes = random_recipes(8)
    forward = [run_recipe(body, commands, fresh).states for commands in recipes]
    with AbcSession(abc.path) as cached:
        backward = [run_recipe(body, commands, cached).states for commands in reversed(recipes)]
    assert forward == backward[::-1]
    # From the middle, in another process, without its past.
    with AbcSession(abc.path, cache=None) as other:
        for commands, states in zip(recipes, forward, strict=True):
            assert other.step(states[3], commands[3]) == states[4]


def test_states_are_fixed_points_of_writing_and_reading(fresh, divider):
    state = run_recipe(divider, "resyn2", fresh).final
    assert fresh.load(state.body).body == state.body
    assert read_body(state.body) == state.body


def test_measurements_have_no_history(abc, divider):
    kinds = ["map", "nf", "buffered", "buffered-nf", "luts", "step"]
    generator = random.Random(1)
    seen = {}
    for _ in range(4):
        order = kinds * 2
        generator.shuffle(order)
        with AbcSession(abc.path, cache=None) as session:
            state = session.load(divider)
            for kind in order:
                if kind == "luts":
                    result = session.luts(state)
                elif kind == "step":
                    result = session.step(state, "rewrite -z")
                else:
                    mapper = "nf" if kind.endswith("nf") else "map"
                    buffered = kind.startswith("buffered")
                    result = session.map(state, mapper=mapper, buffered=buffered)
                assert seen.setdefault(kind, result) == result
    assert seen["map"] != seen["nf"]
    assert seen["buffered"] != seen["map"]


def test_published_reference_values(session, shared_folder):
    data = (shared_folder / "data" / "logic" / "epfl" / "i2c.aig").read_bytes()
    state = session.load(data)
    assert (state.nodes, state.levels) == (1342, 20)
    if session.executable.package != "pyosys 0.70":
        pytest.skip("exact values are those of pyosys 0.70")
    mapped = session.map(state, mapper="map")
    assert (mapped.gates, mapped.area, mapped.delay_ps) == (971, 1703.0, 561.60)
    mapped = session.map(state, mapper="nf")
    assert (mapped.gates, mapped.area, mapped.delay_ps) == (890, 1673.5, 479.84)
    assert session.luts(state).luts == 365
    buffered = session.map(state, mapper="map", buffered=True)
    assert (buffered.area, round(buffered.delay_ps, 1)) == (1832.9, 295.2)


def test_area_delay_product(session, divider):
    mapped = session.map(session.load(divider))
    assert mapped.area_delay_product == mapped.area * mapped.delay_ps


def test_bad_circuits_never_reach_abc(fresh):
    for data, error in (
        (b"aig 1 2 3", AigerError),
        (b"", AigerError),
        (b"aig 3 1 1 1 1\n6\n5\n\x02\x02", SequentialCircuitError),
        (b"aig 1 1 0 0 0\n", InvalidValueError),
    ):
        with pytest.raises(error):
            fresh.load(data)
    assert fresh.restarts == 0


def test_a_circuit_of_constants_and_wires(session):
    state = session.load(b"aig 1 1 0 3 0\n0\n1\n3\n")
    assert (state.nodes, state.levels) == (0, 0)
    assert session.step(state, "rewrite").nodes == 0
    assert decode(state.body).outputs.tolist() == [0, 1, 3]


def test_a_refused_command_leaves_the_state_usable(fresh, divider):
    state = fresh.load(divider)
    expected = fresh.step(state, "balance")
    with pytest.raises(AbcCommandError, match="resub"):
        fresh.step(state, "resub -K 99")
    assert fresh.step(state, "balance") == expected
    assert fresh.restarts == 0
    with pytest.raises(UnknownNameError):
        fresh.step(state, "quit")


def test_luts_of_other_sizes(session, divider):
    state = session.load(divider)
    assert session.luts(state, 4).luts > session.luts(state, 6).luts
    with pytest.raises(InvalidValueError, match="2 to 16"):
        session.luts(state, 99)


def test_copies_and_pickles_are_sessions_with_the_same_settings(session, divider):
    state = session.load(divider)
    for other in (copy.deepcopy(session), pickle.loads(pickle.dumps(session))):
        with other:
            assert other.step(state, "resub") == session.step(state, "resub")
            assert not set(other.pids) & set(session.pids)


def test_closed_sessions_start_anew(abc, divider):
    session = AbcSession(abc.path, cache=None)
    first = session.step(session.load(divider), "refactor")
    session.close()
    assert session.pids == ()
    assert session.step(session.load(divider), "refactor") == first
    session.close()
    session.close()


def test_other_executables(tmp_path, monkeypatch):
    with pytest.raises(AbcNotFoundError, match="nowhere"):
        find_abc(tmp_path / "nowhere")
    monkeypatch.setenv("CHIPGYM_ABC", str(tmp_path / "elsewhere"))
    with pytest.raises(AbcNotFoundError, match="CHIPGYM_ABC"):
        find_abc()
    monkeypatch.delenv("CHIPGYM_ABC")
    monkeypatch.setattr("chipgym.simulators.logic.locate._bundled", lambda: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(AbcNotFoundError, match="pip install pyosys"):
        find_abc()


def script(tmp_path, text):
    path = tmp_path / "fake-abc"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo something else; exit 0", "is it ABC"),
        (
            "while read line; do echo 'hello'; printf '\\n%s\\n' \"${line#echo }\"; done",
            "is not ABC",
        ),
        ("sleep 60", "does not answer"),
    ],
)
def test_programs_that_are_not_abc(tmp_path, text, said):
    from chipgym.simulators.logic.worker import Limits

    session = AbcSession(script(tmp_path, text), limits=Limits(start_s=0.5))
    start = time.monotonic()
    with pytest.raises(AbcError, match=said):
        _ = session.build
    assert time.monotonic() - start < 5
    session.close()


def test_cached_steps_are_the_same_objects(abc, divider):
    cache = ResultCache()
    with AbcSession(abc.path, cache=cache) as one, AbcSession(abc.path, cache=cache) as two:
        first = run_recipe(divider, "resyn2", one)
        second = run_recipe(divider, "resyn2", two)
        assert all(a is b for a, b in zip(first.states, second.states, strict=True))
        mapped = one.map(first.final)
        assert two.map(first.final) == mapped
        counted = one.luts(first.final)
        assert two.luts(first.final) == counted
        # The second session has started ABC for its build string only.
        assert len(two.pids) == 1


def test_cached_steps_take_less_than_fifty_microseconds(session, divider):
    run = run_recipe(divider, "resyn2", session)
    times = []
    for _ in range(50):
        for state, command in zip(run.states[:-1], run.commands, strict=True):
            start = time.perf_counter()
            session.step(state, command)
            times.append(time.perf_counter() - start)
    assert sorted(times)[len(times) // 2] < 50e-6
