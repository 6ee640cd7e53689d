"""PointMaze's physics as a pure function on arrays, NumPy's or JAX's: what MuJoCo steps, exactly.

The ball slides in the plane, so a step of MuJoCo is a clipped velocity, a force, implicit damping
and soft, frictionless contacts with the wall cells (MuJoCo's manual, "Computation"). In cells of
1 m a ball of 0.1 m touches three of them at most: beside it, above or below it, and across the
corner between.
"""

# MuJoCo's bindings carry no types.
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
"""Of the namespace in use."""
PROBE = 0.01
"""Metres that the ball is pushed into a wall to read how MuJoCo makes contacts."""
CONTACTS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
"""[8, 3] which of the three contacts push."""


@dataclass(frozen=True)
class Contact:
    """A soft contact, as MuJoCo's solver parameters make it.

    Attributes:
        margin: metres between the surfaces at which it begins.
        stiffness: 1/s^2. damping: 1/s.
        impedance: MuJoCo's solimp, (dmin, dmax, width, midpoint, power).
        softness: of the regularisation; 1 is the ball's own inverse mass.
    """

    margin: float
    stiffness: float
    damping: float
    impedance: tuple[float, ...]
    softness: float


@dataclass(frozen=True)
class Physics:
    """One control step of many balls in one maze; hashable, so that it may be compiled in.

    Build it with `make_physics`.

    Attributes:
        maze: the map.
        xp: `numpy` or `jax.numpy`, of which all arrays are.
        contact: with a wall.
    """

    maze: Maze
    xp: ModuleType
    contact: Contact

    def step(self, state: Array, action: Array) -> Array:
        """States [B, 4] after 0.01 s from states [B, 4] under actions [B, 2].

        x, y, vx, vy in metres and metres per second, and actions, which are clipped to [-1, 1], as
        `PointMazeEnv.step` takes and gives them. Exact while the ball's centre is in no wall, where
        contacts keep it.
        """
        xp, position = self.xp, state[:, :2]
        velocity = xp.clip(state[:, 2:], -MAX_SPEED, MAX_SPEED)
        free = ACCELERATION * xp.clip(action, -1.0, 1.0) - DRAG * velocity
        acceleration = self._solve(*self._contacts(position, velocity), free)
        velocity = velocity + DT / (1 + DT * DRAG) * acceleration
        return xp.concatenate([position + DT * velocity, velocity], axis=1)

    def _contacts(self, position: Array, velocity: Array) -> tuple[Array, Array, Array]:
        """Normals [B, 3, 2] away from the walls, and each contact's weight and aim, both [B, 3].

        The aim is the acceleration along the normal that a contact asks for; its weight is 0 where
        it does not touch.
        """
        xp, contact = self.xp, self.contact
        offset, wall = self._walls(position)
        distance = xp.sqrt((offset**2).sum(axis=2))
        normal = -offset / xp.maximum(distance, 1e-9)[:, :, None]
        depth = RADIUS + contact.margin - distance
        impedance = self._impedance(depth)
        aim = contact.stiffness * impedance * depth
        aim = aim - contact.damping * (normal * velocity[:, None]).sum(axis=2)
        weight = impedance / (1 - impedance) / contact.softness
        return normal, xp.where(wall & (depth > 0), weight, 0.0), aim

    def _walls(self, position: Array) -> tuple[Array, Array]:
        """The nearest points [B, 3, 2] of the cells on three sides, from the ball; which are walls.

        Beside it, above or below it, and across the corner, on the sides that it is nearer to.
        """
        xp, (rows, columns) = self.xp, self.maze.shape
        grid = xp.asarray([[cell == "#" for cell in row] for row in self.maze.rows])
        origin = np.array([columns, -rows]) / 2
        cell = xp.floor(xp.abs(position + origin))
        center = xp.asarray([1, -1]) * (cell + 0.5) - origin
        # The difference of two numbers this near is exact, as that to the map's border is not.
        side = xp.where(position < center, -1, 1)
        reach = side * (0.5 - xp.abs(position - center))
        zero = xp.zeros_like(reach[:, 0])
        beside, above = (
            xp.stack(pair, axis=1) for pair in ((reach[:, 0], zero), (zero, reach[:, 1]))
        )
        column, row = cell[:, 0].astype(int), cell[:, 1].astype(int)
        next_column, next_row = column + side[:, 0], row - side[:, 1]
        wall = [grid[row, next_column], grid[next_row, column], grid[next_row, next_column]]
        return xp.stack([beside, above, reach], axis=1), xp.stack(wall, axis=1)

    def _impedance(self, depth: Array) -> Array:
        """MuJoCo's impedance of contacts so many metres within their margin."""
        xp = self.xp
        low, high, width, middle, power = self.contact.impedance
        share = xp.clip(depth / width, 0.0, 1.0)
        rising = share**power / middle ** (power - 1)
        falling = 1 - (1 - share) ** power / (1 - middle) ** (power - 1)
        return low + (high - low) * xp.where(share <= middle, rising, falling)

    def _solve(self, normal: Array, weight: Array, aim: Array, free: Array) -> Array:
        """Acceleration [B, 2]: MuJoCo's constrained one, from the `free` one without contacts.

        It is the a that is least in |a - free|^2 + sum weight min(normal a - aim, 0)^2: each set of
        contacts that push gives one in closed form, and it is the one whose contacts do push, and
        the others need not.
        """
        xp = self.xp
        pushes = xp.asarray(CONTACTS, dtype=free.dtype)
        chosen = pushes * weight[:, None]  # [B, 8, 3]
        x, y = normal[:, None, :, 0], normal[:, None, :, 1]
        xx, xy, yy = ((chosen * product).sum(axis=2) for product in (x * x, x * y, y * y))
        right = free[:, None] + ((chosen * aim[:, None])[..., None] * normal[:, None]).sum(axis=2)
        scale = (1 + xx) * (1 + yy) - xy * xy
        first = ((1 + yy) * right[..., 0] - xy * right[..., 1]) / scale
        second = ((1 + xx) * right[..., 1] - xy * right[..., 0]) / scale
        excess = x * first[..., None] + y * second[..., None] - aim[:, None]
        wrong = xp.maximum(xp.where(pushes > 0, excess, -excess), 0.0)
        wrong = xp.where(weight[:, None] > 0, wrong, 0.0).max(axis=2)
        best = xp.argmin(wrong, axis=1)
        rows = xp.arange(len(free))
        return xp.stack([first[rows, best], second[rows, best]], axis=1)


def make_physics(maze: Maze, xp: ModuleType = np) -> Physics:
    """The physics of a maze, its constants read from the compiled model and a contact in it.

    Args:
        maze: the map.
        xp: `numpy`, or `jax.numpy` for a `step` that JAX compiles.
    """
    return Physics(maze, xp, _probe_contact(maze))


def _probe_contact(maze: Maze) -> Contact:
    """How MuJoCo makes contacts between ball and walls, which differs between its versions."""
    model = build_model(maze)
    row, column = maze.free[0]  # the first in reading order, so there is a wall above
    data = mujoco.MjData(model)
    data.qpos[:] = maze.center((row, column)) + [0.0, 0.5 - RADIUS + PROBE]
    mujoco.mj_forward(model, data)
    # The ground is touched too, but no force of it moves the ball.
    rows = data.efc_J.reshape(data.nefc, model.nv)
    index = int(np.abs(rows[:, 1]).argmax())
    stiffness, damping, impedance = map(float, data.efc_KBIP[index, :3])
    return Contact(
        float(data.efc_margin[index]),
        stiffness,
        damping,
        tuple(map(float, data.contact[data.efc_id[index]].solimp)),
        float(data.efc_R[index]) * MASS * impedance / (1 - impedance),
    )
