"""PointMaze's physics in closed form: the same next states as MuJoCo, on NumPy or JAX arrays.

The ball slides in the plane, so one MuJoCo step consists of a clipped velocity, a force, implicit
damping and soft, frictionless contacts with the wall cells (MuJoCo's manual, "Computation"). With
cells of 1 m a ball of radius 0.1 m touches at most three of them: the one beside it, the one above
or below it, and the one across the corner between those two.
"""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

import itertools
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import mujoco
import numpy as np

from dfplan_envs.pointmaze.ball import ACCELERATION, DRAG, DT, MASS, MAX_SPEED, RADIUS
from dfplan_envs.pointmaze.maps import Maze
from dfplan_envs.pointmaze.model import build_model

Array = Any
"""An array of the namespace `xp`."""
PROBE_DEPTH = 0.01
"""Depth in meters to which the ball is pushed into a wall to read MuJoCo's contact parameters."""
CONTACT_SETS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
"""[8, 3] every combination of the three contacts that can push."""


@dataclass(frozen=True)
class Contact:
    """A soft contact with MuJoCo's solver parameters.

    Attributes:
        margin: Distance between the surfaces at which the contact begins, in meters.
        stiffness: Stiffness in 1/s^2.
        damping: Damping in 1/s.
        impedance: MuJoCo's solimp, (dmin, dmax, width, midpoint, power).
        softness: Scale of the regularization, in units of the ball's inverse mass.
    """

    margin: float
    stiffness: float
    damping: float
    impedance: tuple[float, ...]
    softness: float


