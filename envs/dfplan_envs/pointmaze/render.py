"""Frames of a PointMaze, rendered by MuJoCo where OpenGL works and by matplotlib otherwise."""

# MuJoCo's bindings have no type stubs.
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

_PROBE_SCRIPT = """
import mujoco
from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
renderer = MujocoRenderer(model, mujoco.MjData(model), width=16, height=16)
print("frame", renderer.render("rgb_array").shape)
"""
MAX_GEOMS = 4_000
"""Maximum number of geoms in a scene: walls, and markers that other code adds."""
MIN_BALL_PIXELS = 3.0
"""Minimum radius of the ball in matplotlib frames, in pixels."""


class Renderer(Protocol):
    """Interface of the renderers."""

    def frame(self, data: mujoco.MjData, goal: np.ndarray) -> np.ndarray:
        """Render the current frame, uint8 [H, W, 3]."""
        ...

    def close(self) -> None:
        """Release all resources."""
        ...


def make_renderer(
    model: mujoco.MjModel, data: mujoco.MjData, maze: Maze, radius: float, size: tuple[int, int]
) -> Renderer:
    """Make a renderer that works on this machine.

    Args:
        model: MuJoCo model.
        data: MuJoCo data.
        maze: Maze map.
        radius: Success radius in meters.
        size: Height and width of a frame in pixels.
    """
    if has_opengl():
        return OpenGLRenderer(model, data, maze, size=size)
    return MatplotlibRenderer(maze, radius, size)


def has_opengl() -> bool:
    """Return whether MuJoCo renders off-screen with the current MUJOCO_GL; warn once if not."""
    return _can_render(os.environ.get("MUJOCO_GL", "").lower().strip())


@cache
def _can_render(backend: str) -> bool:
    """Return whether MuJoCo renders with a backend; warn if not.

    A child process tries it, because a broken driver can print, hang or kill the process.
    """
    if backend not in ("off", "disable", "disabled"):
        try:
            result = subprocess.run(
                # -P: modules in the current directory are not imported.
                [sys.executable, "-P", "-c", _PROBE_SCRIPT],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=30,
            )
            if result.returncode == 0 and "frame (16, 16, 3)" in result.stdout:
                return True
        except (OSError, subprocess.SubprocessError):
            pass
    gym.logger.warn(
        "MuJoCo cannot render off-screen (no OpenGL), so frames are drawn with matplotlib; "
        "if EGL or OSMesa is installed, set MUJOCO_GL=egl or MUJOCO_GL=osmesa"
    )
    return False


class OpenGLRenderer:
    """Top-down view by Gymnasium's off-screen MuJoCo renderer.

    Args:
        model: MuJoCo model.
        data: MuJoCo data.
        maze: Maze map.
        size: Height and width of a frame in pixels.

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
            model, data, camera, width=width, height=height, max_geom=MAX_GEOMS
        )

    def frame(self, data: mujoco.MjData, goal: np.ndarray) -> np.ndarray:
        """Render the current frame, uint8 [H, W, 3]."""
        mujoco.mj_forward(self._model, data)
        frame = self.mujoco.render("rgb_array")
        assert isinstance(frame, np.ndarray)
        return frame

    def close(self) -> None:
        """Free the OpenGL context."""
        self.mujoco.close()


class MatplotlibRenderer:
    """Top-down view by matplotlib's Agg backend.

    Walls and goal are drawn once per goal; the ball is painted on a copy of that image.

    Args:
        maze: Maze map.
        radius: Success radius in meters.
        size: Height and width of a frame in pixels.
    """

    def __init__(self, maze: Maze, radius: float, size: tuple[int, int]):
        self._maze = maze
        self._radius = radius
        self._size = size
        self._goal: np.ndarray | None = None

    def frame(self, data: mujoco.MjData, goal: np.ndarray) -> np.ndarray:
        """Render the current frame, uint8 [H, W, 3]."""
        if self._goal is None or not np.array_equal(goal, self._goal):
            self._draw_background(goal)
        image = self._background.copy()
        center = self._transform @ np.array([*data.qpos, 1.0])
        radius = max(BALL_RADIUS * self._scale, MIN_BALL_PIXELS)
        _paint_disc(image, center, radius, color=self._color)
        return image

    def _draw_background(self, goal: np.ndarray) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import to_rgb
        from matplotlib.figure import Figure

        height, width = self._size
        figure = Figure(figsize=(width / 100, height / 100), dpi=100)
        canvas = FigureCanvasAgg(figure)
        ax = figure.add_axes((0, 0, 1, 1))
        draw_maze(ax, self._maze, goal, radius=self._radius)
        ax.set_axis_off()
        canvas.draw()
        self._background = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        self._transform = ax.transData.get_matrix()[:2]
        self._scale = self._transform[0, 0]
        self._color = 255 * np.array(to_rgb(BALL_COLOR))
        self._goal = goal.copy()

    def close(self) -> None:
        """Discard the background."""
        self._goal = None


def _paint_disc(image: np.ndarray, center: np.ndarray, radius: float, color: np.ndarray) -> None:
    """Paint an anti-aliased disc into an image, in place.

    Args:
        image: [H, W, 3] image, uint8.
        center: [2] x and y in pixels from the lower left corner.
        radius: Radius in pixels.
        color: [3] color, from 0 to 255.
    """
    height, width = image.shape[:2]
    x = center[0]
    y = height - center[1]
    left = max(int(x - radius - 1), 0)
    right = min(int(x + radius + 2), width)
    top = max(int(y - radius - 1), 0)
    bottom = min(int(y + radius + 2), height)
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    coverage = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)[..., None]
    patch = image[top:bottom, left:right]
    patch[:] = np.rint(patch * (1 - coverage) + color * coverage)
