"""D4RL's HDF5 files: flat arrays, cut into episodes at `terminals` and `timeouts`.

Fu et al. 2020 (arXiv 2004.07219); the keys are those that D4RL's `scripts/generation` write. Row i
holds the observation, the action taken there and its reward. After the last row of an episode comes
the first one of the next, so what the last action led to is known only to files that also hold
`next_observations` (the MuJoCo tasks' version 2). Those tell ends that nothing marks, too: where
the next observation is not the next row's.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.data.importers.episodes import (
    ColumnarEpisodes,
    episode_lengths,
    join_episodes,
    read_episodes,
)
from dfplan.types import UserError, one_line

NEXT = "next_observations"
DEFAULT = Columns(("observations",), ("actions",), "rewards", "infos/goal")
MARKS = ("terminals", "timeouts", NEXT)


def read(paths: Sequence[Path], columns: Columns, limit: int | None = None) -> ColumnarEpisodes:
    """Read HDF5 files of D4RL.

    Args:
        paths: one or more HDF5 files.
        columns: by default observations, actions, rewards and infos/goal.
        limit: an episode ends after so many rows at the latest.

    Raises:
        UserError: a file is missing or no HDF5, or as `read_episodes`.
    """
    return join_episodes([_read(path, columns, limit) for path in paths])


def _read(path: Path, columns: Columns, limit: int | None) -> ColumnarEpisodes:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path} cannot be read as HDF5: {one_line(error)}") from error
    with file:
        source = ColumnReader(str(path), _names(file), lambda name: np.asarray(file[name]))
        return _rows(source, columns, limit)


def _names(file) -> tuple[str, ...]:
    import h5py

    names: list[str] = []

    def visit(name, item):
        # Beside the data, metadata/... holds how it was made, such as a policy's weights.
        if isinstance(item, h5py.Dataset) and not name.startswith("metadata/"):
            names.append(name)

    file.visititems(visit)
    return tuple(names)


def _rows(source: ColumnReader, given: Columns, limit: int | None) -> ColumnarEpisodes:
    columns = source.choose(given, DEFAULT)
    observation = source.join(columns.observations)
    size = len(observation), columns.observations[0]
    terminal = source.flags("terminals", *size)
    end = terminal | source.flags("timeouts", *size) if "timeouts" in source.names else terminal
    after = None
    if NEXT in source.names and columns.observations == ("observations",):
        after = source.column(NEXT)
        source.check_rows(NEXT, len(after), *size)
        end = end | np.append(~np.isclose(after[:-1], observation[1:]).all(axis=1), False)
    length = episode_lengths(end, limit)
    final = None if after is None else after[np.cumsum(length) - 1]
    return read_episodes(
        source,
        columns,
        length,
        marks=MARKS,
        terminal=terminal,
        observation=observation,
        final=final,
    )
