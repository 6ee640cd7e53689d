"""The planned body, drawn ahead of a MuJoCo robot.

Gymnasium's MuJoCo environments declare how many positions and velocities an observation holds, in
this order, and how many of the first positions it leaves out: those along the ground. These follow
from the planned velocities, so that every planned state has a pose.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan.plots.mujoco_frames import Marker, rgba
from dfplan.plots.style import PLAN

PLANE = 0
"""MuJoCo's mjtGeom of a plane."""
NEAREST = 0.35
FARTHEST = 0.12
"""Opacity of the first and the last planned body."""


def has_body_states(env: Any) -> bool:
    """Return whether states of the environment hold positions and velocities of all joints.

    The environment must also have a Gymnasium id, by which a copy of it is made.
    """
    if env.unwrapped.spec is None:
        return False
    structure = getattr(env.unwrapped, "observation_structure", None)
    if not isinstance(structure, dict) or not {"qpos", "qvel"} <= structure.keys():
        return False
    model = env.unwrapped.model
    skipped = structure.get("skipped_qpos", 0)
    return (structure["qpos"] + skipped, structure["qvel"]) == (model.nq, model.nv)


class BodyPoses:
    """Computes where the parts of a robot are, in a copy of its environment.

    Args:
        env: Environment for which `has_body_states` holds.
    """

    def __init__(self, env: Any):
        # Wrappers, such as perturbations, neither move bodies nor can all be made again.
        self._copy = env.unwrapped.spec.make(render_mode=None).unwrapped
        structure = self._copy.observation_structure
        self.skipped: int = structure.get("skipped_qpos", 0)
        self._positions: int = structure["qpos"]
        self._velocities: int = structure["qvel"]

    def positions(self, states: np.ndarray, origin: np.ndarray, stride: int) -> np.ndarray:
        """Return all positions `[T, nq]` of planned states.

        Args:
            states: `[T, S]`, the present first.
            origin: `[K]` positions of the present that states leave out.
            stride: Control steps from one state to the next.
        """
        end = self._positions + self._velocities
        velocity = states[:, self._positions : end][:, : self.skipped]
        # The trapezoidal rule, as planned states lie several control steps apart.
        moves = stride * self._copy.dt * (velocity[1:] + velocity[:-1]) / 2
        along = origin + np.concatenate([np.zeros_like(velocity[:1]), np.cumsum(moves, axis=0)])
        return np.concatenate([along, states[:, : self._positions]], axis=1)

    def markers(self, position: np.ndarray, color: np.ndarray) -> Iterator[Marker]:
        """Yield the robot's geoms at positions `[nq]`, as markers of a viewer."""
        env = self._copy
        env.set_state(position, np.zeros(env.model.nv))
        for geom in range(env.model.ngeom):
            if env.model.geom_bodyid[geom] and env.model.geom_type[geom] != PLANE:
                yield {
                    "type": int(env.model.geom_type[geom]),
                    "size": env.model.geom_size[geom].copy(),
                    "pos": env.data.geom_xpos[geom].copy(),
                    "mat": env.data.geom_xmat[geom].copy(),
                    "rgba": color,
                }


class BodyGhosts:
    """Draws planned bodies as translucent ghosts: a function of a plan's states to markers.

    A plan's ghosts stay where they were when it was first drawn, as its states leave out the
    positions along the ground.

    Args:
        env: Environment for which `has_body_states` holds.
        stride: Control steps from one planned state to the next.
    """

    def __init__(self, env: Any, stride: int):
        self._env = env
        self._stride = stride
        self._poses = BodyPoses(env)
        self._states = np.empty((0, 0))
        self._origin = np.zeros(self._poses.skipped)

    def __call__(self, states: np.ndarray) -> Iterator[Marker]:
        """Yield the markers of planned states `[T, S]`, the present first."""
        if not np.array_equal(states, self._states, equal_nan=True):
            self._states = states.copy()
            self._origin = self._env.unwrapped.data.qpos[: self._poses.skipped].copy()
        positions = self._poses.positions(states, self._origin, self._stride)[1:]
        positions = positions[np.isfinite(positions).all(axis=1)]
        alphas = np.linspace(NEAREST, FARTHEST, len(positions))
        for position, alpha in zip(positions, alphas, strict=True):
            yield from self._poses.markers(position, rgba(PLAN, alpha))
