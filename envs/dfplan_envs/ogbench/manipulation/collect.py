"""Collection of OGBench's manipulation data, or the original files where a user has them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

from dfplan_envs.ogbench.cores import available_cores
from dfplan_envs.ogbench.episodes import (
    STATES,
    Episode,
    as_buffers,
    dataset_arguments,
    original_file,
    read_original,
)
from dfplan_envs.ogbench.manipulation.parts import Request, simulate_all

EPISODE_STEPS = 1000
"""Control steps of an episode."""


def collect_play(env_id: str, *, folder: Path, **options: Any) -> dict[str, Any]:
    """Collect "play" data; see `collect`."""
    return collect(env_id, "play", folder=folder, **options)


def collect_noisy(env_id: str, *, folder: Path, **options: Any) -> dict[str, Any]:
    """Collect "noisy" data; see `collect`."""
    return collect(env_id, "noisy", folder=folder, **options)


def collect(
    env_id: str,
    kind: str,
    *,
    steps: int,
    folder: Path,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Collect a dataset by OGBench's procedure, or take the original file.

    The original is `~/.ogbench/data/cube-single-play-v0.npz` or the like, where the `ogbench`
    package downloads it. Otherwise the episodes are simulated, one process per core that this
    process may use. The same seed gives the same data, on any number of cores.

    Args:
        env_id: Id of an environment of OGBench's manipulation suite.
        kind: "play" or "noisy"; see `dfplan_envs.ogbench.manipulation.procedure`.
        steps: Total number of control steps, at least 1; whole episodes, of which the last may be
            shorter.
        folder: Folder for finished episodes, from which an interrupted collection continues.
        seed: Seed for all random draws.
        env_kwargs: Arguments of `gymnasium.make`.
        progress: Callback that receives the number of steps simulated so far.

    Returns:
        Arguments of `minari.create_dataset_from_buffers`. The episodes are an iterator, which
        simulates as it advances. Their infos hold the simulator's state, as OGBench's files do.

    Raises:
        ValueError: If `steps` is not positive, or `env_id` is not one of these environments.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    env = gym.make(env_id, **(env_kwargs or {}))
    if not hasattr(env.unwrapped, "set_new_target"):
        raise ValueError(f"{env_id} is not part of OGBench's manipulation suite")
    original = original_file(env_id, kind)
    if original.is_file():
        episodes = read_original(original, STATES)
        source = f"the original file {original.name}"
    else:
        request = Request(env_id, env_kwargs or {}, kind, seed, _lengths(steps))
        episodes = _simulate(request, folder, progress or (lambda steps: None))
        source = f"OGBench's procedure for {kind} data, seed {seed}"
    buffer = as_buffers(episodes, steps, progress)
    return dataset_arguments(env_id, env, kind, buffer=buffer, source=source)


def _lengths(steps: int) -> tuple[int, ...]:
    """Return the control steps of each episode."""
    episodes, rest = divmod(steps, EPISODE_STEPS)
    return (EPISODE_STEPS,) * episodes + (rest,) * bool(rest)


def _simulate(request: Request, folder: Path, progress: Callable[[int], None]) -> Iterator[Episode]:
    return simulate_all(request, folder, workers=available_cores(), progress=progress)
