"""Profile: the contents of a Minari dataset as numbers that fit on a page."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dfplan.data.profile.moments import Moments
from dfplan.representation.layout import Layout
from dfplan.representation.narrow import is_narrow


class Location(NamedTuple):
    """Id of an episode and step within it."""

    episode: int
    step: int


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One number of a state, action, goal or reward, over the whole dataset.

    Attributes:
        name: Name such as "observation 3", or "obs/object 3" if the dataset stores names.
        low: Lowest finite value; NaN without finite values.
        mean: Mean of the finite values; NaN without finite values.
        std: Standard deviation of the finite values; NaN without finite values.
        high: Highest finite value; NaN without finite values.
        missing: Share of values that are not finite.
        at_ends: Share of the finite values that equal the lowest or the highest one.
        outlier_steps: Number of steps that change a state far more than usual; see
            `dfplan.data.profile.outlier_steps`.
        noise: Whether the dimension of a state or action holds nothing but a constant and noise,
            see `dfplan.representation.spread.Spread.is_noise`.
    """

    name: str
    low: float
    mean: float
    std: float
    high: float
    missing: float
    at_ends: float
    outlier_steps: int = 0
    noise: bool = False

    @property
    def constant(self) -> bool:
        """Whether all finite values are equal."""
        return self.low == self.high

    @property
    def narrow(self) -> bool:
        """Whether it may hold only drift, see `dfplan.representation.narrow`."""
        varies = self.std > 0 and not (self.constant or self.noise)
        return varies and bool(is_narrow(np.array(self.mean), np.array(self.std)))


@dataclasses.dataclass(frozen=True)
class Profile:
    """Contents of a dataset.

    Attributes:
        dataset_id: Minari id.
        spaces: Text of the "observation" and "action" spaces.
        length: `[E]` int64, steps of each episode.
        layout: Layout by which dfplan reads the dataset; None if dfplan cannot read it.
        problem: Reason why dfplan cannot read the dataset, in which case the fields below are
            empty; empty if dfplan can read it.
        ends: Number of episodes by kind of end: "terminated", "truncated" or "unmarked".
        state: Dimensions of the state.
        action: Dimensions of the action.
        goal: Dimensions of the goal.
        reward: The reward, as one dimension.
        returns: `[E]`, sum of rewards of each episode.
        goal_intervals: `[K]`, control steps between consecutive changes of the goal.
        missed_boundaries: Number of steps that look like a missed episode boundary: outliers in
            half of the state's dimensions.
        missed_boundary_locations: The first of these steps.
        first_missing: Location of the first value that is not finite, or None.
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
        """Total number of control steps."""
        return int(self.length.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: arrays as summaries, numbers that are not finite as null."""
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
    name: str,
    measured: Moments | None,
    outlier_steps: np.ndarray | None = None,
    noise: np.ndarray | None = None,
) -> tuple[Dimension, ...]:
    """Return the dimensions of a vector, numbered unless there is only one.

    Args:
        name: Name of the vector.
        measured: Moments of its values; None for no dimensions.
        outlier_steps: `[D]`, number of outlier steps per dimension.
        noise: `[D]` bool, dimensions that hold nothing but noise.
    """
    if measured is None:
        return ()
    count = np.maximum(measured.count, 1)
    total = measured.count + measured.missing
    nan_if_empty = np.where(measured.count, 1.0, np.nan)
    columns = (
        measured.low * nan_if_empty,
        measured.mean * nan_if_empty,
        measured.std,
        measured.high * nan_if_empty,
        measured.missing / np.maximum(total, 1),
        (measured.at_low + measured.at_high * (measured.low != measured.high)) / count,
    )
    if outlier_steps is None:
        outlier_steps = np.zeros(len(total), int)
    if noise is None:
        noise = np.zeros(len(total), bool)
    names = [name] if len(total) == 1 else [f"{name} {i}" for i in range(len(total))]
    rows = zip(
        names, *(column.tolist() for column in (*columns, outlier_steps, noise)), strict=True
    )
    return tuple(Dimension(*row) for row in rows)


def summary(values: np.ndarray) -> dict[str, float] | None:
    """Return minimum, median and maximum; None without values."""
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
