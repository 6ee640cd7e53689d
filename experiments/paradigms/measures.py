"""Measures of a trajectory: is each state one a robot can be in, each move one it can make?

Both were defined before any rollout was looked at. A state is free if the center of the robot lies
in no wall of the map. A move from one token to the next is valid if it agrees with the velocities
at its ends: its distance from their mean times the duration is no larger than in 999 of 1,000
moves of the held-out data, and no component of its last velocity exceeds the simulator's limit.
"""

from typing import NamedTuple

import numpy as np

from dfplan.data.trajectories import Trajectories
from dfplan_envs.pointmaze.ball import DT
from dfplan_envs.pointmaze.maps import Maze
from dfplan_envs.pointmaze.pursuit import TOP_SPEED
from experiments.common.open_loop import is_free

QUANTILE = 0.999
MEASURES = ("both", "free", "valid", "speed")


class Dynamics(NamedTuple):
    """The limits of valid moves.

    Attributes:
        residual: Largest distance of a move from the mean of its end velocities times its
            duration, meters.
        top_speed: Largest speed along an axis, m/s.
        speed: Mean speed of the data, m/s.
        stride: Control steps per move.
    """

    residual: float
    top_speed: float
    speed: float
    stride: int


def fit(data: Trajectories, stride: int) -> Dynamics:
    """Compute the limits from held-out data."""
    ends = data.start + data.length
    starts = np.concatenate(
        [np.arange(a, b - stride) for a, b in zip(data.start, ends, strict=True)]
    )
    moves = np.stack([data.state[starts], data.state[starts + stride]], axis=1)
    return Dynamics(
        residual=float(np.quantile(residual(moves, stride)[:, 0], QUANTILE)),
        top_speed=TOP_SPEED,
        speed=float(np.linalg.norm(data.state[:, 2:], axis=-1).mean()),
        stride=stride,
    )


def residual(states: np.ndarray, stride: int) -> np.ndarray:
    """Return by how many meters each move `[R, P]` of states `[R, P+1, 4]` contradicts velocity."""
    position = states[..., :2]
    velocity = states[..., 2:]
    mean = (velocity[:, 1:] + velocity[:, :-1]) / 2
    return np.linalg.norm(np.diff(position, axis=1) - mean * stride * DT, axis=-1)


def check_states(states: np.ndarray, maze: Maze, dynamics: Dynamics) -> dict[str, np.ndarray]:
    """Evaluate each state and the move to it.

    Args:
        states: `[R, P+1, 4]` position and velocity, one per token, the observed present first;
            non-finite states are neither free nor valid.
        maze: Map of the maze.
        dynamics: Limits of valid moves.

    Returns:
        `[R, P]` arrays by name: whether the state is "free", the move "valid", and "both", and the
        "speed" over the data's.
    """
    finite = np.all(np.isfinite(states[:, 1:]), axis=-1)
    states = np.nan_to_num(states.astype(float), nan=1e6, posinf=1e6, neginf=-1e6).clip(-1e6, 1e6)
    after = states[:, 1:]
    free = finite & is_free(after[..., :2], maze)
    slow = (np.abs(after[..., 2:]) <= dynamics.top_speed).all(axis=-1)
    valid = finite & slow & (residual(states, dynamics.stride) <= dynamics.residual)
    speed = np.linalg.norm(after[..., 2:], axis=-1) / dynamics.speed
    return {"both": free & valid, "free": free, "valid": valid, "speed": speed}
