"""OGBench's collection of maze data (`generate_locomaze.py`), for many episodes at once.

A robot moves with Gaussian noise on its actions:

- "navigate": along shortest routes to random goals, one after the other;
- "stitch": along the shortest route to a goal four cells away, where it stays;
- "explore": in a random direction, with a new one every 10 steps.

Each episode draws from its own generator, so that it does not depend on the others.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from dfplan_envs.ogbench.body import Body
from dfplan_envs.ogbench.cells import POSITION_NOISE, MazeCells

KINDS = ("navigate", "stitch", "explore")
STITCH_CELLS = 4
EXPLORE_STEPS = 10
"""Control steps between two random directions of "explore"."""
EPSILON = 1e-6
REPORT_EVERY = 20
"""Control steps between progress reports."""


@dataclasses.dataclass(frozen=True)
class Teleports:
    """Teleporters, which move the robot from near an entrance to a random exit.

    Attributes:
        entrances: `[I, 2]` in meters.
        exits: `[O, 2]` in meters.
        reach: Distance from an entrance at which the robot is moved, in meters.
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
        action_noise: Standard deviation of the noise on actions.
        goal_tolerance: Distance at which a goal counts as reached, in meters.
        teleports: Teleporters of the maze, or None.
    """

    cells: MazeCells
    kind: str
    action_noise: float
    goal_tolerance: float
    teleports: Teleports | None = None


def simulate(
    procedure: Procedure,
    body: Body,
    steps: int,
    seeds: list[np.random.SeedSequence],
    progress: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Run one episode per seed, all at once.

    As in OGBench, the observation after a teleport still shows the entrance.

    Args:
        procedure: How the data are collected.
        body: Robots, one per seed.
        steps: Control steps of each episode, L.
        seeds: Seed of each episode, B of them.
        progress: Callback that receives the number of steps taken so far, over all episodes.

    Returns:
        Observations `[B, L + 1, O]` and actions `[B, L, A]`.
    """
    rngs = [np.random.default_rng(seed) for seed in seeds]
    shape = (steps, body.action_dim)
    noise = np.stack([procedure.action_noise * rng.standard_normal(shape) for rng in rngs])
    start_cell = np.array([rng.integers(len(procedure.cells.free)) for rng in rngs])
    rows = list(zip(start_cell, rngs, strict=True))
    body.reset(np.stack([_near(procedure.cells, cell, rng) for cell, rng in rows]), rngs)
    goal = np.stack([_draw_goal(procedure, cell, rng) for cell, rng in rows])
    direction = np.zeros_like(goal)
    observations = [body.observe()]
    actions = []
    for t in range(steps):
        if procedure.kind != "explore":
            direction = _toward_goal(procedure.cells, body.positions(), goal)
        elif t % EXPLORE_STEPS == 0:
            direction = _unit(np.stack([rng.standard_normal(2) for rng in rngs]))
        actions.append(np.clip(body.act(direction) + noise[:, t], -1.0, 1.0))
        body.step(actions[-1])
        observations.append(body.observe())
        if procedure.kind == "navigate":
            distance = np.linalg.norm(body.positions() - goal, axis=-1)
            for row in np.flatnonzero(distance <= procedure.goal_tolerance):
                goal[row] = _draw_goal(procedure, start_cell[row], rngs[row])
        if procedure.teleports is not None:
            _teleport(procedure.teleports, body, rngs)
        if progress is not None and (t + 1) % REPORT_EVERY == 0:
            progress((t + 1) * len(seeds))
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
    return _unit(target - positions)


def _unit(offsets: np.ndarray) -> np.ndarray:
    return offsets / (np.linalg.norm(offsets, axis=-1, keepdims=True) + EPSILON)


def _teleport(teleports: Teleports, body: Body, rngs: list[np.random.Generator]) -> None:
    offset = body.positions()[:, None] - teleports.entrances
    is_near = (np.linalg.norm(offset, axis=-1) <= teleports.reach).any(axis=1)
    rows = np.flatnonzero(is_near)
    if rows.size:
        exits = [rngs[row].integers(len(teleports.exits)) for row in rows]
        body.place(rows, teleports.exits[exits])
