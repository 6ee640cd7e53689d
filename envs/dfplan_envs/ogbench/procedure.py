"""OGBench's collection of maze data (`generate_locomaze.py`), for many episodes at once.

A point moves toward the next cell of a shortest route, with Gaussian noise on its actions:

- "navigate": to random goals, one after the other;
- "stitch": to a goal four cells away, where it stays.

Each episode draws from its own generator, so that it does not depend on the others.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from dfplan_envs.ogbench.cells import POSITION_NOISE, MazeCells
from dfplan_envs.ogbench.point import PointBatch

KINDS = ("navigate", "stitch")
ACTION_NOISE = 0.5
STITCH_CELLS = 4
EPSILON = 1e-6
REPORT_EVERY = 20
"""Control steps between progress reports."""


@dataclasses.dataclass(frozen=True)
class Teleports:
    """Teleporters, which move the point from near an entrance to a random exit.

    Attributes:
        entrances: `[I, 2]` in meters.
        exits: `[O, 2]` in meters.
        reach: Distance from an entrance at which the point is moved, in meters.
    """

    entrances: np.ndarray
    exits: np.ndarray
    reach: float


@dataclasses.dataclass(frozen=True)
class Procedure:
    """How a dataset is collected.

    Attributes:
        cells: Cells of the maze.
        kind: One of `KINDS`.
        goal_tolerance: Distance at which a goal counts as reached, in meters.
        teleports: Teleporters of the maze, or None.
    """

    cells: MazeCells
    kind: str
    goal_tolerance: float
    teleports: Teleports | None = None


def simulate(
    procedure: Procedure,
    points: PointBatch,
    steps: int,
    seeds: list[np.random.SeedSequence],
    progress: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Run one episode per seed, all at once.

    As in OGBench, the observation after a teleport still shows the entrance.

    Args:
        procedure: How the data are collected.
        points: Points, one per seed.
        steps: Control steps of each episode, L.
        seeds: Seed of each episode, B of them.
        progress: Callback that receives the number of steps taken so far, over all episodes.

    Returns:
        Observations `[B, L + 1, 2]` and actions `[B, L, 2]`.
    """
    size = len(seeds)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    noise = np.stack([ACTION_NOISE * rng.standard_normal((steps, 2)) for rng in rngs])
    start_cell = np.array([rng.integers(len(procedure.cells.free)) for rng in rngs])
    rows = list(zip(start_cell, rngs, strict=True))
    points.reset(np.stack([_near(procedure.cells, cell, rng) for cell, rng in rows]))
    goal = np.stack([_draw_goal(procedure, cell, rng) for cell, rng in rows])
    observations = [points.observe()]
    actions = []
    for t in range(steps):
        direction = _toward_goal(procedure.cells, points.observe(), goal)
        actions.append(np.clip(direction + noise[:, t], -1.0, 1.0))
        points.step(actions[-1])
        observations.append(points.observe())
        if procedure.kind == "navigate":
            distance = np.linalg.norm(observations[-1] - goal, axis=-1)
            for row in np.flatnonzero(distance <= procedure.goal_tolerance):
                goal[row] = _draw_goal(procedure, start_cell[row], rngs[row])
        if procedure.teleports is not None:
            _teleport(procedure.teleports, points, rngs)
        if progress is not None and (t + 1) % REPORT_EVERY == 0:
            progress((t + 1) * size)
    return np.stack(observations, axis=1), np.stack(actions, axis=1)


def _draw_goal(procedure: Procedure, start_cell: int, rng: np.random.Generator) -> np.ndarray:
    cells = procedure.cells
    candidates = cells.junctions
    if procedure.kind == "stitch":
        candidates = cells.at_distance(start_cell, STITCH_CELLS)
        if not len(candidates):
            candidates = np.array([start_cell])
    return _near(cells, candidates[rng.integers(len(candidates))], rng)


def _near(cells: MazeCells, cell: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random position in the middle of a cell."""
    return cells.centers[cell] + rng.uniform(-POSITION_NOISE, POSITION_NOISE, 2)


def _toward_goal(cells: MazeCells, positions: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Return the directions `[B, 2]` to the next cell of each route."""
    target = cells.centers[cells.next_cell[cells.locate(goal), cells.locate(positions)]]
    offset = target - positions
    return offset / (np.linalg.norm(offset, axis=-1, keepdims=True) + EPSILON)


def _teleport(teleports: Teleports, points: PointBatch, rngs: list[np.random.Generator]) -> None:
    offset = points.observe()[:, None] - teleports.entrances
    is_near = (np.linalg.norm(offset, axis=-1) <= teleports.reach).any(axis=1)
    rows = np.flatnonzero(is_near)
    if rows.size:
        exits = [rngs[row].integers(len(teleports.exits)) for row in rows]
        points.place(rows, teleports.exits[exits])
