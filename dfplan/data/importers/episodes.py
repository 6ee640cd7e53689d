"""ColumnarEpisodes: all that is imported of a file, as flat arrays with the lengths of their episodes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dfplan.data.importers.columns import ColumnReader, Columns
from dfplan.types import UserError

DROPPED = (
    "the file does not hold where the last action of an episode led: that action is left out, "
    "and the episode counts as truncated"
)
NO_REWARDS = "the file has no rewards: they are zero"
ONE_EPISODE = "all rows are one episode; where they should be more: --episode-steps"


@dataclasses.dataclass(frozen=True)
class ColumnarEpisodes:
    """Steps of one or more files; row i holds an observation and the action taken there.

    Attributes:
        where: the file, for messages.
        observation: `[N, O]`. action: `[N, A]`. reward: `[N]`.
        goal: `[N, G]` the goal in force, or None.
        length: `[E]` int64, rows of each episode.
        terminated: `[E]` bool, the last action ended the episode; else it was cut off there.
        final: `[E, O]` what was observed after the last action, or None where the file does not say
            so: then the last action of each episode belongs to no step.
        notes: what the user should know, a sentence each.
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

    @property
    def used(self) -> np.ndarray:
        """Rows whose action and reward are imported, `[N]` bool."""
        used = np.ones(len(self.action), bool)
        if self.final is None:
            used[np.cumsum(self.length) - 1] = False
        return used


def read_episodes(
    source: ColumnReader,
    columns: Columns,
    length: np.ndarray,
    *,
    marks: Sequence[str],
    terminal: np.ndarray | None = None,
    observation: np.ndarray | None = None,
    final: np.ndarray | None = None,
) -> ColumnarEpisodes:
    """Read and check the columns of a file whose episodes are known.

    Args:
        source: the file.
        columns: names of all that is to be read.
        length: `[E]` rows of each episode.
        marks: columns that told the episodes.
        terminal: `[N]` bool, rows whose action ended the episode.
        observation: `[N, O]` where it was read already.
        final: see `ColumnarEpisodes`.

    Raises:
        UserError: missing, unequally long or unsuitable columns; values that are not finite.
    """
    if observation is None:
        observation = source.join(columns.observations)
    action = source.join(columns.actions)
    reward = np.zeros(len(action)) if columns.rewards is None else source.vector(columns.rewards)
    goal = None if columns.goal is None else source.column(columns.goal)
    others = ((columns.actions[0], action), (columns.rewards, reward), (columns.goal, goal))
    for name, array in others:
        if name is not None and array is not None:
            source.check_rows(name, len(array), len(observation), columns.observations[0])
    ended = np.zeros(len(length), bool)
    if terminal is not None and final is not None:
        ended = terminal[np.cumsum(length) - 1]
    rows = ColumnarEpisodes(source.where, observation, action, reward, goal, length, ended, final)
    _check_finite(rows, columns)
    return dataclasses.replace(rows, notes=_notes(source, columns, rows, marks))


def _notes(
    source: ColumnReader, columns: Columns, rows: ColumnarEpisodes, marks: Sequence[str]
) -> tuple[str, ...]:
    used = {*columns.observations, *columns.actions, columns.rewards, columns.goal, *marks}
    rest = [name for name in source.names if name not in used]
    notes = {
        DROPPED: rows.final is None,
        NO_REWARDS: columns.rewards is None,
        ONE_EPISODE: len(rows.length) == 1,
        f"columns left out: {', '.join(rest)}": rest,
    }
    return tuple(note for note, applies in notes.items() if applies)


def episode_lengths(end: np.ndarray, limit: int | None = None) -> np.ndarray:
    """Rows of each episode `[E]`, from where episodes end.

    Rows after the last end are an episode too, which was cut off by the end of the file.

    Args:
        end: `[N]` bool, last rows of episodes.
        limit: an episode ends after so many rows at the latest.
    """
    last = np.flatnonzero(end)
    if not len(last) or last[-1] != len(end) - 1:
        last = np.append(last, len(end) - 1)
    length = np.diff(last, prepend=-1)
    if limit is None:
        return length
    pieces = [[limit] * (n // limit) + [n % limit] * (n % limit > 0) for n in length.tolist()]
    return np.array([n for piece in pieces for n in piece], np.int64)


def join_episodes(parts: Sequence[ColumnarEpisodes]) -> ColumnarEpisodes:
    """The episodes of several files, one after the other.

    Raises:
        UserError: when one file's observations, actions or goals are not like the first one's.
    """
    first = parts[0]
    for part in parts[1:]:
        for name in ("observation", "action", "goal", "final"):
            here, there = _width(getattr(part, name)), _width(getattr(first, name))
            if here != there:
                raise UserError(
                    f"{part.where}: {name} has {here} numbers; needed: {there}, as {first.where}"
                )
    if len(parts) == 1:
        return first
    arrays = ("observation", "action", "reward", "goal", "length", "terminated", "final")
    joined = {name: _joined([getattr(part, name) for part in parts]) for name in arrays}
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    where = ", ".join(part.where for part in parts)
    return dataclasses.replace(first, where=where, **joined, notes=tuple(notes))


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _joined(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    there = [array for array in arrays if array is not None]
    return np.concatenate(there) if there else None


def _check_finite(rows: ColumnarEpisodes, columns: Columns) -> None:
    """Check everything that becomes part of the dataset."""
    every = np.ones(len(rows.action), bool)
    checked = (
        (" and ".join(columns.observations), rows.observation, every),
        (" and ".join(columns.actions), rows.action, rows.used),
        (columns.rewards, rows.reward[:, None], rows.used),
        (columns.goal, rows.goal, every),
    )
    for name, array, used in checked:
        if array is not None:
            _refuse(rows, str(name), array, ~np.isfinite(array) & used[:, None])
    if rows.final is not None and not np.isfinite(rows.final).all():
        episode, dim = map(int, np.argwhere(~np.isfinite(rows.final))[0])
        raise UserError(
            f"{rows.where}: observation after the last action of episode {episode}, dimension "
            f"{dim}, is {rows.final[episode, dim]}; needed: finite numbers"
        )


def _refuse(rows: ColumnarEpisodes, name: str, array: np.ndarray, bad: np.ndarray) -> None:
    if not bad.any():
        return
    row, dim = map(int, np.argwhere(bad)[0])
    ends = np.cumsum(rows.length)
    episode = int(np.searchsorted(ends, row, side="right"))
    step = row - int(ends[episode] - rows.length[episode])
    raise UserError(
        f"{rows.where}: {name}, row {row} (episode {episode}, step {step}), dimension {dim} is "
        f"{array[row, dim]}; needed: finite numbers ({int(bad.sum())} are not)"
    )
