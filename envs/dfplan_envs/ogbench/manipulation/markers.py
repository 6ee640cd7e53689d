"""MuJoCo markers of a plan: the gripper's path, and the cubes where they will be."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan_envs.ogbench.manipulation.tasks import ARM, CUBE, EFFECTOR, POSITION_SCALE

SPHERE = 2
"""MuJoCo's mjtGeom of a sphere."""
BOX = 6
"""MuJoCo's mjtGeom of a box."""
CENTER = np.array([0.425, 0.0, 0.0])
"""World position in meters at which positions of a state are zero."""
HALF_EDGE = 0.02
"""Half of a cube's edge in meters."""
MOVED = 0.02
"""Cubes that move less in a plan, in meters, have no ghost."""
GHOSTS = 4
"""Ghosts of a cube that moves, the last of them at the plan's end."""
DOT = 0.005
"""Radius in meters of the dots on the gripper's path."""
COLOR = (0.0, 0.75, 0.5)


def cube_markers(states: np.ndarray, cubes: int) -> Iterator[dict[str, Any]]:
    """Yield the markers of a plan, the most important ones first.

    Args:
        states: `[T, S]` states of the plan.
        cubes: Number of cubes; they follow the arm in the state.
    """
    for number in range(cubes):
        pose = states[:, ARM + CUBE * number : ARM + CUBE * (number + 1)]
        places = to_world(pose[:, :3])
        if np.linalg.norm(places - places[0], axis=-1).max() < MOVED:
            continue
        still = np.linalg.norm(places - places[-1], axis=-1) < MOVED
        arrival = int(np.argmax(still))
        tokens = np.unique(np.linspace(0, arrival, GHOSTS + 1).round().astype(int))[1:]
        for order, token in enumerate(tokens[::-1]):
            yield {
                "type": BOX,
                "size": np.full(3, HALF_EDGE),
                "pos": places[token],
                "mat": _turned(*pose[token, 7:9]),
                "rgba": np.array([*COLOR, 0.6 if order == 0 else 0.25]),
            }
    for place in to_world(states[:, EFFECTOR[:3]]):
        yield {
            "type": SPHERE,
            "size": np.full(3, DOT),
            "pos": place,
            "rgba": np.array([*COLOR, 0.9]),
        }


def to_world(positions: np.ndarray) -> np.ndarray:
    """Return world coordinates in meters of positions `[..., 3]` of a state."""
    return positions / POSITION_SCALE + CENTER


def _turned(cosine: float, sine: float) -> np.ndarray:
    """Return the rotation by a yaw angle, as MuJoCo's nine numbers."""
    x, y = np.array([cosine, sine]) / max(float(np.hypot(cosine, sine)), 1e-6)
    return np.array([x, -y, 0.0, y, x, 0.0, 0.0, 0.0, 1.0])


def one_cube(states: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the markers of a plan for one cube."""
    return cube_markers(states, 1)


def two_cubes(states: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the markers of a plan for two cubes."""
    return cube_markers(states, 2)


def three_cubes(states: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the markers of a plan for three cubes."""
    return cube_markers(states, 3)
