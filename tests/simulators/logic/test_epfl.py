"""The EPFL benchmarks: read only where they are the pinned files."""

import pytest

from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
from chipgym.simulators.logic.aiger import decode
from chipgym.simulators.logic.epfl import EPFL_FILES, epfl_circuit


def test_the_suite_is_complete():
    assert len(EPFL_FILES) == 20
    assert EPFL_FILES["hyp"].ands == 214335


def test_files_that_are_there_are_the_pinned_ones(shared_folder):
    folder = shared_folder / "data" / "logic" / "epfl"
    for path in folder.glob("*.aig"):
        file = EPFL_FILES[path.stem]
        aig = decode(epfl_circuit(path.stem, folder).body)
        assert (aig.num_inputs, aig.num_outputs, aig.num_ands) == (
            file.inputs,
            file.outputs,
            file.ands,
        )


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'adder'"):
        epfl_circuit("addder", tmp_path)
    with pytest.raises(FileFormatError, match=r"no adder\.aig"):
        epfl_circuit("adder", tmp_path)
    (tmp_path / "adder.aig").write_bytes(b"aig 1 1 0 1 0\n2\n")
    with pytest.raises(FileFormatError, match="is not arithmetic/adder"):
        epfl_circuit("adder", tmp_path)
