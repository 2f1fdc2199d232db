"""The accelerator cost model against MAESTRO's results, and its ranks against other tools'."""

import csv

import numpy as np
import pytest

from chipgym.simulators.accelerator.design import SubAccelerator
from chipgym.simulators.accelerator.simulate import evaluate_layers
from chipgym.simulators.accelerator.validation import validate_codesign

pytestmark = pytest.mark.golden

MISSES = {
    # Latency of rs at strides above 1, energy of rs with odd tiles and of one shi layer are close;
    # everything else is equal.
    "maestro_golden.csv, rs at strides above 1",
    "maestro_golden.csv, true output counts",
    "random_layers.csv, counts of shi",
    "random_layers.csv, energy of rs",
    "random_layers.csv, rs at strides above 1",
}


@pytest.fixture(scope="module")
def report(shared_folder):
    return validate_codesign(shared_folder / "golden" / "codesign")


def test_every_tolerance_holds(report):
    assert not {file.file: file.worst for file in report.files if not file.passed}
    assert report.passed


def test_rows_are_equal_but_where_the_reference_says_otherwise(report):
    different = {file.file for file in report.files if file.exact_rows < file.rows}
    assert different <= MISSES


def test_no_valid_row_is_left_out(report, shared_folder):
    files = {file.file: file for file in report.files}
    for name in ("maestro_golden.csv", "random_layers.csv"):
        with (shared_folder / "golden" / "codesign" / name).open() as stream:
            rows = list(csv.DictReader(stream))
        valid = sum(row["valid"] == "True" for row in rows)
        assert files[name].rows + files[f"{name}, rs at strides above 1"].rows == valid
        assert files[name].rows + files[name].skipped_rows == len(rows)


def test_latencies_rank_layers_as_zigzag_does(shared_folder):
    stats = pytest.importorskip("scipy.stats")
    with (shared_folder / "golden" / "codesign" / "zigzag_tpu_like_lpf6.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    shapes = layer_shapes(shared_folder)
    known = [row for row in rows if row["layer"] in shapes]
    assert len(known) >= 12
    layers = np.array([shapes[row["layer"]] for row in known])
    design = SubAccelerator(dataflow="dla", pes=1024, bandwidth=64)
    cycles = evaluate_layers(layers, [design]).cycles[:, 0]
    zigzag = [float(row["latency_cycles"]) for row in known]
    assert stats.spearmanr(cycles, zigzag).statistic > 0.85


def layer_shapes(shared_folder):
    """Non-depthwise layers of the reference files by name."""
    columns = ("K", "C", "R", "S", "OY", "OX", "stride")
    shapes = {}
    for path in ("golden/codesign/maestro_golden.csv", "data/codesign/networks.csv"):
        with (shared_folder / path).open() as stream:
            for row in csv.DictReader(stream):
                if row["type"] != "DSCONV":
                    shapes[row["layer"]] = [*(int(row[name]) for name in columns), 0, 1]
    return shapes
