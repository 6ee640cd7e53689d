"""TrainingArrays: a normalized dataset on the device, from which windows are cut."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dfplan.data.draw import RowIndex, WindowRows
from dfplan.data.stitch import StitchGraph, fit_stitch_graph
from dfplan.data.training_data import TrainingData
from dfplan.data.trajectories import Trajectories
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array, UserError


class Rest(NamedTuple):
    """Zeros in SI units, normalized.

    Attributes:
        state: `[S]`.
        action: `[A]`.
    """

    state: Array
    action: Array

    @classmethod
    def encode(cls, states: Normalizer, actions: Normalizer) -> "Rest":
        """Return the zeros of these normalizers."""
        return cls(
            state=states.encode(jnp.zeros(states.mean.shape, jnp.float32)),
            action=actions.encode(jnp.zeros(actions.mean.shape, jnp.float32)),
        )


class WindowValues(NamedTuple):
    """Values of the rows of a batch, arrays of NumPy or JAX.

    Attributes:
        frames: `[B, T, F, S]`, states of each token.
        actions: `[B, T, stride, A]`, actions before each token; None if tokens hold none.
        state: `[B, S]`, state of the transition.
        action: `[B, A]`, action taken at it.
        next_state: `[B, S]`, the state after it.
        goal: `[B, S]`, the goal's state; `[B]`, quantile of the return, if plans are conditioned on
            rewards; or None.
    """

    frames: Any
    actions: Any
    state: Any
    action: Any
    next_state: Any
    goal: Any


class TrainingArrays(NamedTuple):
    """A normalized dataset on the device.

    Attributes:
        state: `[N, S]`, normalized.
        action: `[N, A]`, normalized.
        row_index: Rows of each row's episode, and rows at which a window may begin.
        rest: A zero state and a zero action, normalized.
        return_quantile: `[N]`, quantile of the return from each row, 0 to 1; None unless plans are
            conditioned on rewards.
        stitch: Graph from which windows are stitched; None unless `data.stitch`.
    """

    state: Array
    action: Array
    row_index: RowIndex
    rest: Rest
    return_quantile: Array | None = None
    stitch: StitchGraph | None = None

    def read(self, rows: WindowRows) -> WindowValues:
        """Return the values of these rows."""
        goal = None
        if rows.goal is not None:
            goal = self.state[rows.goal]
        elif self.return_quantile is not None:
            goal = self.return_quantile[rows.state]
        return WindowValues(
            frames=self.state[rows.frames],
            actions=None if rows.actions is None else self.action[rows.actions],
            state=self.state[rows.state],
            action=self.action[rows.state],
            next_state=self.state[rows.next_state],
            goal=goal,
        )


def fit_normalizers(data: TrainingData) -> tuple[Normalizer, Normalizer]:
    """Fit normalizers to the states, and to the actions of all steps."""
    return Normalizer.of(data.state_columns), Normalizer.of(data.action_columns)


def make_training_arrays(
    data: Trajectories,
    config: DataConfig,
    states: Normalizer,
    actions: Normalizer,
    return_quantile: np.ndarray | None = None,
) -> TrainingArrays:
    """Normalize a dataset and move it to the device.

    Args:
        data: Dataset.
        config: Data settings.
        states: Normalizer of states.
        actions: Normalizer of actions.
        return_quantile: `[N]`, see `TrainingArrays`.

    Raises:
        UserError: If every episode has fewer steps than a token.
    """
    first = np.repeat(data.start, data.length)
    last = data.last_row
    rows = np.arange(len(data.state))
    begin = rows[last - rows >= config.stride]
    check_stride(data, config.stride)
    quantile = None if return_quantile is None else jnp.asarray(return_quantile, jnp.float32)
    return TrainingArrays(
        state=states.encode(data.state),
        action=actions.encode(data.action),
        row_index=RowIndex(
            first=jnp.asarray(first, jnp.int32),
            last=jnp.asarray(last, jnp.int32),
            begin=jnp.asarray(begin, jnp.int32),
        ),
        rest=Rest.encode(states, actions),
        return_quantile=quantile,
        stitch=_stitch_graph(data, config, last) if config.stitch else None,
    )


def check_stride(data: TrainingData, stride: int) -> None:
    """Check that some episode has at least as many steps as a token.

    Raises:
        UserError: If none has.
    """
    longest = int(data.length.max()) - 1
    if stride > longest:
        raise UserError(
            f"data.stride {stride} is longer than every episode of {data.dataset_id!r}; "
            f"valid: 1 to {longest}"
        )


def _stitch_graph(data: Trajectories, config: DataConfig, last: np.ndarray) -> StitchGraph:
    dims = list(data.layout.goal_dims)
    if not dims:
        raise UserError(
            "data.stitch needs goals that are states, and this task has none; valid here: false"
        )
    return fit_stitch_graph(data.state[:, dims], last, stride=config.stride)
