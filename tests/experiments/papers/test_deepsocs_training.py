"""Training the schedulers of the study, and mixtures of scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from chipgym.experiments.papers.deepsocs.mixture import make_mixture
from chipgym.experiments.papers.deepsocs.training import AGENTS, train_agents
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

FORM = "chipgym/SocTaskMapping-v0"


def first_legal(masks: Any) -> Any:
    return masks.argmax(axis=1)


def test_a_mixture_is_its_parts_side_by_side() -> None:
    scenarios = ("six-app-mid", "wifi-mix")
    mixture = make_mixture(FORM, 4, scenarios, num_jobs=1)
    parts = [make_mixture(FORM, 2, [scenario], num_jobs=1) for scenario in scenarios]
    seeds = [4, 5, 6, 7]
    observations, infos = mixture.reset(seed=seeds)
    alone = [part.reset(seed=seeds[2 * i : 2 * i + 2]) for i, part in enumerate(parts)]
    ended = 0
    for _ in range(80):
        np.testing.assert_array_equal(observations, np.concatenate([a[0] for a in alone]))
        masks = np.concatenate([part.unwrapped.action_masks() for part in parts])
        np.testing.assert_array_equal(mixture.action_masks(), masks)
        np.testing.assert_array_equal(infos["action_mask"], masks)
        assert [p.num_ready for p in mixture.problems] == [
            p.num_ready for part in parts for p in part.unwrapped.problems
        ]
        actions = first_legal(masks)
        observations, rewards, terminated, truncated, infos = mixture.step(actions)
        steps = [part.step(actions[2 * i : 2 * i + 2]) for i, part in enumerate(parts)]
        alone = [(step[0], step[4]) for step in steps]
        for i, column in ((1, rewards), (2, terminated), (3, truncated)):
            np.testing.assert_array_equal(column, np.concatenate([step[i] for step in steps]))
        for row in np.flatnonzero(terminated | truncated):
            ended += 1
            part, own = steps[row // 2][4], row % 2
            assert infos["_final_info"][row]
            for name in ("mean_latency_us", "cost_vs_etf"):
                found = infos["final_info"]["metrics"][name][row]
                assert found == part["final_info"]["metrics"][name][own]
    assert ended >= 2
    mixture.close()


def test_mixtures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="multiple"):
        make_mixture(FORM, 3, ("six-app-mid", "wifi-mix"))
    with pytest.raises(InvalidValueError, match="one shape"):
        make_mixture(FORM, 2, ("six-app-mid", "canonical"))


@pytest.mark.parametrize("name", ["deepsocs", "scarl", "socrates-no-mask"])
def test_trainings_are_done_once_and_leave_weights(name: str, tmp_path: Path) -> None:
    def go() -> Any:
        return train_agents(
            tmp_path / "out",
            tmp_path / "weights",
            names=[name],
            seeds=1,
            steps=1,
            report=lambda *_: None,
        )

    records = go()
    files = sorted((tmp_path / "weights").iterdir())
    assert [path.stem for path in files] == sorted(records)
    assert len(files) == (1 if AGENTS[name].of else 2)
    before = {path: path.stat().st_mtime_ns for path in files}
    assert go() == records
    assert {path: path.stat().st_mtime_ns for path in files} == before
    arrays = load_file(files[0])
    files[0].unlink()
    go()
    again = load_file(files[0])
    assert arrays.keys() == again.keys()
    assert all(np.array_equal(arrays[key], again[key]) for key in arrays)
    assert not list((tmp_path / "out" / "checkpoints").iterdir())


def test_unknown_agents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="scarl"):
        train_agents(tmp_path, tmp_path, names=["skarl"], report=lambda *_: None)
