"""Rules of the benchmarks: when a goal is reached, when an episode ends, and where it starts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Rules of a benchmark.

    Attributes:
        success_radius: Distance to the goal that counts as success, in meters.
        terminates: Whether the episode ends at the goal.
        position_noise: Half-width of the uniform noise on start and random goal positions, in
            meters.
        start_speed: Standard deviation of each start velocity component, in meters per second.
        separate_cells: Whether start and goal lie in different cells.
    """

    success_radius: float
    terminates: bool
    position_noise: float
    start_speed: float
    separate_cells: bool


RULES = {
    "d4rl": Rules(
        success_radius=0.5,
        terminates=False,
        position_noise=0.1,
        start_speed=0.1,
        separate_cells=False,
    ),
    "robotics": Rules(
        success_radius=0.45,
        terminates=True,
        position_noise=0.25,
        start_speed=0.0,
        separate_cells=True,
    ),
}
