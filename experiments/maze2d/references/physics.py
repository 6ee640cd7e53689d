"""MuJoCo's point mass among walls, in closed form for many balls at once."""

# MuJoCo's bindings carry no types.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass

import mujoco
import numpy as np

from dfplan_envs.pointmaze.model import DT, MAX_SPEED
from experiments.maze2d.geodesic import BALL_RADIUS
from experiments.maze2d.walls import Walls


@dataclass(frozen=True)
class PointMass:
    """One control step of a ball, as `PointMazeEnv.step` takes it.

    Each step clips the velocity, then integrates it semi-implicitly with implicit damping. Contacts
    are MuJoCo's soft, frictionless ones, for the nearest wall only: exact but for the grid on
    which the distance to it is known, and for corners where two walls touch the ball at once.

    Attributes:
        push: m/s^2 of a full action.
        drag: 1/s, damping over mass.
        stiffness: 1/s^2, damping: 1/s, impedance, margin: metres; of a contact (MuJoCo's manual,
            "Solver parameters").
    """

    push: float
    drag: float
    stiffness: float
    damping: float
    impedance: float
    margin: float

    @property
    def top_speed(self) -> float:
        """The most metres per second at which an axis moves: one push beyond the limit."""
        return float(self.speed(np.array(MAX_SPEED), np.array(1.0)))

    def speed(self, velocity: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Velocity after a step far from the walls; any shape, both alike."""
        velocity = np.clip(velocity, -MAX_SPEED, MAX_SPEED)
        return (velocity + DT * self.push * action) / (1 + DT * self.drag)

    def step(
        self, position: np.ndarray, velocity: np.ndarray, action: np.ndarray, walls: Walls
    ) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity [2, N] after a step from `position` and `velocity` [2, N]."""
        velocity = np.clip(velocity, -MAX_SPEED, MAX_SPEED)
        force = self.push * action - self.drag * velocity
        node = walls.node(position)
        gap = walls.distance.ravel()[node] - (BALL_RADIUS + self.margin)
        near = np.flatnonzero(gap < 0)
        if near.size:
            normal = walls.normal.reshape(2, -1)[:, node[near]]
            force[:, near] += self._contact(gap[near], normal, velocity[:, near], force[:, near])
        velocity = velocity + DT / (1 + DT * self.drag) * force
        return position + DT * velocity, velocity

    def _contact(
        self, gap: np.ndarray, normal: np.ndarray, velocity: np.ndarray, force: np.ndarray
    ) -> np.ndarray:
        """Acceleration [2, N] that contacts add; they push, and never pull."""
        wanted = -self.damping * (normal * velocity).sum(axis=0) - self.stiffness * gap
        return normal * np.maximum(self.impedance * (wanted - (normal * force).sum(axis=0)), 0)


def point_mass(model: mujoco.MjModel) -> PointMass:
    """The constants of a maze's model."""
    ball = model.geom("particle_geom").id
    mass = float(model.body_mass[model.geom_bodyid[ball]])
    time, ratio = map(float, model.geom_solref[ball])
    impedance = float(model.geom_solimp[ball, 1])
    # MuJoCo keeps the time constant from falling below two steps ("refsafe").
    time = max(time, 2 * model.opt.timestep)
    return PointMass(
        push=float(model.actuator_gear[0, 0]) / mass,
        drag=float(model.dof_damping[0]) / mass,
        stiffness=1 / (impedance * time * ratio) ** 2,
        damping=2 / (impedance * time),
        impedance=impedance,
        margin=float(model.geom_margin[ball]),
    )
