"""Providers of accuracies: labels, caches, budgets, files, and broken files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from chipgym.envs.codesign.accuracy import Task, TrainingError, make_provider, training
from chipgym.envs.codesign.accuracy import train_provider as module
from chipgym.envs.codesign.accuracy.data_sets import DATA_SETS, Images, load_images
from chipgym.envs.codesign.accuracy.nasbench import NasBenchProvider
from chipgym.envs.codesign.accuracy.recipe import Recipe
from chipgym.envs.codesign.accuracy.table import (
    MeasuredTable,
    TableProvider,
    read_table,
    shipped_table,
    write_table,
)
from chipgym.envs.codesign.accuracy.torch_network import NetworkModule
from chipgym.envs.codesign.accuracy.train_provider import TrainProvider
from chipgym.envs.codesign.spaces import SPACES, Architecture, cell_text
from chipgym.experiments.papers.nasaic.table import main, sample_architectures
from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)

TINY = Task("digits", "digits", "resnet9-tiny")
QUICK = Recipe("quick", train_images=60, epochs=1)
SMALL = Architecture("resnet9", (4, 4, 0, 8, 0))
LARGE = Architecture("resnet9", (8, 16, 1, 32, 1))


def test_the_shipped_table_is_complete_and_labelled() -> None:
    table = read_table(shipped_table(TINY))
    keys = {architecture.key for architecture in sample_architectures(SPACES["resnet9-tiny"], 99)}
    assert set(table.accuracies) == keys
    assert len(keys) == 72
    found = TableProvider().accuracy(TINY, LARGE)
    assert found.measured
    assert found.label["data_set"] == "digits"
    assert found.label["recipe"] == "digits-short"
    assert found.seeds == (0, 1, 2)
    assert found.value == pytest.approx(np.mean(table.accuracies[LARGE.key]))
    assert TableProvider().accuracy(TINY, SMALL).value < found.value - 0.2


def test_a_row_of_the_shipped_table_is_what_training_gives() -> None:
    """On other processors the last bits of a training differ, and with them an image or two."""
    provider = TrainProvider(seeds=(0,))
    row = read_table(shipped_table(TINY)).accuracies[LARGE.key]
    assert provider.accuracy(TINY, LARGE).value == pytest.approx(row[0], abs=0.06)


def test_predictions_are_labelled_and_their_error_is_known(tmp_path: Path) -> None:
    table = read_table(shipped_table(TINY))
    kept = {k: v for i, (k, v) in enumerate(table.accuracies.items()) if i % 4}
    path = tmp_path / "table.json"
    write_table(path, MeasuredTable(**{**vars(table), "accuracies": kept}))
    provider = TableProvider(path)
    errors = []
    for key in set(table.accuracies) - set(kept):
        found = provider.accuracy(TINY, Architecture.of_key(key))
        assert not found.measured
        errors.append(found.value - np.mean(table.accuracies[key]))
    means = [np.mean(row) for row in table.accuracies.values()]
    assert 0 < found.standard_error < 0.6 * np.std(means)
    assert np.sqrt(np.mean(np.square(errors))) < 2 * found.standard_error


def test_a_missing_table_names_the_command() -> None:
    with pytest.raises(InvalidValueError, match=r"papers\.nasaic\.table --space resnet9-cifar"):
        TableProvider().check(Task("d", "digits", "resnet9-cifar"))


def test_a_recorded_failure_is_an_error_not_a_zero(tmp_path: Path) -> None:
    table = read_table(shipped_table(TINY))
    path = tmp_path / "table.json"
    why = {SMALL.key: "seed 1: the loss is not finite"}
    rows = {key: row for key, row in table.accuracies.items() if key != SMALL.key}
    write_table(path, MeasuredTable(**{**vars(table), "accuracies": rows, "failures": why}))
    assert read_table(path).failures == why
    with pytest.raises(TrainingError, match="not finite"):
        TableProvider(path).accuracy(TINY, SMALL)


def test_a_table_of_failures_only_is_no_table(tmp_path: Path) -> None:
    table = read_table(shipped_table(TINY))
    failed = MeasuredTable(**{**vars(table), "accuracies": {}, "failures": {SMALL.key: "-"}})
    write_table(tmp_path / "table.json", failed)
    with pytest.raises(FileFormatError, match="empty"):
        read_table(tmp_path / "table.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1, 2]",
        '{"format": "another"}',
        json.dumps({"format": "chipgym accuracy table 1", "accuracies": {}}),
    ],
)
def test_broken_tables(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(FileFormatError):
        read_table(path)


def test_a_table_that_was_cut_off(tmp_path: Path) -> None:
    text = shipped_table(TINY).read_text()
    path = tmp_path / "table.json"
    for count in (len(text) // 2, len(text) - 4):
        path.write_text(text[:count])
        with pytest.raises(FileFormatError, match="not JSON"):
            read_table(path)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"resnet9:4-4-0-8-0": [0.5]},
        {"resnet9:4-4-0-8-0": [2.0, 0.1]},
        {"resnet9:4-4-0-8-0": [0.5, -0.1]},
        {"x": [0.1, 0.2]},
        {"resnet9:4-x": [0.1, 0.2]},
    ],
)
def test_tables_with_broken_rows(rows: dict[str, list[float]], tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    own = {k: tuple(v) for k, v in rows.items()}
    write_table(path, MeasuredTable("digits", "resnet9-tiny", "-", {"name": "r"}, (0, 1), own))
    with pytest.raises(FileFormatError):
        read_table(path)


def test_training_is_repeatable_cached_and_counted(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    first = TrainProvider(recipe=QUICK, seeds=(0, 1), cache=tmp_path)
    found = first.accuracy(TINY, SMALL)
    assert torch.equal(state, torch.get_rng_state())
    assert found.measured
    assert found.recipe == "quick"
    assert first.trainings == 2
    assert first.accuracy(TINY, SMALL) == found
    assert first.trainings == 2
    again = TrainProvider(recipe=QUICK, seeds=(0, 1), cache=tmp_path, budget=0)
    assert again.accuracy(TINY, SMALL) == found
    fresh = TrainProvider(recipe=QUICK, seeds=(0, 1))
    assert fresh.accuracy(TINY, SMALL) == found
    with pytest.raises(TrainingError, match="budget"):
        again.accuracy(TINY, LARGE)


@pytest.mark.parametrize(
    "change",
    [{"accuracy": 1.5}, {"accuracy": "high"}, {"accuracy": None}, {"failure": "-"}, {"seed": 9}],
)
def test_a_broken_cache_is_named(change: dict[str, object], tmp_path: Path) -> None:
    TrainProvider(recipe=QUICK, cache=tmp_path).accuracy(TINY, SMALL)
    (path,) = tmp_path.glob("*.json")
    document = json.loads(path.read_text())
    for text in (json.dumps({**document, **change}), "", '{"accuracy": 1.0}'):
        path.write_text(text)
        with pytest.raises(FileFormatError, match=path.name):
            TrainProvider(recipe=QUICK, cache=tmp_path).accuracy(TINY, SMALL)


def test_what_pytorch_cannot_do_is_a_failure_that_is_not_kept(tmp_path: Path, monkeypatch) -> None:
    def fails(*arguments: object) -> float:
        raise RuntimeError("not enough memory\nand more")

    monkeypatch.setattr(training, "train_network", fails)
    with pytest.raises(TrainingError, match=r"not enough memory$"):
        TrainProvider(recipe=QUICK, cache=tmp_path).accuracy(TINY, SMALL)
    assert not list(tmp_path.iterdir())


def test_a_training_that_diverges_is_recorded(tmp_path: Path, monkeypatch) -> None:
    images = load_images("digits")
    broken = Images(
        np.full_like(images.train, np.nan), images.train_labels, images.test, images.test_labels
    )
    monkeypatch.setitem(module._LOADED, ("digits", "None"), (broken, "broken"))
    for _ in range(2):
        provider = TrainProvider(recipe=QUICK, cache=tmp_path)
        with pytest.raises(TrainingError, match="not finite"):
            provider.accuracy(TINY, SMALL)
    assert provider.trainings == 0


def test_what_is_trained_is_what_is_costed() -> None:
    """Convolutions and fully connected layers have as many weights as the cost model counts."""
    cases = [("resnet9-tiny", "digits"), ("unet-nuclei", "nuclei"), ("nasbench201", "cifar10")]
    for name, data in cases:
        space, entry = SPACES[name], DATA_SETS[data]
        choices = space.complete((2,)) if name == "unet-nuclei" else space.largest
        choices = (3, 1, 2, 4, 0, 3) if name == "nasbench201" else choices
        network = space.architecture(choices).network(entry.shape, entry.classes)
        model = NetworkModule(network)
        weights = sum(
            p.numel()
            for m in model.modules()
            if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.Linear)
            for n, p in m.named_parameters()
            if n == "weight"
        )
        assert weights == sum(nest.weights for nest in network.loops.values())
        out = model.eval()(torch.zeros(1, *entry.shape))
        assert tuple(out.shape[1:]) == tuple(network.output_shape)[: out.ndim - 1]


def test_nasbench_files(tmp_path: Path) -> None:
    cell = cell_text((3, 1, 2, 4, 0, 3))
    path = tmp_path / "nb201.csv"
    path.write_text(f"arch,cifar10\n{cell},93.5\n")
    task = Task("c", "cifar10", "nasbench201")
    provider = NasBenchProvider(path)
    provider.check(task)
    found = provider.accuracy(task, Architecture("nasbench201", (3, 1, 2, 4, 0, 3)))
    assert found.value == 0.935
    assert found.seeds == ()
    with pytest.raises(InvalidValueError, match="cells"):
        provider.accuracy(task, Architecture("nasbench201", (3, 3, 3, 3, 3, 3)))
    with pytest.raises(InvalidValueError, match="a cell"):
        provider.accuracy(task, SMALL)
    for text in ("", "arch,cifar100\n", "arch,cifar10\n", f"arch,cifar10\n{cell},many\n"):
        path.write_text(text)
        with pytest.raises(FileFormatError):
            NasBenchProvider(path).check(task)


def test_the_command_resumes_and_writes_what_training_gives(tmp_path: Path, capsys) -> None:
    arguments = ["--space", "resnet9-tiny", "--data-set", "digits", "--architectures", "2"]
    arguments += ["--seeds", "1", "--work", str(tmp_path / "work")]
    out = tmp_path / "table.json"
    assert main([*arguments, "--output", str(out)]) == 0
    table = read_table(out)
    assert len(table.accuracies) == 2
    shipped = read_table(shipped_table(TINY))
    for key, row in table.accuracies.items():
        assert row[0] == pytest.approx(shipped.accuracies[key][0], abs=0.06)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    assert main([*arguments, "--output", str(out)]) == 0
    assert stamps == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    assert main(["--space", "none", "--data-set", "digits"]) == 2
    assert "none" in capsys.readouterr().err


def test_providers_by_name() -> None:
    assert make_provider("train", {"budget": 3}).name == "train"
    with pytest.raises(UnknownNameError):
        make_provider("guess")
    with pytest.raises(InvalidValueError, match="budgett"):
        make_provider("train", {"budgett": 3})
