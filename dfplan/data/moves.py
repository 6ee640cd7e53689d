"""Moves: parts of an episode in which a robot changes an object, or several at once.

The objects of a move begin to change together, and the move is over when all of them are at rest.
Data of a robot that handles objects are a sequence of moves, which `find_moves` tells apart.
`isolate_moves` makes an episode of each. That episode begins where the previous move is over, or
some tokens earlier. It ends some tokens after the move, so that plans also let go of the object. It
shows only the objects that the move changes, so that a network that is trained on it learns a move
independently of where the other objects are.
"""

import dataclasses
import itertools

import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.data.trajectories import Trajectories
from dfplan.representation.objects import Objects
from dfplan.types import UserError

AT_REST = 0.25
"""Largest distance that an object at rest covers within a token, in tolerances of the goal."""


@dataclasses.dataclass(frozen=True)
class Moves:
    """Rows of moves, in the order of the data.

    Attributes:
        earliest: `[M]` row from which the objects of the previous move changed, or the episode's
            first row.
        begin: `[M]` row at which the previous move was over, or the episode's first row.
        first: `[M]` row from which the objects of the move change.
        end: `[M]` row at which they are at rest again.
        last: `[M]` row from which the objects of the next move change, or the episode's last row.
        changes: `[M, K]` whether the move changes each object.
    """

    earliest: Int[np.ndarray, "M"]
    begin: Int[np.ndarray, "M"]
    first: Int[np.ndarray, "M"]
    end: Int[np.ndarray, "M"]
    last: Int[np.ndarray, "M"]
    changes: Bool[np.ndarray, "M K"]


def find_moves(data: Trajectories, objects: Objects, tolerance: float, stride: int) -> Moves:
    """Find the moves of a dataset.

    Args:
        data: Dataset.
        objects: Objects of the task.
        tolerance: Tolerance of the goal. An object that ends within it of where it began is
            unchanged.
        stride: Control steps per token. A shorter rest does not end a move.

    Raises:
        UserError: If no object is ever moved.
    """
    values = data.state[:, list(objects.goal_dims)]
    rows: list[tuple[int, int, int, int, int]] = []
    changes: list[np.ndarray] = []
    for start, length in zip(data.start.tolist(), data.length.tolist(), strict=True):
        episode = values[start : start + length]
        earliest = begin = start
        stretches = _stretches(_is_moving(episode, objects, tolerance, stride), stride)
        lasts = [first for first, _ in stretches[1:]] + [length - 1]
        for (first, end), last in zip(stretches, lasts, strict=False):
            offset = _distances(episode[end] - episode[first], objects)
            if (offset > tolerance).any():
                rows.append((earliest, begin, start + first, start + end, start + last))
                changes.append(offset > tolerance)
            earliest = start + first
            begin = start + end
    if not rows:
        raise UserError(
            f"data.single_moves needs data in which objects move, and in {data.dataset_id!r} none "
            f"moves farther than planner.goal.tolerance {tolerance:g}"
        )
    earliest, begin, first, end, last = np.array(rows).T
    return Moves(earliest, begin, first, end, last, np.stack(changes))


def _is_moving(
    values: Float[np.ndarray, "L G"], objects: Objects, tolerance: float, stride: int
) -> Bool[np.ndarray, "L"]:
    """Return the rows of an episode at which any object moves."""
    moving = np.zeros(len(values), bool)
    later = values[stride:]
    offset = _distances(later - values[: len(later)], objects).max(axis=-1)
    for row in np.flatnonzero(offset > AT_REST * tolerance):
        moving[row : row + stride + 1] = True
    return moving


def _distances(offset: Float[np.ndarray, "*b G"], objects: Objects) -> Float[np.ndarray, "*b K"]:
    """Return how far each object moved."""
    return np.stack(
        [np.linalg.norm(offset[..., list(places)], axis=-1) for places in objects.places], axis=-1
    )


def _stretches(moving: Bool[np.ndarray, "L"], stride: int) -> list[tuple[int, int]]:
    """Return the first and last row of each stretch in which objects move.

    A pause that is shorter than a token does not end a stretch.
    """
    rows = np.flatnonzero(moving)
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) > stride)
    firsts = rows[np.r_[0, breaks + 1]]
    lasts = rows[np.r_[breaks, len(rows) - 1]]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def isolate_moves(
    data: Trajectories,
    moves: Moves,
    objects: Objects,
    hidden: Float[np.ndarray, "S"],
    stride: int,
    lead: int,
    tail: int,
) -> Trajectories:
    """Return a dataset with one episode per move; see the module.

    Args:
        data: Dataset.
        moves: Its moves.
        objects: Objects of the task.
        hidden: State that supplies the values of the objects that an episode does not show.
        stride: Control steps per token.
        lead: Tokens by which an episode begins before the previous move is over, at most as long as
            that move. These tokens show the gripper while it still holds another object.
        tail: Tokens by which an episode continues after the move, at most up to the next move.
    """
    state_dim = data.state.shape[1]
    states = []
    actions = []
    ends = np.minimum(moves.end + tail * stride, moves.last)
    begins = np.maximum(moves.begin - lead * stride, moves.earliest)
    for begin, end, changes in zip(begins, ends, moves.changes, strict=True):
        view = objects.view(np.flatnonzero(changes).tolist(), state_dim)
        states.append(view.show(data.state[begin : end + 1], hidden))
        action = data.action[begin : end + 1].copy()
        action[-1] = 0.0
        actions.append(action)
    length = np.array([len(state) for state in states])
    start = np.array([0, *itertools.accumulate(length.tolist())][:-1])
    return dataclasses.replace(
        data,
        state=np.concatenate(states).astype(np.float32),
        action=np.concatenate(actions),
        start=start,
        length=length,
    )
