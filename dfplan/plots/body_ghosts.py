"""The planned body, drawn ahead of a MuJoCo robot.

Gymnasium's MuJoCo environments declare how many positions and velocities an observation holds, in
this order, and how many of the first positions it leaves out: those along the ground. These follow
from the planned velocities, so that every planned state has a pose.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.plots.mujoco_frames import follow_robot, mujoco_viewer, rgba
from dfplan.plots.style import PLAN

PLANE = 0
"""MuJoCo's mjtGeom of a plane."""
NEAREST = 0.35
FARTHEST = 0.12
"""Opacity of the first and the last planned body."""


def has_body_states(env: Any) -> bool:
    """Return whether states of the environment hold positions and velocities of all joints."""
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
        self._copy = env.spec.make(render_mode=None).unwrapped
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

    def markers(self, position: np.ndarray, color: np.ndarray) -> Iterator[dict[str, Any]]:
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


class BodyRenderer:
    """Renders an environment with MuJoCo, with the planned bodies as translucent ghosts.

    Args:
        agent: Agent that holds the plan.
        env: Environment that has rendered a frame and for which `has_body_states` holds.
        poses: Poses of the environment's robot.
    """

    def __init__(self, agent: Agent, env: Any, poses: BodyPoses):
        self._agent = agent
        self._env = env
        self._poses = poses
        self._plan: Any = None
        self._origin = np.zeros(poses.skipped)
        follow_robot(env)

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """Return the current frame, uint8 `[H, W, 3]`."""
        for marker in self._markers():
            mujoco_viewer(self._env).add_marker(**marker)
        return self._env.render()

    def _markers(self) -> Iterator[dict[str, Any]]:
        plan = self._agent.plan
        assert plan is not None
        if plan is not self._plan:
            self._plan = plan
            self._origin = self._env.unwrapped.data.qpos[: self._poses.skipped].copy()
        states = np.asarray(plan.candidates[0, int(plan.best[0])], float)
        stride = self._agent.planner.model.layout.stride
        positions = self._poses.positions(states, self._origin, stride)[1:]
        positions = positions[np.isfinite(positions).all(axis=1)]
        alphas = np.linspace(NEAREST, FARTHEST, len(positions))
        for position, alpha in zip(positions, alphas, strict=True):
            yield from self._poses.markers(position, rgba(PLAN, alpha))
