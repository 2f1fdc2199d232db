"""Circuit families against their models, and the user's own files."""

import pytest

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError
from chipgym.simulators.logic.aiger import decode
from chipgym.simulators.logic.bundle import bundled_circuit
from chipgym.simulators.logic.circuits import FAMILIES, Circuit, check_circuit, circuit_names
from chipgym.simulators.logic.equivalence import check_equivalence
from chipgym.simulators.logic.errors import SequentialCircuitError, SynthesisError
from chipgym.simulators.logic.readers import read_circuit

GATE = "module top(input a, b, output y); assign y = a & ~b; endmodule\n"
COUNTER = """module top(input clk, input en, output reg [1:0] q);
always @(posedge clk) q <= q + en; endmodule\n"""
LOOP = "module top(input a, output y); wire t; assign t = a ^ y; assign y = ~t; endmodule\n"
BLIF = ".model m\n.inputs a b\n.outputs y\n.names a b y\n10 1\n.end\n"
BENCH = "INPUT(a)\nINPUT(b)\nOUTPUT(y)\nn = NOT(b)\ny = AND(a, n)\n"
AAG = "aag 3 2 0 1 1\n2\n4\n6\n6 2 5\n"
SEQUENTIAL_BLIF = ".model m\n.inputs a\n.outputs q\n.latch d q 0\n.names a q d\n11 1\n.end\n"


@pytest.mark.parametrize("name", circuit_names())
def test_shipped_circuits_compute_what_their_models_say(name):
    family, _, width = name.rpartition("-")
    inputs, outputs = FAMILIES[family].ports(int(width))
    aig = decode(Circuit.named(name).body)
    assert aig.num_inputs == sum(inputs.values())
    assert aig.num_outputs == sum(outputs.values())
    assert check_circuit(family, int(width), aig, vectors=256, seed=1) == 0


def test_the_check_finds_a_wrong_circuit():
    body = bytearray(Circuit.named("adder-16").body)
    header_end = body.index(b"\n")
    # Invert the first output.
    line_end = body.index(b"\n", header_end + 1)
    literal = int(body[header_end + 1 : line_end])
    body[header_end + 1 : line_end] = str(literal ^ 1).encode()
    assert check_circuit("adder", 16, decode(bytes(body))) == 512


def test_shipped_circuits_are_fixed_points(session):
    for name in circuit_names():
        body = Circuit.named(name).body
        assert session.load(body).body == body, name


@pytest.mark.parametrize(("family", "width"), [("adder", 16), ("control", 40), ("alu", 8)])
def test_generating_again_gives_the_shipped_circuit(session, family, width):
    pytest.importorskip("pyosys", reason="generating circuits needs pyosys")
    made = bundled_circuit(family, width, session)
    shipped = Circuit.named(f"{family}-{width}")
    if session.executable.package == "pyosys 0.70":
        assert made == shipped.body
    assert check_equivalence(made, shipped.body, session).verdict == "equivalent"


def test_unknown_circuits_and_widths():
    with pytest.raises(UnknownNameError, match="adder-16"):
        Circuit.named("adder-17")
    with pytest.raises(InvalidValueError, match="power of two"):
        FAMILIES["barrel"].check_width(24)


@pytest.mark.parametrize(
    ("suffix", "text"), [(".blif", BLIF), (".bench", BENCH), (".aag", AAG), (".v", GATE)]
)
def test_every_format_gives_the_same_function(session, tmp_path, suffix, text):
    if suffix == ".v":
        pytest.importorskip("pyosys", reason="reading Verilog needs pyosys")
    file = tmp_path / f"my circuit{suffix}"
    file.write_text(text)
    circuit = read_circuit(file, session=session)
    (tmp_path / "binary.aig").write_bytes(circuit.body)
    assert read_circuit(tmp_path / "binary.aig").body == circuit.body
    assert circuit.name == "my circuit"
    reference = b"aig 3 2 0 1 1\n6\n\x01\x03"
    assert check_equivalence(circuit.body, reference).verdict == "equivalent"


@pytest.mark.parametrize(("suffix", "text"), [(".blif", SEQUENTIAL_BLIF), (".v", COUNTER)])
def test_sequential_circuits_are_refused_or_cut(session, tmp_path, suffix, text):
    if suffix == ".v":
        pytest.importorskip("pyosys", reason="reading Verilog needs pyosys")
    file = tmp_path / f"counter{suffix}"
    file.write_text(text)
    with pytest.raises(SequentialCircuitError, match="latches"):
        read_circuit(file, session=session)
    aig = decode(read_circuit(file, session=session, sequential="cut").body)
    assert (aig.num_inputs, aig.num_outputs) == ((2, 2) if suffix == ".blif" else (4, 4))


def test_broken_files_are_refused(session, tmp_path):
    cases = {"a.blif": ".model x\n.inputs a\n.outputs y\n.names q y\n", "b.bench": "nonsense",
             "c.xyz": "", "d.aig": "aig 1"}  # fmt: skip
    for name, text in cases.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(FileFormatError, match=name):
            read_circuit(tmp_path / name, session=session)
    with pytest.raises(FileFormatError, match="not a file"):
        read_circuit(tmp_path / "none.blif")


def test_combinational_loops_are_refused(session, tmp_path):
    loop = ".model m\n.inputs a\n.outputs y\n.names a y t\n11 1\n.names t y\n1 1\n.end\n"
    (tmp_path / "loop.blif").write_text(loop)
    with pytest.raises(FileFormatError, match="loop"):
        read_circuit(tmp_path / "loop.blif", session=session)
    pytest.importorskip("pyosys", reason="reading Verilog needs pyosys")
    (tmp_path / "loop.v").write_text(LOOP)
    with pytest.raises(SynthesisError, match="loop"):
        read_circuit(tmp_path / "loop.v")


def test_verilog_errors_are_told(tmp_path):
    pytest.importorskip("pyosys", reason="reading Verilog needs pyosys")
    file = tmp_path / "bad.v"
    file.write_text("module top(input a, output y); assign y = ; endmodule\n")
    with pytest.raises(SynthesisError, match="syntax error"):
        read_circuit(file)
    file.write_text(GATE + GATE.replace("top", "other"))
    with pytest.raises(InvalidValueError, match="top, other"):
        read_circuit(file)
    assert read_circuit(file, top="other").body
    with pytest.raises(InvalidValueError, match="identifier"):
        read_circuit(file, top="a; shell ls")
