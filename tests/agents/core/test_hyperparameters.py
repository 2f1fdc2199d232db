"""The shipped hyperparameters and the reader."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from chipgym.agents.core.hyperparameters import FOLDER, algorithms, load_hyperparameters
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError

ENTRY = {
    "values": {"gamma": 0.9},
    "provenance": {"tuned": True, "trials": 4, "budget": "1000 steps", "source": "a test"},
}


def write(folder: Path, document: object) -> None:
    (folder / "ppo.yaml").write_text(yaml.safe_dump(document))


def test_every_shipped_entry_is_well_formed() -> None:
    assert {"a2c", "dqn", "maskable_ppo", "ppo"} <= set(algorithms())
    for algorithm in algorithms():
        document = yaml.safe_load((FOLDER / f"{algorithm}.yaml").read_text())
        for environment, scenarios in document.items():
            for scenario in scenarios:
                entry = load_hyperparameters(algorithm, environment, scenario)
                assert entry.key == f"{environment}/{scenario}"
                assert entry.provenance.source
                assert entry.provenance.tuned == (entry.provenance.trials > 0)


def test_the_most_specific_entry_counts() -> None:
    found = load_hyperparameters("maskable_ppo", "chipgym/SocScheduling-v0", "no-such-scenario")
    assert found.key == "chipgym/SocScheduling-v0/default"
    assert found.values["policy"] == "pair"
    assert load_hyperparameters("maskable_ppo", "Other-v0").key == "default/default"


def test_specific_scenarios(tmp_path: Path) -> None:
    write(tmp_path, {"Env-v0": {"hard": ENTRY}, "default": {"default": ENTRY}})
    assert load_hyperparameters("ppo", "Env-v0", "hard", tmp_path).key == "Env-v0/hard"
    assert load_hyperparameters("ppo", "Env-v0", "easy", tmp_path).key == "default/default"
    assert load_hyperparameters("ppo", folder=tmp_path).provenance.trials == 4


def test_unknown_algorithms_are_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'maskable_ppo'"):
        load_hyperparameters("maskable_po")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "no entry default/default"),
        ([1], "no entry default/default"),
        ({"default": {"default": {"values": {}}}}, "exactly 'values' and 'provenance'"),
        ({"default": {"default": ENTRY | {"values": 3}}}, "must be a mapping"),
        ({"default": {"default": ENTRY | {"provenance": {}}}}, "must have tuned"),
        (
            {
                "default": {
                    "default": ENTRY
                    | {"provenance": {"tuned": 1, "trials": 0, "budget": "", "source": ""}}
                }
            },
            "tuned must be of type bool",
        ),
    ],
)
def test_malformed_entries_are_named(tmp_path: Path, document: object, message: str) -> None:
    write(tmp_path, document)
    with pytest.raises(FileFormatError, match=message):
        load_hyperparameters("ppo", folder=tmp_path)


def test_not_yaml(tmp_path: Path) -> None:
    (tmp_path / "ppo.yaml").write_text("a: [1")
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_hyperparameters("ppo", folder=tmp_path)
