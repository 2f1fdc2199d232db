"""Equivalence: differences are found, proofs are proofs, limits hold."""

import numpy as np
import pytest

from chipgym.simulators.logic.aiger import Aig, decode, encode
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.equivalence import check_equivalence
from chipgym.simulators.logic.simulate import run_recipe


def changed(body, gate):
    """Invert one fanin of a gate."""
    aig = decode(body)
    first, second = aig.fanin0.copy(), aig.fanin1.copy()
    first[gate] ^= 1
    high, low = np.maximum(first, second), np.minimum(first, second)
    return encode(Aig(aig.num_inputs, high, low, aig.outputs, aig.levels))


@pytest.mark.parametrize("name", ["divider-6", "multiplier-8", "alu-8", "arbiter-16", "router-3"])
def test_recipes_keep_the_function(session, name):
    body = Circuit.named(name).body
    final = run_recipe(body, "compress2rs", session).final
    result = check_equivalence(body, final.body, session)
    assert result.verdict == "equivalent"
    wide = decode(body).num_inputs > 14
    assert result.method == ("cec" if wide else "exhaustive simulation")


@pytest.mark.parametrize("name", ["divider-6", "divider-8", "control-40"])
def test_a_wrong_gate_is_found_with_a_counterexample(name):
    body = Circuit.named(name).body
    wrong = changed(body, decode(body).num_ands // 2)
    result = check_equivalence(body, wrong)
    assert result.verdict == "different"
    pattern = np.array([[~np.uint64(0) if bit else np.uint64(0)] for bit in result.counterexample])
    outputs = [decode(circuit).simulate(pattern) for circuit in (body, wrong)]
    assert (outputs[0] != outputs[1]).any()


def needle(inverted):
    """Return a circuit that differs from constant false on one pattern of 2^40 only."""
    inputs, pairs = 40, []
    last = 2
    for k in range(1, inputs):
        # Every other input inverted, or a dense pattern would hit the needle.
        literal = 2 * (k + 1) + k % 2
        pairs.append((max(last, literal), min(last, literal)))
        last = 2 * (inputs + k)
    fanin = np.array(pairs, np.int32)
    outputs = np.array([last if inverted else 0], np.int32)
    columns = [np.ascontiguousarray(column) for column in fanin.T]
    return encode(Aig(inputs, *columns, outputs, np.zeros(1 + inputs + len(pairs), np.int32)))


def test_what_simulation_cannot_see_is_undecided_or_proven(session):
    first, second = needle(True), needle(False)
    assert check_equivalence(first, second).verdict == "undecided"
    result = check_equivalence(first, second, session)
    assert (result.verdict, result.counterexample) == ("different", None)


def test_interfaces_must_agree():
    first, second = Circuit.named("adder-16").body, Circuit.named("adder-32").body
    assert check_equivalence(first, second).method == "interface"


def test_a_time_limit_gives_undecided(session):
    body = Circuit.named("multiplier-16").body
    final = run_recipe(body, "resyn2", session).final
    result = check_equivalence(body, final.body, session, limit_s=0.001)
    assert (result.verdict, result.method) == ("undecided", "simulation")
    assert session.step(final, "balance").nodes > 0


def test_circuits_without_inputs():
    ones, mixed = b"aig 0 0 0 2 0\n1\n1\n", b"aig 0 0 0 2 0\n1\n0\n"
    assert check_equivalence(ones, ones).verdict == "equivalent"
    assert check_equivalence(ones, mixed).counterexample == ()
