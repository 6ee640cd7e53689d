"""The MuJoCo model of a PointMaze: Gymnasium-Robotics' ball, and a box for each wall cell."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import mujoco

from dfplan_envs.pointmaze.maps import Maze

WALL_HEIGHT = 0.4
"""Height of the walls, in meters."""


@cache
def _point_xml() -> str:
    # Located, not imported: importing gymnasium_robotics registers hundreds of ids.
    spec = find_spec("gymnasium_robotics")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("PointMaze needs gymnasium-robotics: pip install gymnasium-robotics")
    folder = Path(spec.submodule_search_locations[0])
    return (folder / "envs/assets/point/point.xml").read_text()


def build_model(maze: Maze) -> mujoco.MjModel:
    """Compile the model of a maze: Gymnasium-Robotics' model with the solver's warm start off.

    Without the warm start, position and velocity alone determine the next state, bit for bit.
    Results differ from those of Gymnasium-Robotics only by rounding errors.

    Args:
        maze: Maze map.

    Returns:
        Compiled model: the ball, one box per wall cell, and a site that marks the goal.

    Raises:
        ImportError: If gymnasium-robotics is not installed.
    """
    spec = mujoco.MjSpec.from_string(_point_xml())
    half_height = WALL_HEIGHT / 2
    for cell in maze.walls:
        x, y = maze.center(cell)
        spec.worldbody.add_geom(
            name=f"block_{cell[0]}_{cell[1]}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=[x, y, half_height],
            size=[0.5, 0.5, half_height],
            contype=1,
            conaffinity=1,
            rgba=[0.7, 0.5, 0.3, 1.0],
        )
    spec.worldbody.add_site(
        name="target",
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        pos=[0, 0, half_height],
        size=[0.2, 0, 0],
        rgba=[1, 0, 0, 0.7],
    )
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
    return spec.compile()
