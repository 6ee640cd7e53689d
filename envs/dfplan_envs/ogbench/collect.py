"""Collection of OGBench's maze data, or the original files where a user has them."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from dfplan_envs.ogbench.ant import AntBatch
from dfplan_envs.ogbench.body import Body
from dfplan_envs.ogbench.cells import MazeCells
from dfplan_envs.ogbench.episodes import (
    Episode,
    as_buffers,
    dataset_arguments,
    original_file,
    read_original,
)
from dfplan_envs.ogbench.point import PointBatch
from dfplan_envs.ogbench.procedure import Procedure, Teleports, simulate

BATCH = 250
"""Episodes simulated at once; the data do not depend on the number of cores."""
EPISODE_STEPS = {"navigate": 1000, "stitch": 200, "explore": 500}
GIANT_STEPS = 2000
"""Control steps of a "navigate" episode in the giant maze."""
TELEPORT_REACH = 1.5
"""Reach of a teleporter, in radii."""
WHOLE = (0, 1)
"""The only part of undivided data."""


@dataclasses.dataclass(frozen=True)
class Robot:
    """A robot of OGBench's mazes.

    Attributes:
        make_body: Function of the compiled model, the maze's cells and the number of robots.
        action_noise: Standard deviation of the noise on actions for each kind of data.
    """

    make_body: Callable[[Any, MazeCells, int], Body]
    action_noise: dict[str, float]


ROBOTS: dict[tuple[int, ...], Robot] = {
    (2,): Robot(PointBatch, {"navigate": 0.5, "stitch": 0.5}),
    (29,): Robot(AntBatch, {"navigate": 0.2, "stitch": 0.2, "explore": 1.0}),
}
"""Robots by the shape of their observations."""


def collect_navigate(
    env_id: str, *, part: tuple[int, int] = WHOLE, **options: Any
) -> dict[str, Any]:
    """Collect "navigate" data; see `collect`."""
    return collect(env_id, "navigate", part=part, **options)


def collect_stitch(env_id: str, *, part: tuple[int, int] = WHOLE, **options: Any) -> dict[str, Any]:
    """Collect "stitch" data; see `collect`."""
    return collect(env_id, "stitch", part=part, **options)


def collect_explore(
    env_id: str, *, part: tuple[int, int] = WHOLE, **options: Any
) -> dict[str, Any]:
    """Collect "explore" data; see `collect`."""
    return collect(env_id, "explore", part=part, **options)


def collect(
    env_id: str,
    kind: str,
    *,
    steps: int,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
    part: tuple[int, int] = WHOLE,
) -> dict[str, Any]:
    """Collect a dataset by OGBench's procedure, or take the original file.

    The original is `~/.ogbench/data/pointmaze-giant-stitch-v0.npz` or the like, where the `ogbench`
    package downloads it. Otherwise the data are simulated, MuJoCo being stepped directly, which
    gives the states of `env.step` to the last bit; the same seed gives the same data, on any number
    of cores.

    Args:
        env_id: Id of one of OGBench's mazes for the point or the ant.
        kind: "navigate", "stitch" or "explore"; see `dfplan_envs.ogbench.procedure`.
        steps: Total number of control steps, at least 1; whole episodes, of which the last may be
            shorter.
        seed: Seed for all random draws.
        env_kwargs: Arguments of `gymnasium.make`.
        progress: Callback that receives the number of steps simulated so far.
        part: Number of a part, from 0, and the number of parts into which the episodes are divided;
            only those of the part are simulated.

    Returns:
        Arguments of `minari.create_dataset_from_buffers`. The episodes are an iterator, simulated
        in batches as it advances, so that a dataset need not fit into memory.

    Raises:
        ValueError: If `steps` is not positive, `env_id` is not one of these mazes, or its robot has
            no data of this kind.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    env = gym.make(env_id, **(env_kwargs or {}))
    robot = ROBOTS.get(env.observation_space.shape or ())
    if robot is None or not hasattr(env.unwrapped, "maze_map"):
        raise ValueError(f"{env_id} is not one of OGBench's mazes for the point or the ant")
    if kind not in robot.action_noise:
        valid = ", ".join(robot.action_noise)
        raise ValueError(f"{env_id} has no data of the kind {kind!r}; valid: {valid}")
    original = original_file(env_id, kind)
    if original.is_file():
        episodes = read_original(original) if part[0] == 0 else iter(())
        source = f"the original file {original.name}"
    else:
        episodes = _simulate(
            env.unwrapped,
            robot,
            kind,
            steps=steps,
            seed=seed,
            progress=progress,
            part=part,
        )
        source = f"OGBench's procedure for {kind} data, seed {seed}"
    buffer = as_buffers(episodes, steps, progress)
    return dataset_arguments(env_id, env, kind, buffer=buffer, source=source)


def _simulate(
    maze: Any,
    robot: Robot,
    kind: str,
    steps: int,
    seed: int,
    progress: Callable[[int], None] | None,
    part: tuple[int, int],
) -> Iterator[Episode]:
    """Yield the simulated episodes of a part.

    A part has whole batches, as the robots of a batch share matrix products.
    """
    cells = MazeCells(np.asarray(maze.maze_map))
    procedure = Procedure(
        cells=cells,
        kind=kind,
        action_noise=robot.action_noise[kind],
        goal_tolerance=float(maze._goal_tol),
        teleports=_teleports(maze),
    )
    length = EPISODE_STEPS[kind]
    if kind == "navigate" and maze._maze_type == "giant":
        length = GIANT_STEPS
    seeds = np.random.SeedSequence(seed).spawn(-(-steps // length))
    batches = range(0, len(seeds), BATCH)
    number, count = part
    done = 0
    for first in batches[len(batches) * number // count : len(batches) * (number + 1) // count]:
        batch = seeds[first : first + BATCH]
        body = robot.make_body(maze.model, cells, len(batch))

        def report(batch_steps: int, done: int = done) -> None:
            if progress is not None:
                progress(min(done + batch_steps, steps))

        observations, actions = simulate(procedure, body, length, batch, report)
        done += len(batch) * length
        for k, episode in enumerate(zip(observations, actions, strict=True), first):
            left = steps - k * length  # fewer than the length in the last episode
            yield Episode(episode[0][: left + 1], episode[1][:left], states={})


def _teleports(maze: Any) -> Teleports | None:
    info = getattr(maze, "_teleport_info", None)
    if info is None:
        return None
    return Teleports(
        entrances=np.array(info["teleport_in_xys"]),
        exits=np.array(info["teleport_out_xys"]),
        reach=TELEPORT_REACH * info["teleport_radius"],
    )
