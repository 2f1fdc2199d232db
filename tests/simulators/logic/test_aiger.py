"""AIGER: decoding against a slow reading of the format, and everything that must be refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.aiger import Aig, cut_latches, decode, encode, permute, read_body
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.errors import AigerError, SequentialCircuitError
from chipgym.simulators.logic.readers import binary_from_ascii

# A half adder: inputs 2 and 4, carry 6, sum 10.
HALF_ADDER = b"aig 5 2 0 2 3\n10\n6\n\x02\x02\x03\x02\x01\x02"
LATCH = b"aig 3 1 1 1 1\n6\n5\n\x02\x02"


@st.composite
def graphs(draw):
    inputs = draw(st.integers(1, 5))
    ands = draw(st.integers(0, 30))
    pairs = []
    for k in range(ands):
        top = 2 * (1 + inputs + k) - 1
        pair = draw(st.tuples(st.integers(0, top), st.integers(0, top)))
        pairs.append(tuple(sorted(pair, reverse=True)))
    outputs = draw(st.lists(st.integers(0, 2 * (inputs + ands) + 1), min_size=1, max_size=4))
    return inputs, pairs, outputs


def build(inputs, pairs, outputs):
    fanin = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    levels = np.zeros(1 + inputs + len(pairs), dtype=np.int32)
    for k, (a, b) in enumerate(pairs):
        levels[1 + inputs + k] = 1 + max(levels[a >> 1], levels[b >> 1])
    columns = [np.ascontiguousarray(column) for column in fanin.T]
    return Aig(inputs, *columns, np.array(outputs, np.int32), levels)


def evaluate(inputs, pairs, outputs, pattern):
    values = [False, *(bool(pattern >> i & 1) for i in range(inputs))]
    for a, b in pairs:
        values.append((values[a >> 1] ^ bool(a & 1)) and (values[b >> 1] ^ bool(b & 1)))
    return [values[lit >> 1] ^ bool(lit & 1) for lit in outputs]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_encoding_and_decoding_give_the_graph_back(graph):
    aig = build(*graph)
    again = decode(encode(aig))
    for name in ("fanin0", "fanin1", "outputs", "levels"):
        assert np.array_equal(getattr(aig, name), getattr(again, name))
    assert again.num_inputs == aig.num_inputs


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_simulation_agrees_with_an_evaluation_one_pattern_at_a_time(graph):
    inputs, pairs, outputs = graph
    patterns = np.arange(64, dtype=np.uint64)
    words = np.array(
        [
            [sum(int(p >> np.uint64(i) & np.uint64(1)) << k for k, p in enumerate(patterns))]
            for i in range(inputs)
        ],
        dtype=np.uint64,
    )
    result = build(*graph).simulate(words)
    for pattern in range(1 << inputs):
        expected = evaluate(inputs, pairs, outputs, pattern)
        assert [bool(int(row[0]) >> pattern & 1) for row in result] == expected


@settings(max_examples=40, deadline=None)
@given(graphs(), st.randoms())
def test_ascii_form_with_shuffled_gates_is_the_same_function(graph, random):
    inputs, pairs, outputs = graph
    rows = [f"{2 * (1 + inputs + k)} {a} {b}" for k, (a, b) in enumerate(pairs)]
    random.shuffle(rows)
    total = inputs + len(pairs)
    lines = [f"aag {total} {inputs} 0 {len(outputs)} {len(pairs)}"]
    lines += [str(2 * (1 + i)) for i in range(inputs)] + [str(lit) for lit in outputs] + rows
    aig = decode(binary_from_ascii("\n".join(lines) + "\n"))
    words = np.random.default_rng(0).integers(0, 1 << 64, (inputs, 2), dtype=np.uint64)
    assert np.array_equal(aig.simulate(words), build(*graph).simulate(words))


def test_half_adder_by_hand():
    aig = decode(HALF_ADDER)
    assert aig.depth == 2
    assert aig.num_ands == 3
    words = np.array([[0b1010], [0b1100]], dtype=np.uint64)
    assert aig.simulate(words)[1, 0] & np.uint64(15) == 0b1000
    assert aig.complemented.shape == (3, 2)
    assert aig.fanout_counts.sum() == 2 * 3 + 2


def test_symbols_and_comment_are_cut_off():
    assert read_body(HALF_ADDER + b"i0 a\no0 sum\nc\nwritten today\n") == HALF_ADDER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello world\n",
        b"aag 5 2 0 2 3\n",
        b"aig 5 2 0 2\n",
        b"aig 5 2 0 2 3 1\n10\n6\n\x02\x02\x03\x02\x01\x02",
        b"aig 5 2 0 2 x\n10\n6\n\x02\x02\x03\x02\x01\x02",
        b"aig 5 2 0 -2 3\n10\n6\n\x02\x02\x03\x02\x01\x02",
        b"aig +5 2 0 2 3\n10\n6\n\x02\x02\x03\x02\x01\x02",
        b"aig 6 2 0 2 3\n10\n6\n\x02\x02\x03\x02\x01\x02",
        b"aig 5 2 0 2 3\n100\n6\n\x02\x02\x03\x02\x01\x02",
        b"aig 5 2 0 2 3\n10\n\n\x02\x02\x03\x02\x01\x02",
        b"aig 4000000000 4000000000 0 0 0\n",
        b"aig 2000000000 0 0 0 2000000000\n\x02",
        b"aig 5 2 0 2000000 3\n10\n6\n",
        b"aig 3 2 0 1 1\n6\n\x00\x02",
        b"aig 3 2 0 1 1\n6\n\x07\x02",
        b"aig 3 2 0 1 1\n6\n\x02\x05",
        b"aig 3 2 0 1 1\n6\n\xff\xff\xff\xff\xff\xff\xff\x01\x01",
        b"aig 99999999999999999999 2 0 1 1\n6\n",
    ],
)
def test_malformed_files_are_refused(data):
    with pytest.raises(AigerError, match="circuit-x"):
        decode(data, "circuit-x")


@pytest.mark.parametrize("length", range(len(HALF_ADDER)))
def test_every_truncation_is_refused(length):
    with pytest.raises(AigerError):
        read_body(HALF_ADDER[:length])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_gives_a_sound_graph(position, value):
    data = bytearray(Circuit.named("adder-16").body)
    data[position % len(data)] = value
    try:
        aig = decode(bytes(data))
    except AigerError:
        return
    own = 2 * (1 + aig.num_inputs + np.arange(aig.num_ands))
    assert (aig.fanin0 < own).all()
    assert (aig.fanin1 <= aig.fanin0).all()
    assert (aig.fanin1 >= 0).all()
    assert aig.outputs.max() < 2 * len(aig.levels)


def test_latches_are_refused_or_cut():
    with pytest.raises(SequentialCircuitError, match="sequential='cut'"):
        decode(LATCH)
    aig = decode(cut_latches(LATCH))
    assert (aig.num_inputs, aig.num_outputs) == (2, 2)
    # The latch's output is the second input, its next state the second output.
    assert aig.outputs.tolist() == [5, 6]


def test_permuted_inputs_and_outputs():
    aig = decode(HALF_ADDER)
    swapped = permute(aig, [1, 0], [1, 0])
    words = np.array([[0b1010], [0b1100]], dtype=np.uint64)
    assert np.array_equal(swapped.simulate(words[::-1]), aig.simulate(words)[::-1])
    assert encode(decode(encode(swapped))) == encode(swapped)
    with pytest.raises(InvalidValueError, match="permutation"):
        permute(aig, [0, 0], [0, 1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("aig 1 1 0 1 0\n2\n2\n", "header"),
        ("aag 3 1 0 1 2\n2\n4\n4 6 2\n6 4 2\n", "loop"),
        ("aag 3 1 0 1 1\n2\n4\n4 6 2\n", "nothing defines"),
        ("aag 2 1 0 1 1\n2\n4\n4 2\n", "line of 3"),
        ("aag 2 1 0 1 1\n2\n4\n", "too early"),
        ("aag 2 1 0 1 1\n2\n4\n2 2 2\n", "twice"),
        ("aag 2 1 0 1 1\n2\n9\n4 2 2\n", "range"),
    ],
)
def test_malformed_ascii_files_are_refused(text, reason):
    with pytest.raises(AigerError, match=reason):
        binary_from_ascii(text)
