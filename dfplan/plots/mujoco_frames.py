"""MuJoCo's frames of a Gymnasium environment, with the plan drawn into the scene.

MuJoCo is reached through the environment's own renderer and never imported.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.plots.renderer_viewer import renderer_viewer
from dfplan.plots.style import CANDIDATE, DRIVEN, PLAN
from dfplan.types import ArrayLike

SPHERE = 2
"""MuJoCo's mjtGeom of a sphere."""
CAPSULE = 3
"""MuJoCo's mjtGeom of a capsule."""
FREE_CAMERA = -1
THICKNESS = 0.004
"""Radius of a plan's line, as a fraction of the scene's extent."""
MAX_CANDIDATES = 8
MAX_PATH_POINTS = 200
RESERVED_GEOMS = 50
"""Geoms of a scene that are left to the environment's own markers."""

Marker = dict[str, Any]


def mujoco_viewer(env: Any) -> Any:
    """Return the MuJoCo viewer of an environment that has rendered a frame; else None."""
    viewer = getattr(getattr(env.unwrapped, "mujoco_renderer", None), "viewer", None)
    return viewer if hasattr(viewer, "add_marker") else renderer_viewer(env.unwrapped)


def follow_robot(env: Any) -> None:
    """Render from the model's camera "track", if it has one and the environment names no camera.

    Gymnasium's default camera looks at where the robot begins, which a hopper soon leaves.
    """
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is not None and renderer.camera_id == FREE_CAMERA:
        with contextlib.suppress(KeyError):  # what MuJoCo raises for an unknown name
            renderer.camera_id = env.unwrapped.model.camera("track").id


class MujocoRenderer:
    """Renders an environment with MuJoCo, with the plan, its candidates and the path driven.

    Args:
        agent: Agent that holds the plan.
        env: Environment that has rendered a frame; see `mujoco_viewer`.
        positions: State dimensions of x, y and optionally z in the world, in meters; without z the
            plan is drawn just above z = 0. Empty draws no lines.
        markers: Function that draws a plan's states; see `dfplan.tasks.registry.Task.markers`.
    """

    def __init__(
        self,
        agent: Agent,
        env: Any,
        positions: tuple[int, ...],
        markers: Callable[[np.ndarray], Iterable[Marker]] | None = None,
    ):
        self._agent = agent
        self._env = env
        self._task_markers = markers
        self._positions = list(positions)
        self._radius = THICKNESS * float(mujoco_viewer(env).model.stat.extent)
        self._path: list[np.ndarray] = []
        env.render()  # A frame without markers shows how many geoms are free for them.
        scene = mujoco_viewer(env).scn
        self._max_markers = max(scene.maxgeom - scene.ngeom - RESERVED_GEOMS, 0)

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """Return the current frame, uint8 `[H, W, 3]`."""
        self._path.append(state)
        for marker in itertools.islice(self._markers(), self._max_markers):
            mujoco_viewer(self._env).add_marker(**marker)
        return self._env.render()

    def _markers(self) -> Iterator[Marker]:
        """Yield the markers of the current frame, the most important ones first."""
        plan = self._agent.plan
        assert plan is not None
        best = int(plan.best[0])
        if self._task_markers is not None:
            yield from self._task_markers(np.asarray(plan.candidates[0, best], float))
        if not self._positions:
            return
        radius = self._radius
        chosen = self._world_points(plan.candidates[0, best])
        yield from lines(chosen, radius, rgba(PLAN))
        yield from dots(chosen[1:], 1.6 * radius, rgba("white"))
        every = -(-len(self._path) // MAX_PATH_POINTS)
        path = np.stack([*self._path[::every], self._path[-1]])
        yield from lines(self._world_points(path), 0.8 * radius, rgba(DRIVEN))
        others = [i for i in range(plan.candidates.shape[1]) if i != best]
        for i in others[:MAX_CANDIDATES]:
            candidate = self._world_points(plan.candidates[0, i])
            yield from lines(candidate, 0.6 * radius, rgba(CANDIDATE, 0.5))

    def _world_points(self, states: ArrayLike) -> np.ndarray:
        """Return the world coordinates `[T, 3]` of states `[T, S]`."""
        points = np.asarray(states, float)[:, self._positions]
        if points.shape[1] == 3:
            return points
        return np.pad(points, ((0, 0), (0, 1)), constant_values=3 * self._radius)


def rgba(name: str, alpha: float = 1.0) -> np.ndarray:
    """Return a color as RGBA `[4]` in [0, 1]."""
    from matplotlib.colors import to_rgba

    return np.array(to_rgba(name, alpha))


def dots(points: np.ndarray, radius: float, color: np.ndarray) -> Iterator[Marker]:
    """Yield a sphere at each of the points `[T, 3]`."""
    for point in points:
        yield {"type": SPHERE, "size": np.full(3, radius), "pos": point, "rgba": color}


def lines(points: np.ndarray, radius: float, color: np.ndarray) -> Iterator[Marker]:
    """Yield a capsule from each of the points `[T, 3]` to the next, unless they coincide."""
    for start, end in itertools.pairwise(points):
        length = float(np.linalg.norm(end - start))
        if length > 1e-6:
            yield {
                "type": CAPSULE,
                "size": np.array([radius, length / 2, 0.0]),
                "pos": (start + end) / 2,
                "mat": _rotation_to((end - start) / length).ravel(),
                "rgba": color,
            }


def _rotation_to(direction: np.ndarray) -> np.ndarray:
    """Return a rotation `[3, 3]` that turns the z axis into a unit vector."""
    # The x axis may be any unit vector normal to the direction.
    helper = np.eye(3)[np.argmin(np.abs(direction))]
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction], axis=1)
