"""Validation against folders of reference results: what passes, what fails, what is refused."""

import csv

import numpy as np
import pytest

from chipgym.simulators.accelerator.design import DATAFLOWS
from chipgym.simulators.accelerator.options import MAESTRO_ODDITIES, AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_rows
from chipgym.simulators.accelerator.validation import validate_codesign
from chipgym.simulators.core.errors import FileFormatError

CASES = [
    ("dla", "CONV", (100, 70, 3, 3, 9, 12, 1), 256, 8),
    ("dla", "DSCONV", (1, 70, 3, 3, 9, 12, 2), 256, 8),
    ("shi", "CONV", (20, 30, 5, 5, 9, 12, 1), 320, 16),
    ("rs", "CONV", (20, 32, 3, 3, 9, 12, 1), 320, 16),
    ("rs", "CONV", (20, 32, 3, 3, 9, 12, 2), 320, 16),
    ("shi", "CONV", (20, 30, 5, 5, 9, 12, 2), 320, 16),
]


def rows_of_the_model():
    """Rows in the reference's format that hold the model's own results."""
    layers = [[*shape, int(kind == "DSCONV"), 1] for _, kind, shape, _, _ in CASES]
    designs = [[DATAFLOWS[flow], pes, width, 0, 0] for flow, _, _, pes, width in CASES]
    costs = evaluate_rows(
        np.array(layers), np.array(designs), AcceleratorOptions(oddities=MAESTRO_ODDITIES)
    )
    rows = []
    for i, (flow, kind, shape, pes, width) in enumerate(CASES):
        sizes = dict(zip(("K", "C", "R", "S", "OY", "OX", "stride"), shape, strict=True))
        rows.append(
            {
                "dataflow": flow,
                "pes": pes,
                "noc_bw": width,
                "net": "own",
                "layer": f"layer{i}",
                "type": kind,
                **sizes,
                "Runtime (Cycles)": costs.cycles[i],
                "energy_counts_nJ": costs.energy_nj[i],
                "Area": costs.area_um2[i],
                "Power": costs.power_mw[i],
                "L1 SRAM Size Req (Bytes)": costs.l1_bytes[i],
                "L2 SRAM Size Req (Bytes)": costs.l2_bytes[i],
                "input l2 read": costs.input_reads[i],
                "filter l2 read": costs.weight_reads[i],
                "output l2 read": costs.output_reads[i],
                "output l2 write": costs.output_writes[i],
                "Num MACs": costs.macs[i],
                "macs_true": costs.macs[i],
                "valid": not (flow == "shi" and sizes["stride"] > 1),
            }
        )
    return rows


def write(folder, rows, name="random_layers.csv"):
    with (folder / name).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_its_own_results_pass(tmp_path):
    report = validate_codesign(write(tmp_path, rows_of_the_model()))
    assert report.passed
    first = report.files[0]
    assert first.file == "random_layers.csv"
    assert (first.rows, first.exact_rows, first.skipped_rows) == (4, 4, 2)
    assert [file.rows for file in report.files[1:]] == [2, 1, 1, 1]
    assert all(file.exact_rows == file.rows for file in report.files)


@pytest.mark.parametrize(
    ("row", "column", "factor", "passes"),
    [
        (0, "Runtime (Cycles)", 1.02, False),
        (0, "Runtime (Cycles)", 1.005, True),
        (0, "input l2 read", 1.0001, False),
        (0, "Area", 1.001, False),
        (0, "energy_counts_nJ", 1.02, False),
        (3, "energy_counts_nJ", 1.02, True),
        (4, "Runtime (Cycles)", 1.1, True),
        (4, "Runtime (Cycles)", 1.2, False),
        (4, "energy_counts_nJ", 2.0, True),
        (5, "Runtime (Cycles)", 2.0, True),
    ],
)
def test_tolerances(tmp_path, row, column, factor, passes):
    rows = rows_of_the_model()
    rows[row][column] *= factor
    report = validate_codesign(write(tmp_path, rows))
    assert report.passed == passes
    if not passes:
        worst = {name: place for file in report.files for name, place in file.worst.items()}
        assert list(worst) == [column]
        assert f"layer{row}" in worst[column]


def test_a_share_of_random_rows_may_miss_but_not_of_the_grid(tmp_path):
    rows = rows_of_the_model()
    many = [dict(rows[2]) for _ in range(100)]
    for row in many[:3]:
        row["energy_counts_nJ"] *= 1.5
    assert validate_codesign(write(tmp_path, many)).passed
    many[3]["energy_counts_nJ"] *= 1.5
    assert not validate_codesign(write(tmp_path, many)).passed
    (tmp_path / "random_layers.csv").unlink()
    assert not validate_codesign(write(tmp_path, many[2:3], "maestro_golden.csv")).passed
    del rows[1:]
    assert validate_codesign(write(tmp_path, rows, "maestro_golden.csv")).passed


def broken(change):
    rows = rows_of_the_model()
    for row in rows[1:2]:
        row.update(change)
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataflow": "ws"}, "line 3: dataflow 'ws'"),
        ({"K": "many"}, "line 3: .*many"),
        ({"valid": "yes"}, "line 3: valid 'yes'"),
        ({"Area": ""}, "line 3"),
        ({"OY": 0}, r"layers\.1\.height"),
        ({"noc_bw": -1}, "bandwidth"),
    ],
)
def test_broken_files_are_refused(tmp_path, change, message):
    with pytest.raises(FileFormatError, match=message):
        validate_codesign(write(tmp_path, broken(change)))


def test_missing_columns_and_files_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="has neither"):
        validate_codesign(tmp_path)
    rows = rows_of_the_model()
    for row in rows:
        del row["Area"]
    with pytest.raises(FileFormatError, match="'Area' is missing"):
        validate_codesign(write(tmp_path, rows))
    (tmp_path / "random_layers.csv").write_text("")
    with pytest.raises(FileFormatError, match="no rows"):
        validate_codesign(tmp_path)
