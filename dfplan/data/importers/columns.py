"""ColumnReader: a file as named columns of numbers, a row a control step; every format becomes one."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from dfplan.types import UserError, one_line

NONE = "none"
"""Stands for no column where a format would take one by default."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of the columns to import.

    Attributes:
        observations, actions: one or more, put side by side; empty takes the format's own.
        rewards, goal: one each; None takes the format's own where the file has it, `NONE` none.
    """

    observations: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    rewards: str | None = None
    goal: str | None = None


@dataclasses.dataclass(frozen=True)
class ColumnReader:
    """Named columns of a file.

    Attributes:
        where: the file, for messages.
        names: columns that there are.
        read: the array of a column.
    """

    where: str
    names: tuple[str, ...]
    read: Callable[[str], np.ndarray]

    def column(self, name: str) -> np.ndarray:
        """A column as `[N, D]`, floating point: float32 where that holds every value, else float64.

        Raises:
            UserError: when there is no such column, or it does not hold a row of numbers per step.
        """
        if name not in self.names:
            raise UserError(f"{self.where} has no column {name!r}; it has: {_listed(self.names)}")
        try:
            array = np.asarray(self.read(name))
        except (ValueError, OSError) as error:  # pickled objects, a damaged file
            raise UserError(f"{self.where}: column {name!r}: {one_line(error)}") from error
        if array.dtype.kind not in "biuf":
            raise UserError(f"{self.where}: column {name!r} holds {array.dtype}; needed: numbers")
        if array.ndim not in (1, 2) or not array.size:
            raise UserError(
                f"{self.where}: column {name!r} has shape {array.shape}; "
                "needed: (rows,) or (rows, numbers)"
            )
        array = array.reshape(len(array), -1)
        return array.astype(np.result_type(array.dtype, np.float32), copy=False)

    def join(self, names: Sequence[str]) -> np.ndarray:
        """Columns side by side, `[N, D]`.

        Raises:
            UserError: as `column`, or when they are not equally long.
        """
        parts = [self.column(name) for name in names]
        for name, part in zip(names, parts, strict=True):
            self.check_rows(name, len(part), len(parts[0]), names[0])
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def vector(self, name: str) -> np.ndarray:
        """A column of one number per row, `[N]`.

        Raises:
            UserError: as `column`, or when it holds more.
        """
        array = self.column(name)
        if array.shape[1] != 1:
            raise UserError(
                f"{self.where}: column {name!r} has {array.shape[1]} numbers per row; needed: 1"
            )
        return array[:, 0]

    def flags(self, name: str, rows: int, like: str) -> np.ndarray:
        """A column of yes and no, `[N]` bool; any number but 0 is yes.

        Raises:
            UserError: as `vector`, or when it has not `rows` rows, as the column `like`.
        """
        array = self.vector(name)
        self.check_rows(name, len(array), rows, like)
        return array != 0

    def choose(self, given: Columns, default: Columns) -> Columns:
        """The columns to read: those that were given, and the format's own in the place of others.

        Rewards and goal stay away where the file has no such column and none was asked for.
        """
        return Columns(
            given.observations or default.observations,
            given.actions or default.actions,
            self._optional(given.rewards, default.rewards),
            self._optional(given.goal, default.goal),
        )

    def _optional(self, given: str | None, default: str | None) -> str | None:
        if given == NONE:
            return None
        return given or (default if default in self.names else None)

    def check_rows(self, name: str, rows: int, needed: int, like: str) -> None:
        """Check that a column is as long as another one.

        Raises:
            UserError: naming both.
        """
        if rows != needed:
            raise UserError(
                f"{self.where}: {name!r} has {rows} rows; needed: {needed}, as {like!r}"
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
