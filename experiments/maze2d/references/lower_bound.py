"""The hard bound: a lower bound on the steps in which any controller can reach the goal.

The length is a lower bound of the shortest path: the ball may cut corners as far as it sinks into
walls, and the grid's errors are subtracted. The speed is an upper bound for an axis: 5.23 m/s, as
the limit of 5 m/s is applied before a step's push, not after it. One effect is neglected: a soft
contact can throw the ball off a wall faster than it pushes itself, which gains a centimeter or two
each time. Tightness: turns cost nothing here, whereas reversing an axis at full speed takes 42
steps, so near-optimal control needs about a tenth more on paths with many corners.
"""

import numpy as np

from dfplan_envs.pointmaze.ball import DT, MAX_SPEED
from dfplan_envs.pointmaze.env import PointMazeEnv
from experiments.maze2d.references.geodesic import geodesic
from experiments.maze2d.references.physics import PointMass, point_mass


def soonest_reach(env: PointMazeEnv, starts: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """Return the number of steps [E] before which no controller reaches the goal.

    It is 0 for a start at the goal. The faster axis of the start pushes along the shortest path
    from the first step on and never brakes.

    Args:
        env: PointMaze environment without wrappers.
        starts: [E, 4] x, y, vx, vy.
        goals: [E, 2] positions in meters.

    Raises:
        ValueError: If a goal cannot be reached.
    """
    mass = point_mass(env.model)
    steps = [
        _steps_for(
            mass,
            length=float(geodesic(env.maze, goal, env.success_radius)(start[:2])),
            speed=float(np.abs(start[2:]).max()),
        )
        for start, goal in zip(starts, goals, strict=True)
    ]
    return np.array(steps)


def _steps_for(mass: PointMass, length: float, speed: float) -> int:
    """Return the steps to move `length` meters along an axis at full push, starting at `speed`."""
    if not np.isfinite(length):
        raise ValueError("the ball cannot get from the start to the goal")
    steps = 0
    velocity = np.array(min(speed, MAX_SPEED))
    while length > 1e-9:
        velocity = mass.speed(velocity, np.array(1.0))
        length -= DT * float(velocity)
        steps += 1
    return steps
