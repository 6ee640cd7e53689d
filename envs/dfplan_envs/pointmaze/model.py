"""The MuJoCo model of a PointMaze: Gymnasium-Robotics' ball, and a box for each wall cell."""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import mujoco

from dfplan_envs.pointmaze.maps import Maze

WALL_HEIGHT = 0.4
DT = 0.01
"""Seconds per control step; one control step is one MuJoCo step."""
MAX_SPEED = 5.0
"""Each velocity component is clipped to this before a step, in metres per second."""


@cache
def _point_xml() -> str:
    # Looked up, not imported: importing gymnasium_robotics registers hundreds of ids.
    spec = find_spec("gymnasium_robotics")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("PointMaze needs gymnasium-robotics: pip install gymnasium-robotics")
    folder = Path(spec.submodule_search_locations[0])
    return (folder / "envs/assets/point/point.xml").read_text()


def build_model(maze: Maze) -> mujoco.MjModel:
    """Compile the model of a maze, equal to Gymnasium-Robotics' but for the solver's warm start.

    The warm start is off, so that position and velocity alone determine the next state, bit for
    bit; it moves results by rounding only.
    """
    spec = mujoco.MjSpec.from_string(_point_xml())
    half = WALL_HEIGHT / 2
    for cell in maze.walls:
        x, y = maze.center(cell)
        spec.worldbody.add_geom(
            name=f"block_{cell[0]}_{cell[1]}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=[x, y, half],
            size=[0.5, 0.5, half],
            contype=1,
            conaffinity=1,
            rgba=[0.7, 0.5, 0.3, 1.0],
        )
    spec.worldbody.add_site(
        name="target",
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        pos=[0, 0, half],
        size=[0.2, 0, 0],
        rgba=[1, 0, 0, 0.7],
    )
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
    return spec.compile()
