"""Datasets as Minari keeps them, which other offline libraries read.

The dataset goes below a root folder of its own, so ``MINARI_DATASETS_PATH=FOLDER/minari`` makes it
loadable by its id; `minari.MinariDataset` takes the path itself. The action masks are in the infos
as ``action_mask`` (uint8), what ChipGym knows besides in the metadata of the episodes and under
``chipgym`` in that of the dataset.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from chipgym.experiments.offline.episodes import (
    DatasetHead,
    Episode,
    OfflineDataset,
    episode_rows,
)
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, MissingLibraryError

__all__ = ["ROOT", "minari_path", "read_minari", "write_minari"]

ROOT = "minari"
FORMATS = ("arrow", "hdf5", "parquet")
_PATH = "MINARI_DATASETS_PATH"
_KEY = "chipgym"


def minari_path(folder: Path, head: DatasetHead) -> Path:
    """Where a dataset is below its folder."""
    return folder / ROOT / head.name


def write_minari(dataset: OfflineDataset, folder: Path, data_format: str = "arrow") -> Path:
    """Write a dataset below ``folder/minari`` and return its place; one of this name is replaced.

    Parameters
    ----------
    data_format : {"arrow", "hdf5", "parquet"}
        Minari's storage; ``hdf5`` needs h5py.

    Raises
    ------
    MissingLibraryError
        Minari is not installed.
    """
    if data_format not in FORMATS:
        raise InvalidValueError("data_format", data_format, ", ".join(FORMATS))
    minari = _minari()
    head = dataset.head
    place = minari_path(folder, head)
    shutil.rmtree(place, ignore_errors=True)
    players = ", ".join(head.agents)
    buffers = [_buffer(minari, episode) for episode in dataset.episodes]
    with _root(folder / ROOT), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of missing author and e-mail address
        made = minari.create_dataset_from_buffers(
            head.name,
            buffers,
            env=EnvSpec.from_json(json.dumps(head.env_spec)),
            algorithm_name=players,
            author="ChipGym",
            description=f"{head.task_spec.label} ({head.task['env']}), played by {players}",
            observation_space=dataset.observation_space,
            action_space=_plain(dataset.action_space),
            ref_min_score=head.ref_min_score,
            ref_max_score=head.ref_max_score,
            requirements=[f"chipgym=={head.package_version}"],
            data_format=data_format,
        )
    made.storage.update_metadata({_KEY: json.dumps(head.model_dump(mode="json"))})
    rows = [{_KEY: json.dumps(row)} for row in episode_rows(dataset.episodes)]
    made.storage.update_episode_metadata(rows)
    return place


def read_minari(place: Path) -> OfflineDataset:
    """Read a dataset that `write_minari` wrote, by the path that it returned.

    Raises
    ------
    FileFormatError
        It is no Minari dataset, or not one of ChipGym.
    MissingLibraryError
        Minari is not installed.
    """
    minari = _minari()
    try:
        data = minari.MinariDataset(place / "data")
        head = DatasetHead.parse(json.loads(data.storage.metadata[_KEY]))
        facts = [
            json.loads(entry[_KEY])
            for entry in data.storage.get_episode_metadata(data.episode_indices)
        ]
        episodes = tuple(
            _episode(found, row) for found, row in zip(data.iterate_episodes(), facts, strict=True)
        )
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(place, f"not a dataset of ChipGym: {error!r}") from error
    seen = data.observation_space
    assert isinstance(seen, spaces.Box)
    return OfflineDataset(head, episodes, seen, data.action_space)


def _minari() -> Any:
    try:
        import minari
        from minari.data_collector import EpisodeBuffer  # noqa: F401
    except ImportError as error:
        raise MissingLibraryError(
            "reading and writing Minari datasets", "minari", "data"
        ) from error
    return minari


@contextlib.contextmanager
def _root(folder: Path) -> Iterator[None]:
    """Let Minari write below a folder, whatever the user's own root is."""
    before = os.environ.get(_PATH)
    os.environ[_PATH] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PATH]
        else:
            os.environ[_PATH] = before


def _plain(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """The action space without what ours adds to it, which Minari cannot keep."""
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(int(space.n))
    if isinstance(space, spaces.MultiDiscrete):
        return spaces.MultiDiscrete(space.nvec)
    return space


def _buffer(minari: Any, episode: Episode) -> Any:
    from minari.data_collector import EpisodeBuffer

    infos = None
    if episode.masks is not None:
        infos = {"action_mask": episode.masks.astype(np.uint8)}
    return EpisodeBuffer(
        seed=episode.instance,
        options={"instance": episode.instance},
        observations=episode.observations,
        actions=episode.actions,
        rewards=episode.rewards.tolist(),
        terminations=episode.terminations.tolist(),
        truncations=episode.truncations.tolist(),
        infos=infos,
    )


def _episode(found: Any, row: dict[str, Any]) -> Episode:
    masks = (found.infos or {}).get("action_mask")
    return Episode(
        agent=row["agent"],
        seed=row["seed"],
        instance=row["instance"],
        instance_id=row["instance_id"],
        observations=np.asarray(found.observations),
        actions=np.asarray(found.actions),
        rewards=np.asarray(found.rewards, dtype=np.float64),
        terminations=np.asarray(found.terminations, dtype=np.bool_),
        truncations=np.asarray(found.truncations, dtype=np.bool_),
        masks=None if masks is None else np.asarray(masks).astype(np.bool_),
        metrics=row["metrics"],
        evaluations=row["evaluations"],
    )
