"""The hard bound: how soon the goal can be reached by any controller at all.

The length is a lower bound of the shortest way: the ball may cut corners as far as it sinks into
walls, and the grid's errors are taken off. The speed is an upper bound of an axis's: 5.23 m/s,
since the limit of 5 m/s is applied before a step's push, not after it. What is left out: a soft
contact can throw the ball off a wall faster than it pushes itself, which is worth a centimetre or
two each time. How tight it is: turns cost nothing here, whereas reversing an axis at full speed
takes 42 steps, so near-optimal control needs about a tenth more on ways with many corners.
"""

import numpy as np

from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.model import DT, MAX_SPEED
from experiments.maze2d.geodesic import geodesic
from experiments.maze2d.physics import PointMass, point_mass


def soonest_reach(env: PointMazeEnv, starts: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """Steps [E] before which no controller reaches its goal; 0 where it starts there.

    The faster axis of the start pushes along the shortest way from the first step on, without ever
    braking.

    Args:
        env: a PointMaze without wrappers.
        starts: [E, 4] x, y, vx, vy. goals: [E, 2].

    Raises:
        ValueError: if a goal cannot be reached.
    """
    mass = point_mass(env.model)
    steps = [
        _steps_for(
            mass,
            float(geodesic(env.maze, goal, env.success_radius)(start[:2])),
            float(np.abs(start[2:]).max()),
        )
        for start, goal in zip(starts, goals, strict=True)
    ]
    return np.array(steps)


def _steps_for(mass: PointMass, length: float, speed: float) -> int:
    """Steps to move `length` metres along an axis, from `speed` on, at full push."""
    if not np.isfinite(length):
        raise ValueError("the ball cannot go from the start to the goal")
    steps = 0
    velocity = np.array(min(speed, MAX_SPEED))
    while length > 1e-9:
        velocity = mass.speed(velocity, np.array(1.0))
        length -= DT * float(velocity)
        steps += 1
    return steps
