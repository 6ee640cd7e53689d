"""Imported episodes as flat arrays, with the length of each episode."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.types import UserError

DROPPED = (
    "the observation after the last action of an episode is not known: that action is left out, "
    "and the episode counts as truncated"
)
NO_REWARDS = "the file has no rewards: they are zero"
ONE_EPISODE = "all rows form one episode; to split them, use --episode-steps"


@dataclasses.dataclass(frozen=True)
class ColumnarEpisodes:
    """Steps of one or more files; row i holds an observation and the action taken there.

    Attributes:
        where: File names for error messages.
        observation: `[N, O]`.
        action: `[N, A]`.
        reward: `[N]`.
        goal: `[N, G]`, the desired goal at each row, or None.
        length: `[E]` int64, rows of each episode.
        terminated: `[E]` bool, whether the last action terminated the episode; otherwise it was
            truncated there.
        final: `[E, O]`, observations after the last actions, or None if the file lacks them. Then
            the last action of each episode does not belong to a step.
        notes: What the user should know, one sentence each.
        observation_names: `[O]` names of the observation's numbers; empty if it is one column.
    """

    where: str
    observation: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    goal: np.ndarray | None
    length: np.ndarray
    terminated: np.ndarray
    final: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    observation_names: tuple[str, ...] = ()

    @property
    def used(self) -> np.ndarray:
        """Rows whose action and reward are imported, `[N]` bool."""
        used = np.ones(len(self.action), bool)
        if self.final is None:
            used[np.cumsum(self.length) - 1] = False
        return used


def read_episodes(
    reader: ColumnReader,
    columns: Columns,
    length: np.ndarray,
    *,
    boundary_columns: Sequence[str],
    terminal: np.ndarray | None = None,
    observation: np.ndarray | None = None,
    final: np.ndarray | None = None,
) -> ColumnarEpisodes:
    """Read and check the columns of a file whose episode lengths are known.

    Args:
        reader: Reader of the file.
        columns: Names of the columns to read.
        length: `[E]`, rows of each episode.
        boundary_columns: Columns from which the episode lengths were derived.
        terminal: `[N]` bool, rows whose action terminated the episode.
        observation: `[N, O]` if it has been read already.
        final: See `ColumnarEpisodes`.

    Raises:
        UserError: If a column is missing, unsuitable or not as long as the others, or a value is
            not finite.
    """
    if observation is None:
        observation = reader.join(columns.observations)
    action = reader.join(columns.actions)
    reward = np.zeros(len(action)) if columns.rewards is None else reader.vector(columns.rewards)
    goal = None if columns.goal is None else reader.column(columns.goal)
    others = ((columns.actions[0], action), (columns.rewards, reward), (columns.goal, goal))
    for name, array in others:
        if name is not None and array is not None:
            reader.check_rows(
                name, len(array), needed=len(observation), reference=columns.observations[0]
            )
    terminated = np.zeros(len(length), bool)
    if terminal is not None and final is not None:
        terminated = terminal[np.cumsum(length) - 1]
    episodes = ColumnarEpisodes(
        where=reader.where,
        observation=observation,
        action=action,
        reward=reward,
        goal=goal,
        length=length,
        terminated=terminated,
        final=final,
        observation_names=reader.dimension_names(columns.observations),
    )
    _check_finite(episodes, columns)
    notes = _notes(reader, columns, episodes, boundary_columns=boundary_columns)
    return dataclasses.replace(episodes, notes=notes)


def _notes(
    reader: ColumnReader,
    columns: Columns,
    episodes: ColumnarEpisodes,
    boundary_columns: Sequence[str],
) -> tuple[str, ...]:
    used = {
        *columns.observations,
        *columns.actions,
        columns.rewards,
        columns.goal,
        *boundary_columns,
    }
    unused = [name for name in reader.names if name not in used]
    notes = {
        DROPPED: episodes.final is None,
        NO_REWARDS: columns.rewards is None,
        ONE_EPISODE: len(episodes.length) == 1,
        f"columns left out: {', '.join(unused)}": unused,
    }
    return tuple(note for note, applies in notes.items() if applies)


def episode_lengths(end: np.ndarray, limit: int | None = None) -> np.ndarray:
    """Return the rows of each episode `[E]`, given where episodes end.

    Rows after the last end form one more episode, truncated by the end of the file.

    Args:
        end: `[N]` bool, last rows of episodes.
        limit: Maximum number of rows per episode; None for no limit.
    """
    last = np.flatnonzero(end)
    if not len(last) or last[-1] != len(end) - 1:
        last = np.append(last, len(end) - 1)
    length = np.diff(last, prepend=-1)
    if limit is None:
        return length
    pieces = [[limit] * (n // limit) + [n % limit] * (n % limit > 0) for n in length.tolist()]
    return np.array([n for piece in pieces for n in piece], np.int64)


def join_episodes(files: Sequence[ColumnarEpisodes]) -> ColumnarEpisodes:
    """Return the episodes of several files, one file after the other.

    Raises:
        UserError: If observations, actions or goals of a file differ in size from the first one's.
    """
    first = files[0]
    for file in files[1:]:
        for name in ("observation", "action", "goal", "final"):
            width = _width(getattr(file, name))
            needed = _width(getattr(first, name))
            if width != needed:
                raise UserError(
                    f"{file.where}: {name} has {width} numbers; needed: {needed}, as {first.where}"
                )
    if len(files) == 1:
        return first
    names = ("observation", "action", "reward", "goal", "length", "terminated", "final")
    arrays = {name: _joined([getattr(file, name) for file in files]) for name in names}
    notes = dict.fromkeys(note for file in files for note in file.notes)
    where = ", ".join(file.where for file in files)
    return dataclasses.replace(first, where=where, **arrays, notes=tuple(notes))


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _joined(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if present else None


def _check_finite(episodes: ColumnarEpisodes, columns: Columns) -> None:
    """Check every number that becomes part of the dataset."""
    every = np.ones(len(episodes.action), bool)
    checks = (
        (" and ".join(columns.observations), episodes.observation, every),
        (" and ".join(columns.actions), episodes.action, episodes.used),
        (columns.rewards, episodes.reward[:, None], episodes.used),
        (columns.goal, episodes.goal, every),
    )
    for name, array, used in checks:
        if array is not None:
            _refuse(episodes, str(name), array, bad=~np.isfinite(array) & used[:, None])
    if episodes.final is not None and not np.isfinite(episodes.final).all():
        episode, dim = map(int, np.argwhere(~np.isfinite(episodes.final))[0])
        raise UserError(
            f"{episodes.where}: observation after the last action of episode {episode}, dimension "
            f"{dim}, is {episodes.final[episode, dim]}; needed: finite numbers"
        )


def _refuse(episodes: ColumnarEpisodes, name: str, array: np.ndarray, bad: np.ndarray) -> None:
    """Raise an error that names the first bad value, if there is one."""
    if not bad.any():
        return
    row, dim = map(int, np.argwhere(bad)[0])
    ends = np.cumsum(episodes.length)
    episode = int(np.searchsorted(ends, row, side="right"))
    step = row - int(ends[episode] - episodes.length[episode])
    raise UserError(
        f"{episodes.where}: {name}, row {row} (episode {episode}, step {step}), dimension {dim} is "
        f"{array[row, dim]}; needed: finite numbers ({int(bad.sum())} are not)"
    )
