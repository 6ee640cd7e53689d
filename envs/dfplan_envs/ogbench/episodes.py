"""Episodes of OGBench's datasets: OGBench's own files, and Minari's form."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from minari.data_collector import EpisodeBuffer

from dfplan_envs.buffers import make_buffer

ORIGINALS = Path("~/.ogbench/data")
"""Directory to which the `ogbench` package downloads datasets."""
STATES = ("qpos", "qvel", "button_states")
"""Arrays of OGBench's files that, with the observations, tell the simulator's whole state."""


class Episode(NamedTuple):
    """An episode of L control steps.

    Attributes:
        observations: `[L + 1, O]`.
        actions: `[L, A]`.
        states: Arrays `[L + 1, ...]` among `STATES`, by name.
    """

    observations: np.ndarray
    actions: np.ndarray
    states: dict[str, np.ndarray]


def original_file(env_id: str, kind: str) -> Path:
    """Return where a user may have OGBench's file of a dataset.

    Args:
        env_id: Id of the environment.
        kind: Kind of data, such as "navigate".
    """
    name, _, version = env_id.rpartition(":")[2].rpartition("-")
    return (ORIGINALS / f"{name}-{kind}-{version}.npz").expanduser()


def read_original(path: Path, states: tuple[str, ...] = ()) -> Iterator[Episode]:
    """Yield the episodes of an original file.

    Args:
        path: File.
        states: Names among `STATES` of further arrays to read, if the file has them.
    """
    with np.load(path) as arrays:
        observations = arrays["observations"]
        actions = arrays["actions"]
        last = np.flatnonzero(arrays["terminals"])
        others = {name: arrays[name] for name in states if name in arrays}
    first = 0
    for row in last:
        rows = slice(first, row + 1)
        episode_states = {name: array[rows] for name, array in others.items()}
        yield Episode(observations[rows], actions[first:row], episode_states)
        first = row + 1


def as_buffers(
    episodes: Iterator[Episode], steps: int, progress: Callable[[int], None] | None
) -> Iterator[EpisodeBuffer]:
    """Yield Minari's form of episodes, until there are `steps` control steps.

    Args:
        episodes: Episodes, of which the last may be cut short.
        steps: Total number of control steps.
        progress: Callback that receives `steps` at the end.
    """
    left = steps
    for k, episode in enumerate(episodes):
        length = min(len(episode.actions), left)
        if not length:
            break
        left -= length
        infos = {name: a[: length + 1] for name, a in episode.states.items()}
        yield make_buffer(
            episode.observations[: length + 1].astype(np.float64),
            episode.actions[:length].astype(np.float32),
            np.zeros(length),
            id=k,
            infos=infos or None,
        )
    if progress is not None:
        progress(steps)


def dataset_arguments(
    env_id: str,
    env: Any,
    kind: str,
    *,
    buffer: Iterator[EpisodeBuffer],
    source: str,
) -> dict[str, Any]:
    """Return the arguments of `minari.create_dataset_from_buffers`.

    Args:
        env_id: Id of the environment.
        env: The environment.
        kind: Kind of data, such as "navigate".
        buffer: Episodes.
        source: Where the episodes come from.
    """
    return {
        "buffer": buffer,
        "env": env,
        "eval_env": env,
        "algorithm_name": source,
        "author": "dfplan",
        "description": f"OGBench's {kind} data of {env_id} (arXiv 2410.20092), from {source}.",
        "requirements": ["dfplan-envs[ogbench]"],
    }
