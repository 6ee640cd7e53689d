"""Files as named columns of numbers, one row per control step; every format is read as these."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from dfplan.types import UserError, listed
from dfplan.util.flags import as_flags
from dfplan.util.readers import reading

NONE = "none"
"""Column name that skips an optional column, even if the format has a default for it."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of the columns to import.

    Attributes:
        observations: Columns that are concatenated to the observation; empty for the format's
            default.
        actions: Columns that are concatenated to the action; empty for the format's default.
        rewards: Column of the rewards; None for the format's default if the file has it, `NONE`
            for no rewards.
        goal: Column of the goals; None and `NONE` as for `rewards`.
        split: Name of a subset of the episodes that the file defines; None for all of them.
    """

    observations: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    rewards: str | None = None
    goal: str | None = None
    split: str | None = None


@dataclasses.dataclass(frozen=True)
class ColumnReader:
    """Reader of the named columns of a file.

    Attributes:
        where: File name for error messages.
        names: Names of all columns in the file.
        read: Function that returns the array of a column.
    """

    where: str
    names: tuple[str, ...]
    read: Callable[[str], np.ndarray]

    def raw(self, name: str) -> np.ndarray:
        """Return a column as it is stored.

        Raises:
            UserError: If the column does not exist or cannot be read.
        """
        if name not in self.names:
            raise UserError(f"{self.where} has no column {name!r}; it has: {listed(self.names)}")
        with reading(f"{self.where}: column {name!r}"):
            return np.asarray(self.read(name))

    def column(self, name: str) -> np.ndarray:
        """Return a column as `[N, D]`: float32 if that represents its type exactly, else float64.

        Raises:
            UserError: As `raw`, or if the column does not hold a row of numbers per step.
        """
        array = self.raw(name)
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
        """Return columns concatenated to `[N, D]`.

        Raises:
            UserError: As `column`, or if the columns differ in length.
        """
        arrays = [self.column(name) for name in names]
        for name, array in zip(names, arrays, strict=True):
            self.check_rows(name, len(array), needed=len(arrays[0]), reference=names[0])
        return np.concatenate(arrays, axis=1) if len(arrays) > 1 else arrays[0]

    def dimension_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return a name for each number of joined columns; none for a single column.

        Raises:
            UserError: As `column`.
        """
        if len(names) < 2:
            return ()
        numbered: list[str] = []
        for name in names:
            width = self.column(name).shape[1]
            numbered += [f"{name} {i}" for i in range(width)] if width > 1 else [name]
        return tuple(numbered)

    def vector(self, name: str) -> np.ndarray:
        """Return a column with one number per row, `[N]`.

        Raises:
            UserError: As `column`, or if the column has more than one number per row.
        """
        array = self.column(name)
        if array.shape[1] != 1:
            raise UserError(
                f"{self.where}: column {name!r} has {array.shape[1]} numbers per row; needed: 1"
            )
        return array[:, 0]

    def flags(self, name: str, rows: int, reference: str) -> np.ndarray:
        """Return a column of flags, `[N]` bool; see `dfplan.util.flags.as_flags`.

        Args:
            name: Name of the column.
            rows: Required number of rows.
            reference: Name of the column that has this number of rows, for the error message.

        Raises:
            UserError: As `raw`, or if there is not one flag per row.
        """
        array = self.raw(name)
        if array.ndim not in (1, 2) or array.size != len(array):
            raise UserError(
                f"{self.where}: column {name!r} has shape {array.shape}; needed: (rows,)"
            )
        self.check_rows(name, len(array), needed=rows, reference=reference)
        return as_flags(array.reshape(-1), f"{self.where}: {name!r}")

    def ends(self, name: str, rows: int, reference: str) -> np.ndarray:
        """Return a column of flags that mark the last rows of episodes, `[N]` bool; see `flags`.

        Raises:
            UserError: As `flags`, or if it marks most rows, as an inverted column does.
        """
        flags = self.flags(name, rows, reference)
        count = int(flags.sum())
        if count > max(1, rows // 2):
            raise UserError(
                f"{self.where}: {name!r} is true in {count:,} of {rows:,} rows; needed: true in "
                "the last row of each episode (if it marks all other rows instead, invert it)"
            )
        return flags

    def resolve(self, columns: Columns, default: Columns) -> Columns:
        """Return the columns to read: the user's choice, and the format's default elsewhere.

        Rewards and goal are None if the user named no column and the file lacks the default one.

        Raises:
            UserError: If a split is chosen; formats that have splits resolve it themselves.
        """
        if columns.split is not None:
            raise UserError(
                f"{self.where} is of a format without splits; omit --split {columns.split}"
            )
        return Columns(
            observations=columns.observations or default.observations,
            actions=columns.actions or default.actions,
            rewards=self._optional(columns.rewards, default.rewards),
            goal=self._optional(columns.goal, default.goal),
        )

    def _optional(self, name: str | None, default: str | None) -> str | None:
        if name == NONE:
            return None
        return name or (default if default in self.names else None)

    def check_rows(self, name: str, rows: int, needed: int, reference: str) -> None:
        """Check that a column has the same number of rows as a reference column.

        Raises:
            UserError: If it does not; the message names both columns.
        """
        if rows != needed:
            raise UserError(
                f"{self.where}: {name!r} has {rows} rows; needed: {needed}, as {reference!r}"
            )
