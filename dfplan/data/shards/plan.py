"""The plan of a directory of shards: what it will hold."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Progress = Callable[[str, int], None]
"""Function that is called with a verb, such as "writing", and the number of rows done."""
PLAN = "unfinished.json"
"""File that describes shards that are being written, so that another call continues them."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Contents of a directory of shards; another call continues only the same plan.

    Attributes:
        format: Version of the format.
        dataset_id: Minari id.
        source: See `Manifest`.
        choices: See `Manifest`.
        layout: See `Manifest`.
        shards: Number of shards.
    """

    format: int
    dataset_id: str
    source: tuple[int, ...]
    choices: dict[str, Any]
    layout: dict[str, Any]
    shards: int


@dataclasses.dataclass(frozen=True)
class Episodes:
    """The episodes that have steps.

    Attributes:
        ids: `[E]`, indices in the dataset.
        length: `[E]` int64, number of rows of each.
    """

    ids: np.ndarray
    length: np.ndarray

    @property
    def start(self) -> np.ndarray:
        """`[E]` int64, first row of each."""
        return np.cumsum(self.length) - self.length

    @property
    def rows(self) -> int:
        """Number of rows of all episodes."""
        return int(self.length.sum())
