"""Datasets as Parquet: one table of steps, one of episodes, and a head in JSON.

A row of ``steps.parquet`` is an observation and what was done there: ``episode``, ``step``,
``observation`` (a list of fixed length), ``action_mask`` (likewise, where there are masks),
``action``, ``reward``, ``terminated`` and ``truncated``. The last row of an episode has the final
observation, and nothing in the other columns. Compression is lossless, so what is read back is what
was recorded, to the bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.experiments.environments import make_env
from chipgym.experiments.offline.episodes import (
    DatasetHead,
    Episode,
    OfflineDataset,
    check_spaces,
    episode_rows,
)
from chipgym.simulators.core.errors import FileFormatError, MissingLibraryError
from chipgym.simulators.core.files import atomic_path

__all__ = ["EPISODES", "HEAD", "STEPS", "read_parquet", "write_parquet"]

HEAD, STEPS, EPISODES = "dataset.json", "steps.parquet", "episodes.parquet"


def write_parquet(dataset: OfflineDataset, folder: Path) -> None:
    """Write a dataset into a folder; the head, without which it does not count, comes last.

    Raises
    ------
    MissingLibraryError
        PyArrow is not installed.
    """
    arrow, parquet = _pyarrow()
    episodes = dataset.episodes
    lengths = [len(episode) + 1 for episode in episodes]
    columns = {
        "episode": np.repeat(np.arange(len(episodes), dtype=np.int32), lengths),
        "step": np.concatenate([np.arange(count, dtype=np.int32) for count in lengths]),
        "observation": _fixed(arrow, [e.observations for e in episodes]),
        "action": _padded(arrow, [e.actions for e in episodes]),
        "reward": _padded(arrow, [e.rewards for e in episodes]),
        "terminated": _padded(arrow, [e.terminations for e in episodes]),
        "truncated": _padded(arrow, [e.truncations for e in episodes]),
    }
    if all(episode.masks is not None for episode in episodes):
        columns["action_mask"] = _fixed(arrow, [np.asarray(e.masks) for e in episodes])
    table = arrow.table(columns).replace_schema_metadata({"chipgym": dataset.head.name})
    names = sorted({name for episode in episodes for name in episode.metrics})
    rows = []
    for row in episode_rows(episodes):
        metrics = row.pop("metrics")
        rows.append(row | {f"metric_{name}": metrics.get(name) for name in names})
    for name, content in ((STEPS, table), (EPISODES, arrow.Table.from_pylist(rows))):
        with atomic_path(folder / name) as temporary:
            parquet.write_table(content, temporary, compression="zstd")
    dataset.head.save(folder / HEAD)


def read_parquet(folder: Path) -> OfflineDataset:
    """Read what `write_parquet` wrote; the spaces are those of the task's environment.

    Raises
    ------
    FileFormatError
        A file is missing or damaged, or they do not belong together.
    MissingLibraryError
        PyArrow is not installed.
    """
    arrow, parquet = _pyarrow()
    head = DatasetHead.load(folder / HEAD)
    try:
        steps = parquet.read_table(folder / STEPS)
        facts = parquet.read_table(folder / EPISODES).to_pylist()
    except (OSError, arrow.ArrowException) as error:
        raise FileFormatError(folder, f"cannot be read: {error}") from error
    if len(facts) != head.total_episodes or len(steps) != head.total_steps + len(facts):
        raise FileFormatError(
            folder, f"{len(facts)} episodes and {len(steps)} rows; {HEAD} differs"
        )
    env = make_env(head.task_spec)
    seen, actions = check_spaces(env)
    env.close()
    try:
        table = {name: steps.column(name).combine_chunks() for name in steps.column_names}
        ends = np.cumsum([row["steps"] + 1 for row in facts])
        parts = zip([0, *ends[:-1].tolist()], ends.tolist(), facts, strict=True)
        episodes = tuple(
            _episode(table, first, last, row, seen, actions) for first, last, row in parts
        )
    except (KeyError, TypeError, ValueError, arrow.ArrowException) as error:
        raise FileFormatError(folder, f"not a table of steps: {error!r}") from error
    return OfflineDataset(head, episodes, seen, actions)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingLibraryError("reading and writing Parquet", "pyarrow", "data") from error
    return pyarrow, pyarrow.parquet


def _fixed(arrow: Any, parts: list[npt.NDArray[Any]]) -> Any:
    """Arrays of equal rows as one column of lists of fixed length."""
    rows = np.concatenate([part.reshape(len(part), -1) for part in parts])
    return arrow.FixedSizeListArray.from_arrays(arrow.array(rows.reshape(-1)), rows.shape[1])


def _padded(arrow: Any, parts: list[npt.NDArray[Any]]) -> Any:
    """One column with a null after each part: there is no action in the last observation."""
    if parts[0].ndim == 1:
        padded = [value for part in parts for value in (*part.tolist(), None)]
        return arrow.array(padded, type=arrow.from_numpy_dtype(parts[0].dtype))
    flat = [part.reshape(len(part), -1) for part in parts]
    kind = arrow.list_(arrow.from_numpy_dtype(flat[0].dtype), flat[0].shape[1])
    return arrow.array([row for part in flat for row in (*part.tolist(), None)], type=kind)


def _episode(
    table: dict[str, Any],
    first: int,
    last: int,
    row: dict[str, Any],
    seen: spaces.Box,
    actions: spaces.Space[Any],
) -> Episode:
    """Build an episode from its rows."""
    count = last - first - 1

    def column(name: str, length: int = count) -> npt.NDArray[Any]:
        values = table[name].slice(first, length)
        if hasattr(values, "flatten") and values.type.num_fields:
            return np.asarray(values.flatten()).reshape(length, -1)
        return np.asarray(values.to_numpy(zero_copy_only=False))

    shape = actions.shape or ()
    masks = None
    if "action_mask" in table:
        masks = column("action_mask", count + 1).astype(np.bool_)
    return Episode(
        agent=row["agent"],
        seed=row["seed"],
        instance=row["instance"],
        instance_id=row["instance_id"],
        observations=column("observation", count + 1).reshape(-1, *seen.shape),
        actions=column("action").reshape(-1, *shape),
        rewards=column("reward").astype(np.float64),
        terminations=column("terminated").astype(np.bool_),
        truncations=column("truncated").astype(np.bool_),
        masks=masks,
        metrics={
            name.removeprefix("metric_"): value
            for name, value in row.items()
            if name.startswith("metric_")
        },
        evaluations=row["evaluations"],
    )
