"""Columns of next observations, such as `next_observations` beside `observations`.

They hold the result of each episode's last action, and reveal unmarked ends: rows whose next
observation is not the observation of the next row. Next observations that differ from the next rows
in any other way are ignored if the file marks all ends itself, else refused.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dfplan.data.importers.boundaries import Disagreement, find_boundaries, rounding_of
from dfplan.data.importers.columns import ColumnReader
from dfplan.types import UserError

PREFIX = "next_"
UNMARKED = "unmarked ends of episodes, found by {}: {:,}"


class NextObservations(NamedTuple):
    """Results of the actions of a file, where it holds them.

    Attributes:
        names: Columns of the next observations, whether used or not.
        values: `[N, O]`, or None if the file has no usable ones.
        end: `[N]` bool, last rows of episodes, marked or found.
        notes: What the user should know, one sentence each.
    """

    names: tuple[str, ...]
    values: np.ndarray | None
    end: np.ndarray
    notes: tuple[str, ...] = ()

    def final(self, length: np.ndarray) -> np.ndarray | None:
        """Return the observations after the last actions `[E, O]`, given the rows `[E]`."""
        return None if self.values is None else self.values[np.cumsum(length) - 1]


def read_next(
    reader: ColumnReader,
    names: Sequence[str],
    observation: np.ndarray,
    end: np.ndarray,
    *,
    marks: Sequence[str],
) -> NextObservations:
    """Read the next observations of a file and compare them with its observations.

    Args:
        reader: Reader of the file.
        names: Columns of the observations.
        observation: `[N, O]`, these columns.
        end: `[N]` bool, marked last rows of episodes.
        marks: Columns that would mark the end of every episode.

    Raises:
        UserError: If next observations differ from observations in size, or contradict them in a
            file without such marks.
    """
    next_names = tuple(PREFIX + name for name in names)
    if not all(name in reader.names for name in next_names):
        return NextObservations((), None, end)
    values = reader.join(next_names)
    label = " and ".join(next_names)
    observation_label = " and ".join(names)
    reader.check_rows(label, len(values), needed=len(observation), reference=observation_label)
    if values.shape != observation.shape:
        raise UserError(
            f"{reader.where}: {label!r} has {values.shape[1]} numbers per row; "
            f"needed: {observation.shape[1]}, as {observation_label!r}"
        )
    rounding = rounding_of(*(reader.raw(name).dtype for name in (*names, *next_names)))
    resets, disagreement = find_boundaries(observation, values, end, rounding=rounding)
    if disagreement is None:
        count = int(resets.sum())
        notes = (UNMARKED.format(label, count),) if count else ()
        return NextObservations(next_names, values, end | np.append(resets, False), notes)
    text = _describe(disagreement, len(observation), label, observation_label)
    if not any(mark in reader.names for mark in marks):
        raise UserError(
            f"{reader.where}: {text}; needed: the same numbers, or {' or '.join(map(repr, marks))} "
            f"for the ends of episodes, or no {label!r}"
        )
    return NextObservations(next_names, None, end, (f"{label} are ignored: {text}",))


def _describe(disagreement: Disagreement, rows: int, label: str, observation_label: str) -> str:
    return (
        f"{label}, row {disagreement.row}, dimension {disagreement.dim}, is "
        f"{disagreement.next_value:g}, and {observation_label} has {disagreement.value:g} in the "
        f"next row ({disagreement.rows:,} of {rows:,} rows disagree beyond rounding)"
    )
