"""`chipgym validate codesign --zigzag`: the stored comparison, and what is refused."""

import json

import pytest

from chipgym.experiments.cli.validate import validate
from chipgym.experiments.cli.validate_zigzag import COLUMNS, correlation_rows
from chipgym.simulators.accelerator.simulate import SIMULATOR_VERSION
from chipgym.simulators.accelerator.zigzag_validation import RESULTS
from chipgym.simulators.core.errors import InvalidValueError


def test_the_stored_comparison_is_complete_and_of_this_simulator() -> None:
    document = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert document["versions"]["codesign"] == SIMULATOR_VERSION
    rows = list(correlation_rows(document))
    assert len(rows) == 2 * (3 + 3 + 1 + 1)
    assert all(len(row) == len(COLUMNS) for row in rows)
    for part in (*document["layers"].values(), document["designs"]):
        for values in part.values():
            assert values["count"] + values["failed"] >= document["effort"]["chips"]
            assert -1 <= values["kendall"] <= values["spearman"] <= 1


def test_a_folder_or_zigzag_is_needed() -> None:
    with pytest.raises(InvalidValueError, match="a folder of reference results"):
        validate("codesign", None)
    with pytest.raises(InvalidValueError, match="the family codesign"):
        validate("soc", None, zigzag=True)
