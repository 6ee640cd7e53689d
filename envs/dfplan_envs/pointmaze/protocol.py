"""What each benchmark adds to the physics: success, episode ends, and where things start."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """The rules of a benchmark.

    Attributes:
        radius: success radius in metres.
        terminates: whether the episode ends at the goal.
        noise: half width of the uniform noise on start and random goal positions, in metres.
        speed: standard deviation of the start velocity, in metres per second.
        apart: whether start and goal lie in different cells.
    """

    radius: float
    terminates: bool
    noise: float
    speed: float
    apart: bool


PROTOCOLS = {
    "d4rl": Protocol(radius=0.5, terminates=False, noise=0.1, speed=0.1, apart=False),
    "robotics": Protocol(radius=0.45, terminates=True, noise=0.25, speed=0.0, apart=True),
}
