"""The logical-effort library and libraries of the user."""

import pytest

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError
from chipgym.simulators.logic.errors import AbcError
from chipgym.simulators.logic.library import CELLS, Library, logical_effort_library


def test_what_ships_is_what_the_generator_writes():
    assert Library.default().content == logical_effort_library().encode()


def test_reference_library_is_reproduced(shared_folder):
    file = shared_folder / "data" / "logic" / "liberty" / "le_demo.lib"
    assert Library.load(file).digest == Library.default().digest


def test_delay_of_an_inverter_is_that_of_logical_effort():
    text = logical_effort_library()
    # 5 ps (p = 1 plus C / x = 4) and 0.15 times 20 ps of input slew.
    assert "13.0000,28.0000" in text
    assert text.count("cell (") == sum(len(cell.drives) for cell in CELLS) == 50


def test_missing_or_foreign_files_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be read"):
        Library.load(tmp_path / "none.lib")
    other = tmp_path / "other.lib"
    other.write_text("hello")
    with pytest.raises(FileFormatError, match="not a Liberty library"):
        Library.load(other)


def test_library_without_inverter_is_an_error(session, divider):
    cells = tuple(cell for cell in CELLS if cell.name not in ("INV", "BUF"))
    library = Library("bare", logical_effort_library("bare", cells).encode())
    state = session.load(divider)
    for mapper in ("map", "nf"):
        with pytest.raises(InvalidValueError, match="inverter"):
            session.map(state, library, mapper)
        assert session.map(state, mapper=mapper).gates > 0


def test_broken_library_is_an_error(session, divider):
    library = Library("broken", Library.default().content[:3000])
    with pytest.raises(AbcError, match="read_lib"):
        session.map(session.load(divider), library)
    assert session.map(session.load(divider)).area > 0


def test_unknown_mapper(session, divider):
    with pytest.raises(UnknownNameError, match="mapper"):
        session.map(session.load(divider), mapper="amap")
