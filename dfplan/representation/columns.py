"""Statistics of a dataset's columns, measured at once or added up part by part."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from dfplan.representation.spread import Spread


class Columns(NamedTuple):
    """What a normalizer is fitted to; each `[D]`, in the dataset's units.

    Attributes:
        mean: Mean, float64.
        low: Lowest value.
        high: Highest value.
        spread: Spread.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    spread: Spread

    @classmethod
    def measure(cls, data: np.ndarray, is_first: np.ndarray | None = None) -> "Columns":
        """Return the statistics of `data` `[N, D]`.

        Args:
            data: Rows of one or more sequences, one after the other.
            is_first: `[N]` bool, first row of each sequence; None for a single sequence.
        """
        exact = np.asarray(data, np.float64)
        return cls(
            mean=exact.mean(axis=0),
            low=data.min(axis=0),
            high=data.max(axis=0),
            spread=Spread.measure(exact, is_first),
        )


@dataclasses.dataclass(frozen=True)
class ColumnSums:
    """Statistics of a part of a dataset, which `merge` adds up; each `[D]` float64.

    Attributes:
        count: Number of rows.
        mean: Mean.
        square: Sum of squared deviations from the mean.
        low: Lowest value.
        high: Highest value.
        changes: Number of pairs of a row and the next one of the same sequence.
        squared_change: Sum of the squared changes between these.
    """

    count: int
    mean: np.ndarray
    square: np.ndarray
    low: np.ndarray
    high: np.ndarray
    changes: int
    squared_change: np.ndarray

    @classmethod
    def measure(
        cls, data: np.ndarray, is_first: np.ndarray | None = None, *, before: int = 0
    ) -> "ColumnSums":
        """Return the sums of consecutive rows, `data` `[N, D]`.

        Args:
            data: Rows; at least one that counts.
            is_first: `[N]` bool, first row of each sequence; None for a single sequence.
            before: Number of leading rows that count for the changes alone, as another part has
                them: 0 or 1.
        """
        exact = np.asarray(data, np.float64)
        counted = exact[before:]
        mean = counted.mean(axis=0)
        change = np.diff(exact, axis=0)
        if is_first is not None:
            change = change[~is_first[1:]]
        return cls(
            count=len(counted),
            mean=mean,
            square=((counted - mean) ** 2).sum(axis=0),
            low=counted.min(axis=0),
            high=counted.max(axis=0),
            changes=len(change),
            squared_change=(change**2).sum(axis=0),
        )

    def merge(self, other: "ColumnSums") -> "ColumnSums":
        """Return the sums of both parts (Chan et al. 1979)."""
        count = self.count + other.count
        difference = other.mean - self.mean
        share = other.count / count
        return ColumnSums(
            count=count,
            mean=self.mean + difference * share,
            square=self.square + other.square + difference**2 * (self.count * share),
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            changes=self.changes + other.changes,
            squared_change=self.squared_change + other.squared_change,
        )

    def columns(self) -> Columns:
        """Return the statistics of all parts together, as `Columns.measure` does."""
        deviation = np.sqrt(self.square / self.count)
        spread = Spread(
            std=np.where(self.low == self.high, 0.0, deviation),
            magnitude=np.maximum(np.abs(self.low), np.abs(self.high)),
            change=np.sqrt(self.squared_change / max(self.changes, 1)),
        )
        return Columns(mean=self.mean, low=self.low, high=self.high, spread=spread)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, from which `from_dict` returns the same numbers."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ColumnSums":
        """Return the sums of a JSON form."""
        arrays = {k: np.array(v, np.float64) for k, v in values.items() if isinstance(v, list)}
        return cls(**{**values, **arrays})
