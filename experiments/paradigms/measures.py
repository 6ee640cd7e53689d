"""What a trajectory is judged by: is each state where a robot can be, each move one it can make?

Both were written down before any rollout was looked at. A state is free if the centre of the robot
lies in no wall of the map. A move from one token to the next is valid if it is as the velocities at
its ends say: it is not farther from their mean times the time between than 999 in 1,000 moves of
the held-out data are, and neither component of its last velocity is beyond the simulator's limit.
"""

from typing import NamedTuple

import numpy as np

from dfplan.data.minari_io import Trajectories
from dfplan_envs.pointmaze.maps import Maze
from dfplan_envs.pointmaze.model import DT
from experiments.maze2d.open_loop import is_free
from experiments.maze2d.physics import PointMass

QUANTILE = 0.999
MEASURES = ("both", "free", "valid", "speed")


class Dynamics(NamedTuple):
    """The limits of valid moves.

    Attributes:
        residual: metres between a move and the mean of its ends' velocities times its time.
        top_speed: metres per second along an axis.
        speed: mean speed of the data, metres per second.
        stride: control steps of a move.
    """

    residual: float
    top_speed: float
    speed: float
    stride: int


def fit(data: Trajectories, stride: int, ball: PointMass) -> Dynamics:
    """The limits that held-out data set."""
    ends = data.start + data.length
    first = np.concatenate(
        [np.arange(a, b - stride) for a, b in zip(data.start, ends, strict=True)]
    )
    moves = np.stack([data.state[first], data.state[first + stride]], axis=1)
    found = float(np.quantile(residual(moves, stride)[:, 0], QUANTILE))
    speed = float(np.linalg.norm(data.state[:, 2:], axis=-1).mean())
    return Dynamics(found, ball.top_speed, speed, stride)


def residual(states: np.ndarray, stride: int) -> np.ndarray:
    """Metres by which each move `[R, P]` of states `[R, P+1, 4]` is not what its velocities say."""
    position, velocity = states[..., :2], states[..., 2:]
    mean = (velocity[:, 1:] + velocity[:, :-1]) / 2
    return np.linalg.norm(np.diff(position, axis=1) - mean * stride * DT, axis=-1)


def judge(states: np.ndarray, maze: Maze, dynamics: Dynamics) -> dict[str, np.ndarray]:
    """Of each state and the move to it, `[R, P]`: what holds, and the speed over the data's.

    Args:
        states: `[R, P+1, 4]` position and velocity, one a token, the observed present first; what
            is not finite is neither free nor valid.
        maze: the map. dynamics: of the data.
    """
    finite = np.all(np.isfinite(states[:, 1:]), axis=-1)
    states = np.nan_to_num(states.astype(float), nan=1e6, posinf=1e6, neginf=-1e6).clip(-1e6, 1e6)
    after = states[:, 1:]
    free = finite & is_free(after[..., :2], maze)
    slow = (np.abs(after[..., 2:]) <= dynamics.top_speed).all(axis=-1)
    valid = finite & slow & (residual(states, dynamics.stride) <= dynamics.residual)
    speed = np.linalg.norm(after[..., 2:], axis=-1) / dynamics.speed
    return {"both": free & valid, "free": free, "valid": valid, "speed": speed}
