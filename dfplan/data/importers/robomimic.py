"""robomimic's HDF5 files: data/demo_0, data/demo_1, ..., each an episode.

The layout is that of robomimic's documentation ("Dataset Structure"): a demonstration has actions,
rewards, dones, states, obs/... and usually next_obs/..., which holds the observation after the last
action. mask/NAME lists the demonstrations of a split. Only the name of the environment is read from
its description `env_args`; no environment is made.
"""

import contextlib
import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.types import UserError, listed, shorten
from dfplan.util.readers import check_size, open_hdf5, reading
from dfplan.util.readers.hdf5 import Hdf5Arrays

DEFAULT = Columns(actions=("actions",), rewards="rewards")
LOW_DIMENSIONAL = ("object", "robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
"""Observations that robomimic's own low-dimensional policies use."""
OBS = "obs/"
NEXT = "next_obs/"
DONES = "dones"
DEMO = re.compile(r"data/(demo_(\d+))/(.+)")


def recognizes(path: Path) -> bool:
    """Return whether a file is HDF5 with demonstrations."""
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with contextlib.suppress(UserError), open_hdf5(path) as arrays:
        return any(DEMO.fullmatch(name) for name in arrays)
    return False


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read HDF5 files of robomimic.

    Args:
        paths: One or more HDF5 files.
        columns: Names within a demonstration, such as obs/object or states; by default the
            observations of robomimic's low-dimensional policies, actions and rewards.
        limit: Maximum number of rows per episode.

    Raises:
        UserError: If a file has no demonstrations, no such split or no observations, or as
            `read_episodes`.
    """
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    with open_hdf5(path) as arrays:
        demos = _demos(arrays, columns.split)
        reader = _reader(arrays, demos)
        default = DEFAULT
        if not columns.observations:
            observations = _default_observations(arrays, reader, demos[0])
            default = dataclasses.replace(DEFAULT, observations=observations)
        columns = reader.resolve(dataclasses.replace(columns, split=None), default)
        rows = [len(_column(arrays, demo, columns.actions[0])) for demo in demos]
        is_end = np.zeros(sum(rows), bool)
        is_end[np.cumsum(rows) - 1] = True
        length = episode_lengths(is_end, limit)
        next_columns = [NEXT + name.removeprefix(OBS) for name in columns.observations]
        next_observation = terminal = None
        if all(name in reader.names for name in next_columns):
            next_observation = reader.join(next_columns)
            reader.check_rows(NEXT, len(next_observation), needed=sum(rows), reference="actions")
        if DONES in reader.names:
            terminal = reader.flags(DONES, sum(rows), reference=columns.actions[0])
        episodes = read_episodes(
            reader,
            columns,
            length,
            boundary_columns=(DONES, *(name for name in reader.names if name.startswith(NEXT))),
            terminal=terminal,
            final=None if next_observation is None else next_observation[np.cumsum(length) - 1],
        )
        notes = (f"observations: {listed(columns.observations)}", *_env_note(arrays.file))
    return dataclasses.replace(episodes, notes=(*notes, *episodes.notes))


def _demos(arrays: Hdf5Arrays, split: str | None) -> list[str]:
    """Return the names of the demonstrations of a split, in the order of their numbers."""
    path = arrays.path
    matches = [match for match in map(DEMO.fullmatch, arrays) if match]
    number = {match[1]: int(match[2]) for match in matches}
    if not number:
        raise UserError(f"{path} has no data/demo_0, ...; it has: {listed(list(arrays))}")
    if split is None:
        return sorted(number, key=number.__getitem__)
    splits = [name.removeprefix("mask/") for name in arrays if name.startswith("mask/")]
    if split not in splits:
        raise UserError(f"{path} has no split {split!r}; it has: {listed(splits)}")
    names = _names(path, arrays.file[f"mask/{split}"])
    unknown = [name for name in names if name not in number]
    if unknown or not names:
        raise UserError(
            f"{path}: mask/{split} names {unknown[0] if unknown else 'nothing'}; "
            f"needed: some of its {len(number)} demonstrations"
        )
    return sorted(names, key=number.__getitem__)


def _names(path: Path, dataset: Any) -> list[str]:
    """Return the strings of a dataset, of fixed or variable length."""
    with reading(path, "HDF5"):
        check_size(path, dataset.name, dataset.nbytes)
        values = np.atleast_1d(dataset[()]).tolist()
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _reader(arrays: Hdf5Arrays, demos: Sequence[str]) -> ColumnReader:
    """Return a reader of the columns of demonstrations, one after the other."""
    prefix = f"data/{demos[0]}/"
    names = tuple(name.removeprefix(prefix) for name in arrays if name.startswith(prefix))

    def read_column(name: str) -> np.ndarray:
        return np.concatenate([_column(arrays, demo, name) for demo in demos])

    return ColumnReader(str(arrays.path), names, read_column)


def _column(arrays: Hdf5Arrays, demo: str, name: str) -> np.ndarray:
    """Return a column of one demonstration.

    Raises:
        UserError: If there is none, or it does not hold rows.
    """
    path = f"data/{demo}/{name}"
    if path not in arrays:
        raise UserError(f"{arrays.path} has no {path}")
    column = arrays[path]
    if not column.ndim:
        raise UserError(f"{arrays.path}: {path} is a single number; needed: rows")
    return column


def _default_observations(arrays: Hdf5Arrays, reader: ColumnReader, demo: str) -> tuple[str, ...]:
    """Return the low-dimensional observations that robomimic's policies use, or else all of them.

    Raises:
        UserError: If there are none.
    """
    names = [name for name in reader.names if name.startswith(OBS)]
    usual = tuple(OBS + name for name in LOW_DIMENSIONAL if OBS + name in names)
    if usual:
        return usual
    vectors = tuple(name for name in names if arrays.file[f"data/{demo}/{name}"].ndim <= 2)
    if not vectors:
        raise UserError(
            f"{arrays.path} has no observations; extract them with robomimic, or choose others "
            f"with --observations: {listed(reader.names)}"
        )
    return vectors


def _env_note(file: Any) -> tuple[str, ...]:
    """Return a note on the environment that a file names; none if its description is unreadable."""
    try:
        name = json.loads(file["data"].attrs["env_args"])["env_name"]
    except (KeyError, TypeError, ValueError, OSError, RecursionError):
        return ()
    return (f"recorded in the environment {shorten(str(name), 80)}",)
