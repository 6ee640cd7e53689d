"""Profile: what a Minari dataset holds, as numbers that fit in a page."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dfplan.data.profile.moments import Moments
from dfplan.representation.layout import Layout


class Location(NamedTuple):
    """Where something is: id of the episode, step in it."""

    episode: int
    step: int


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One number of a state, action, goal or reward, over the whole dataset.

    Attributes:
        name: such as "observation 3".
        low, mean, std, high: of its finite values; NaN where there is none.
        missing: share of values that are not finite.
        at_ends: share of values that equal its lowest or highest one.
        jumps: Steps that change a state far more than usual, see `outlier_steps`.
    """

    name: str
    low: float
    mean: float
    std: float
    high: float
    missing: float
    at_ends: float
    outlier_steps: int = 0

    @property
    def constant(self) -> bool:
        """It has one value throughout."""
        return self.low == self.high


@dataclasses.dataclass(frozen=True)
class Profile:
    """What a dataset holds.

    Attributes:
        dataset_id: Minari id.
        spaces: "observation" and "action", as text.
        length: `[E]` int64, steps of each episode.
        ends: how many episodes were "terminated", "truncated", or end "unmarked".
        layout: how dfplan reads it; None where it cannot.
        problem: why not; else empty. The fields below are empty then.
        state, action, goal: their dimensions; reward: one.
        returns: sum of rewards `[E]`.
        goal_intervals: `[K]` control steps between two changes of the goal.
        breaks: steps at which half of the state's dimensions jump at once.
        missed_boundary_locations: the first of them.
        first_missing: the first value that is not finite, or None.
    """

    dataset_id: str
    spaces: Mapping[str, str]
    length: np.ndarray
    layout: Layout | None = None
    problem: str = ""
    ends: Mapping[str, int] = dataclasses.field(default_factory=dict)
    state: tuple[Dimension, ...] = ()
    action: tuple[Dimension, ...] = ()
    goal: tuple[Dimension, ...] = ()
    reward: tuple[Dimension, ...] = ()
    returns: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    goal_intervals: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    missed_boundaries: int = 0
    missed_boundary_locations: tuple[Location, ...] = ()
    first_missing: Location | None = None

    @property
    def steps(self) -> int:
        """Control steps in all."""
        return int(self.length.sum())

    def to_dict(self) -> dict[str, Any]:
        """JSON form: arrays as their summaries, no number that JSON lacks."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("state", "action", "goal", "reward"):
            values[name] = [dataclasses.asdict(dimension) for dimension in values[name]]
        values |= {"episodes": len(self.length), "steps": self.steps}
        values |= {name: summary(values[name]) for name in ("length", "returns", "goal_intervals")}
        values["layout"] = None if self.layout is None else dataclasses.asdict(self.layout)
        for name in ("missed_boundary_locations", "first_missing"):
            values[name] = values[name] and list(values[name])
        return _plain(values)


def dimensions(
    name: str, measured: Moments | None, jumps: np.ndarray | None = None
) -> tuple[Dimension, ...]:
    """The dimensions of a vector, numbered unless there is only one."""
    if measured is None:
        return ()
    count = np.maximum(measured.count, 1)
    total = measured.count + measured.missing
    fine = np.where(measured.count, 1.0, np.nan)
    columns = (
        measured.low * fine,
        measured.mean * fine,
        measured.std,
        measured.high * fine,
        measured.missing / np.maximum(total, 1),
        (measured.at_low + measured.at_high * (measured.low != measured.high)) / count,
    )
    counts = np.zeros(len(total), int) if jumps is None else jumps
    names = [name] if len(total) == 1 else [f"{name} {i}" for i in range(len(total))]
    rows = zip(names, *(column.tolist() for column in (*columns, counts)), strict=True)
    return tuple(Dimension(*row) for row in rows)


def summary(values: np.ndarray) -> dict[str, float] | None:
    """Smallest, median and largest of some numbers; None of none."""
    if not len(values):
        return None
    return {
        "min": float(values.min()),
        "median": float(np.median(values)),
        "max": float(values.max()),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
