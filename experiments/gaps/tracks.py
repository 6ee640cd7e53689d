"""Simulated tracks: a robot that moves through a maze, and people who walk across a plaza."""

from collections.abc import Sequence
from pathlib import Path

import minari
import numpy as np

PLAZA = 20.0
"""Side of the plaza, m."""
STEP = 0.4
"""Time between a walker's positions, s: that of the ETH and UCY data."""
INNER_STEPS = 8
RELAXATION = 0.6
"""Time constant with which a walker's velocity approaches the desired one, s."""
SWAY = 0.25
"""Standard deviation of the random acceleration, m/s per square root of a second."""
SENSOR = 0.03
"""Standard deviation of the noise of a measured position, m."""
ARRIVAL = 0.5
"""Distance from a point at which a walker turns to the next one, m."""
MAZE_STRIDE = 10


def maze_tracks(dataset_id: str) -> list[np.ndarray]:
    """Return the positions `[T, 2]` of a PointMaze dataset's episodes, every tenth control step."""
    episodes = minari.load_dataset(dataset_id).iterate_episodes()
    return [episode.observations["observation"][::MAZE_STRIDE, :2] for episode in episodes]


def plaza_tracks(count: int, seed: int) -> list[np.ndarray]:
    """Return the measured positions `[T, 2]` of walkers, each of whom passes one or two points."""
    rng = np.random.default_rng(seed)
    return [_walk(rng) for _ in range(count)]


def _walk(rng: np.random.Generator) -> np.ndarray:
    position = rng.uniform(0, PLAZA, 2)
    position[rng.integers(2)] = PLAZA * rng.integers(2)
    points = list(rng.uniform(0.2 * PLAZA, 0.8 * PLAZA, (rng.integers(1, 3), 2)))
    points.append(rng.uniform(0, PLAZA, 2))
    speed = max(0.6, rng.normal(1.3, 0.2))
    velocity = np.zeros(2)
    positions = []
    dt = STEP / INNER_STEPS
    while points:
        positions.append(position.copy())
        for _ in range(INNER_STEPS):
            way = points[0] - position
            distance = np.linalg.norm(way)
            if distance < ARRIVAL:
                points.pop(0)
                if not points:
                    break
                continue
            velocity += (speed * way / distance - velocity) * dt / RELAXATION
            velocity += SWAY * np.sqrt(dt) * rng.normal(size=2)
            position = position + velocity * dt
    return np.array(positions) + SENSOR * rng.normal(size=(len(positions), 2))


def write_csv(path: Path, tracks: Sequence[np.ndarray]) -> None:
    """Write tracks as rows of id, time, x and y; the time is the number of the step."""
    with path.open("w") as file:
        print("id,time,x,y", file=file)
        for track, positions in enumerate(tracks):
            for time, (x, y) in enumerate(positions):
                print(f"{track},{time},{x:.4f},{y:.4f}", file=file)
