"""MuJoCo's point mass among walls, in a fast closed form for many balls at once.

`dfplan_envs.pointmaze.physics` is exact at corners too, but over ten times slower for a search's
128 balls, and the published results of near-optimal control come from this one.
"""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

import mujoco
import numpy as np

from dfplan_envs.pointmaze.ball import ACCELERATION, DRAG, DT, MAX_SPEED
from dfplan_envs.pointmaze.ball import RADIUS as BALL_RADIUS
from experiments.maze2d.references.walls import Walls


@dataclass(frozen=True)
class PointMass:
    """Dynamics of a ball over one control step, as in `PointMazeEnv.step`.

    Each step clips the velocity, then integrates it semi-implicitly with implicit damping. Contacts
    are MuJoCo's soft, frictionless ones, for the nearest wall only: exact except for the grid on
    which wall distances are known, and for corners where two walls touch the ball at once.

    Attributes:
        stiffness: Stiffness of a contact, 1/s^2 (MuJoCo's manual, "Solver parameters").
        damping: Damping of a contact, 1/s.
        impedance: Impedance of a contact.
        margin: Distance at which a contact begins, meters.
    """

    stiffness: float
    damping: float
    impedance: float
    margin: float

    def speed(self, velocity: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Return the velocity after a step far from walls; arrays of any one shape."""
        velocity = np.clip(velocity, -MAX_SPEED, MAX_SPEED)
        return (velocity + DT * ACCELERATION * action) / (1 + DT * DRAG)

    def step(
        self, position: np.ndarray, velocity: np.ndarray, action: np.ndarray, walls: Walls
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return position and velocity [2, N] one step after `position` and `velocity` [2, N]."""
        velocity = np.clip(velocity, -MAX_SPEED, MAX_SPEED)
        force = ACCELERATION * action - DRAG * velocity
        node = walls.node(position)
        gap = walls.distance.ravel()[node] - (BALL_RADIUS + self.margin)
        near = np.flatnonzero(gap < 0)
        if near.size:
            normal = walls.normal.reshape(2, -1)[:, node[near]]
            force[:, near] += self._contact(gap[near], normal, velocity[:, near], force[:, near])
        velocity = velocity + DT / (1 + DT * DRAG) * force
        return position + DT * velocity, velocity

    def _contact(
        self, gap: np.ndarray, normal: np.ndarray, velocity: np.ndarray, force: np.ndarray
    ) -> np.ndarray:
        """Return the acceleration [2, N] that contacts add; they push and never pull."""
        target = -self.damping * (normal * velocity).sum(axis=0) - self.stiffness * gap
        return normal * np.maximum(self.impedance * (target - (normal * force).sum(axis=0)), 0)


def point_mass(model: mujoco.MjModel) -> PointMass:
    """Read the contact constants of a maze's MuJoCo model."""
    ball = model.geom("particle_geom").id
    time_constant, damping_ratio = map(float, model.geom_solref[ball])
    impedance = float(model.geom_solimp[ball, 1])
    # MuJoCo keeps the time constant from falling below two steps ("refsafe").
    time_constant = max(time_constant, 2 * model.opt.timestep)
    return PointMass(
        stiffness=1 / (impedance * time_constant * damping_ratio) ** 2,
        damping=2 / (impedance * time_constant),
        impedance=impedance,
        margin=float(model.geom_margin[ball]),
    )