@dataclass(frozen=True)
class Physics:
    """One control step of many balls in one maze. Build it with `make_physics`.

    It is hashable, so JAX can treat it as a static argument.

    Attributes:
        maze: Maze map.
        xp: Array namespace, `numpy` or `jax.numpy`.
        contact: Contact with a wall.
    """

    maze: Maze
    xp: ModuleType
    contact: Contact

    def step(self, state: Array, action: Array) -> Array:
        """Return the states [B, 4] after 0.01 s, as `PointMazeEnv.step` computes them.

        The result is exact as long as the ball's center is not inside a wall, which contacts
        ensure.

        Args:
            state: [B, 4] x, y, vx, vy in meters and meters per second; velocities are clipped to
                5 m/s.
            action: [B, 2] forces in units of 100 N, clipped to [-1, 1].
        """
        xp = self.xp
        position = state[:, :2]
        velocity = xp.clip(state[:, 2:], -MAX_SPEED, MAX_SPEED)
        free = ACCELERATION * xp.clip(action, -1.0, 1.0) - DRAG * velocity
        normal, weight, target = self._contacts(position, velocity)
        acceleration = self._solve(normal, weight, target, free=free)
        velocity = velocity + DT / (1 + DT * DRAG) * acceleration
        return xp.concatenate([position + DT * velocity, velocity], axis=1)

    def _contacts(self, position: Array, velocity: Array) -> tuple[Array, Array, Array]:
        """Compute the three possible contacts of each ball.

        Returns:
            normal: [B, 3, 2] unit normals that point away from the walls.
            weight: [B, 3] weights of the contacts; 0 where the ball does not touch.
            target: [B, 3] accelerations along the normals that the contacts ask for.
        """
        xp = self.xp
        contact = self.contact
        offset, is_wall = self._nearest_cells(position)
        distance = xp.sqrt((offset**2).sum(axis=2))
        normal = -offset / xp.maximum(distance, 1e-9)[:, :, None]
        depth = RADIUS + contact.margin - distance
        impedance = self._impedance(depth)
        target = contact.stiffness * impedance * depth
        target = target - contact.damping * (normal * velocity[:, None]).sum(axis=2)
        weight = impedance / (1 - impedance) / contact.softness
        return normal, xp.where(is_wall & (depth > 0), weight, 0.0), target

    def _nearest_cells(self, position: Array) -> tuple[Array, Array]:
        """Locate the cells beside each ball, above or below it, and across the corner.

        Of each pair of opposite sides, the one nearer to the ball counts.

        Returns:
            offset: [B, 3, 2] nearest points of the cells, relative to the ball, in meters.
            is_wall: [B, 3] whether each cell is a wall.
        """
        xp = self.xp
        rows, columns = self.maze.shape
        grid = xp.asarray([[cell == "#" for cell in row] for row in self.maze.rows])
        origin = np.array([columns, -rows]) / 2
        cell = xp.floor(xp.abs(position + origin))
        center = xp.asarray([1, -1]) * (cell + 0.5) - origin
        # The difference from a center this near is exact; that from the map's border is not.
        side = xp.where(position < center, -1, 1)
        corner = side * (0.5 - xp.abs(position - center))
        zero = xp.zeros_like(corner[:, 0])
        beside = xp.stack((corner[:, 0], zero), axis=1)
        above = xp.stack((zero, corner[:, 1]), axis=1)
        column = cell[:, 0].astype(int)
        row = cell[:, 1].astype(int)
        next_column = column + side[:, 0]
        next_row = row - side[:, 1]
        is_wall = [grid[row, next_column], grid[next_row, column], grid[next_row, next_column]]
        return xp.stack([beside, above, corner], axis=1), xp.stack(is_wall, axis=1)

    def _impedance(self, depth: Array) -> Array:
        """Compute MuJoCo's impedance of contacts `depth` meters inside their margin."""
        xp = self.xp
        low, high, width, midpoint, power = self.contact.impedance
        ratio = xp.clip(depth / width, 0.0, 1.0)
        rising = ratio**power / midpoint ** (power - 1)
        falling = 1 - (1 - ratio) ** power / (1 - midpoint) ** (power - 1)
        return low + (high - low) * xp.where(ratio <= midpoint, rising, falling)

    def _solve(self, normal: Array, weight: Array, target: Array, free: Array) -> Array:
        """Compute MuJoCo's constrained acceleration [B, 2] from the `free` one without contacts.

        It is the acceleration a that minimizes
        |a - free|^2 + sum weight min(normal a - target, 0)^2. For each set of pushing contacts the
        minimum has a closed form; the solution is the one whose contacts do push while the other
        contacts need not.
        """
        xp = self.xp
        pushes = xp.asarray(CONTACT_SETS, dtype=free.dtype)
        weights = pushes * weight[:, None]  # [B, 8, 3]
        x = normal[:, None, :, 0]
        y = normal[:, None, :, 1]
        xx = (weights * (x * x)).sum(axis=2)
        xy = (weights * (x * y)).sum(axis=2)
        yy = (weights * (y * y)).sum(axis=2)
        pull = ((weights * target[:, None])[..., None] * normal[:, None]).sum(axis=2)
        right = free[:, None] + pull
        # Cramer's rule for [[1 + xx, xy], [xy, 1 + yy]] a = right, of each set.
        determinant = (1 + xx) * (1 + yy) - xy * xy
        ax = ((1 + yy) * right[..., 0] - xy * right[..., 1]) / determinant
        ay = ((1 + xx) * right[..., 1] - xy * right[..., 0]) / determinant
        excess = x * ax[..., None] + y * ay[..., None] - target[:, None]
        violation = xp.maximum(xp.where(pushes > 0, excess, -excess), 0.0)
        violation = xp.where(weight[:, None] > 0, violation, 0.0).max(axis=2)
        best = xp.argmin(violation, axis=1)
        rows = xp.arange(len(free))
        return xp.stack([ax[rows, best], ay[rows, best]], axis=1)


def make_physics(maze: Maze, xp: ModuleType = np) -> Physics:
    """Build the physics of a maze, with contact parameters read from MuJoCo.

    Args:
        maze: Maze map.
        xp: Array namespace; `jax.numpy` makes `step` compilable by JAX.
    """
    return Physics(maze, xp, _probe_contact(maze))


def _probe_contact(maze: Maze) -> Contact:
    """Read MuJoCo's contact between ball and wall, which differs between MuJoCo versions."""
    model = build_model(maze)
    data = mujoco.MjData(model)
    # The cell above the first free cell in reading order is a wall.
    data.qpos[:] = maze.center(maze.free[0]) + [0.0, 0.5 - RADIUS + PROBE_DEPTH]
    mujoco.mj_forward(model, data)
    # The ball also touches the ground, but that contact cannot move it in the plane.
    jacobian = data.efc_J.reshape(data.nefc, model.nv)
    index = int(np.abs(jacobian[:, 1]).argmax())
    stiffness, damping, impedance = map(float, data.efc_KBIP[index, :3])
    return Contact(
        margin=float(data.efc_margin[index]),
        stiffness=stiffness,
        damping=damping,
        impedance=tuple(map(float, data.contact[data.efc_id[index]].solimp)),
        softness=float(data.efc_R[index]) * MASS * impedance / (1 - impedance),
    )
