"""Frames of a PointMaze: MuJoCo off-screen where OpenGL works, else matplotlib."""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

import os
import subprocess
import sys
from functools import cache
from typing import Protocol

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

from dfplan_envs.pointmaze.ball import RADIUS as BALL_RADIUS
from dfplan_envs.pointmaze.draw import BALL_COLOR, draw_maze
from dfplan_envs.pointmaze.maps import Maze

_PROBE = """
import mujoco
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
renderer = MujocoRenderer(model, mujoco.MjData(model), width=16, height=16)
print("frame", renderer.render("rgb_array").shape)
"""
MOST_GEOMS = 4_000
"""In a scene: walls, and what others draw into it."""


class Renderer(Protocol):
    """What draws frames."""

    def frame(self, data: mujoco.MjData, goal: np.ndarray) -> np.ndarray:
        """The present frame, uint8 [H, W, 3]."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def make_renderer(
    model: mujoco.MjModel, data: mujoco.MjData, maze: Maze, radius: float, size: tuple[int, int]
) -> Renderer:
    """The renderer that works here, for a success radius in metres and a (height, width)."""
    if has_opengl():
        return MujocoFrames(model, data, maze, size)
    return AggRenderer(maze, radius, size)


def has_opengl() -> bool:
    """Whether MuJoCo renders off-screen with MUJOCO_GL as it is now; warns once if not."""
    return _renders(os.environ.get("MUJOCO_GL", "").lower().strip())


@cache
def _renders(backend: str) -> bool:
    """A child process tries it: a missing or broken driver can print, hang or kill the process."""
    if backend not in ("off", "disable", "disabled"):
        try:
            probe = subprocess.run(
                [sys.executable, "-c", _PROBE],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=30,
            )
            if probe.returncode == 0 and "frame (16, 16, 3)" in probe.stdout:
                return True
        except (OSError, subprocess.SubprocessError):
            pass
    gym.logger.warn(
        "MuJoCo cannot render off-screen here (no OpenGL), so frames are drawn with matplotlib; "
        "where EGL or OSMesa is installed, set MUJOCO_GL=egl or MUJOCO_GL=osmesa"
    )
    return False


class MujocoFrames:
    """Gymnasium's off-screen renderer of MuJoCo, looking down from above.

    Attributes:
        mujoco: Gymnasium's renderer.
    """

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, maze: Maze, size: tuple[int, int]
    ):
        height, width = size
        model.vis.global_.offheight = max(model.vis.global_.offheight, height)
        model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
        extent = max(maze.shape[0], maze.shape[1] * height / width)
        distance = 1.05 * extent / 2 / np.tan(np.radians(model.vis.global_.fovy / 2))
        camera = {"elevation": -90, "azimuth": 90, "distance": distance, "lookat": np.zeros(3)}
        self._model = model
        self.mujoco = MujocoRenderer(
            model, data, camera, width=width, height=height, max_geom=MOST_GEOMS
        )

    def frame(self, data: mujoco.MjData, goal: np.ndarray) -> np.ndarray:
        """The present frame, uint8 [H, W, 3]."""
        mujoco.mj_forward(self._model, data)
        frame = self.mujoco.render("rgb_array")
        assert isinstance(frame, np.ndarray)
        return frame

    def close(self) -> None:
        """Free the OpenGL context."""
        self.mujoco.close()


class AggRenderer:
    """Walls and goal drawn once per goal with matplotlib's Agg; the ball is painted on a copy."""

    def __init__(self, maze: Maze, radius: float, size: tuple[int, int]):
        self._maze, self._radius, self._size = maze, radius, size
        self._goal: np.ndarray | None = None

    def frame(self, data: mujoco.MjData, goal: np.ndarray) -> np.ndarray:
        """The present frame, uint8 [H, W, 3]."""
        if self._goal is None or not np.array_equal(goal, self._goal):
            self._draw_background(goal)
        image = self._background.copy()
        center = self._transform @ np.array([*data.qpos, 1.0])
        return _paint_disc(image, center, max(BALL_RADIUS * self._scale, 3.0), self._color)

    def _draw_background(self, goal: np.ndarray) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import to_rgb
        from matplotlib.figure import Figure

        height, width = self._size
        figure = Figure(figsize=(width / 100, height / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        ax = figure.add_axes((0, 0, 1, 1))
        draw_maze(ax, self._maze, goal, self._radius)
        ax.set_axis_off()
        canvas.draw()
        self._background = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        self._transform = ax.transData.get_matrix()[:2]
        self._scale = self._transform[0, 0]
        self._color = 255 * np.array(to_rgb(BALL_COLOR))
        self._goal = goal.copy()

    def close(self) -> None:
        """Forget the background."""
        self._goal = None


def _paint_disc(
    image: np.ndarray, center: np.ndarray, radius: float, color: np.ndarray
) -> np.ndarray:
    """Paint an anti-aliased disc in place; `center` in pixels from the lower left corner."""
    height, width = image.shape[:2]
    x, y = center[0], height - center[1]
    left, right = max(int(x - radius - 1), 0), min(int(x + radius + 2), width)
    top, bottom = max(int(y - radius - 1), 0), min(int(y + radius + 2), height)
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    cover = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)[..., None]
    patch = image[top:bottom, left:right]
    patch[:] = np.rint(patch * (1 - cover) + color * cover)
    return image
