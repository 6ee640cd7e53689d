"""Overlay: the plan in the scene of a Gymnasium environment on MuJoCo.

MuJoCo is reached through the environment's own renderer, and never imported.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.plots.style import CANDIDATE, DRIVEN, PLAN
from dfplan.types import ArrayLike

SPHERE, CAPSULE = 2, 3  # MuJoCo's mjtGeom
THICKNESS = 0.004
"""Radius of a plan's line, as a share of the scene's extent."""
MOST_CANDIDATES = 8
MOST_DRIVEN = 200
SPARE = 50
"""Places in a scene that are left to what the environment itself may add."""

Marker = dict[str, Any]


def viewer(env: Any) -> Any:
    """The viewer that draws an environment's frames, once it has; None where it is not MuJoCo's."""
    found = getattr(getattr(env.unwrapped, "mujoco_renderer", None), "viewer", None)
    return found if hasattr(found, "add_marker") else None


class OverlayPicture:
    """MuJoCo's frames of an environment, with the plan, its candidates and the path driven.

    Args:
        agent: holds the plan.
        env: has rendered a frame; see `viewer`.
        positions: places in the state of x, y and maybe z, metres; two are drawn just above z = 0.
    """

    def __init__(self, agent: Agent, env: Any, positions: tuple[int, ...]):
        self._agent, self._env, self._positions = agent, env, list(positions)
        self._radius = THICKNESS * float(viewer(env).model.stat.extent)
        self._driven: list[np.ndarray] = []
        env.render()  # a frame without markers shows how much room they have
        scene = viewer(env).scn
        self._room = max(scene.maxgeom - scene.ngeom - SPARE, 0)

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """The present frame."""
        self._driven.append(state)
        for marker in itertools.islice(self._markers(), self._room):
            viewer(self._env).add_marker(**marker)
        return self._env.render()

    def _markers(self) -> Iterator[Marker]:
        """What matters most comes first."""
        plan = self._agent.plan
        assert plan is not None
        best, r = int(plan.best[0]), self._radius
        chosen = self._places(plan.candidates[0, best])
        yield from lines(chosen, r, color(PLAN))
        yield from dots(chosen[1:], 1.6 * r, color("white"))
        every = -(-len(self._driven) // MOST_DRIVEN)
        path = [*self._driven[::every], self._driven[-1]]
        yield from lines(self._places(np.stack(path)), 0.8 * r, color(DRIVEN))
        others = [i for i in range(plan.candidates.shape[1]) if i != best]
        for i in others[:MOST_CANDIDATES]:
            yield from lines(self._places(plan.candidates[0, i]), 0.6 * r, color(CANDIDATE, 0.5))

    def _places(self, states: ArrayLike) -> np.ndarray:
        """World coordinates `[T, 3]` of states `[T, S]`."""
        found = np.asarray(states, float)[:, self._positions]
        if found.shape[1] == 3:
            return found
        return np.pad(found, ((0, 0), (0, 1)), constant_values=3 * self._radius)


def color(name: str, alpha: float = 1.0) -> np.ndarray:
    """RGBA `[4]` in [0, 1]."""
    from matplotlib.colors import to_rgba

    return np.array(to_rgba(name, alpha))


def dots(points: np.ndarray, radius: float, rgba: np.ndarray) -> Iterator[Marker]:
    """A sphere at each of the points `[T, 3]`."""
    for point in points:
        yield {"type": SPHERE, "size": np.full(3, radius), "pos": point, "rgba": rgba}


def lines(points: np.ndarray, radius: float, rgba: np.ndarray) -> Iterator[Marker]:
    """A capsule from each of the points `[T, 3]` to the next, where that is another place."""
    for begin, end in itertools.pairwise(points):
        length = float(np.linalg.norm(end - begin))
        if length > 1e-6:
            yield {
                "type": CAPSULE,
                "size": np.array([radius, length / 2, 0.0]),
                "pos": (begin + end) / 2,
                "mat": _along((end - begin) / length).ravel(),
                "rgba": rgba,
            }


def _along(direction: np.ndarray) -> np.ndarray:
    """A rotation `[3, 3]` that turns the z axis into a unit vector."""
    # Any vector that is not parallel to it will do for the others.
    other = np.eye(3)[np.argmin(np.abs(direction))]
    x = np.cross(other, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction], axis=1)
