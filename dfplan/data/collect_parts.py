"""Collect a dataset in parts that do not depend on each other, such as on several machines.

A policy's episodes depend on their seeds alone. A task's own collector can be divided if it has an
argument `part`: the number of a part, from 0, and the number of parts; one after the other, the
parts are the episodes of an undivided call. Random actions are one sequence over all episodes, and
cannot be divided.
"""

import inspect
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from dfplan.data.collect import episode_seeds, record_episode
from dfplan.tasks.make_env import open_env

PART_STEPS = 50_000
"""Control steps of a part, about."""
MAX_PARTS = 1000
FIELDS = ("observations", "actions", "rewards", "terminations", "truncations")


def is_divisible(collector: Callable[..., Any]) -> bool:
    """Return whether a task's own collector can collect parts."""
    return "part" in inspect.signature(collector).parameters


def count_parts(steps: int) -> int:
    """Return the number of parts into which a collector's data are divided."""
    return min(-(-steps // PART_STEPS), MAX_PARTS)


def policy_part(
    env: str,
    policy: Callable[..., Any],
    numbers: range,
    *,
    steps: int,
    seed: int,
    env_kwargs: dict[str, Any] | None,
) -> list[Any]:
    """Return some of a policy's episodes.

    Args:
        env: Gymnasium id.
        policy: As for `dfplan.data.collect.collect`.
        numbers: Numbers of the episodes, from 0.
        steps: Number of control steps of all episodes; none of them has more.
        seed: Seed of the dataset.
        env_kwargs: Arguments of `gymnasium.make`.

    Raises:
        UserError: As `collect`.
    """
    seeds = itertools.islice(episode_seeds(seed), numbers.start, numbers.stop)
    with open_env(env, env_kwargs) as instance:
        return [record_episode(instance, policy, one, limit=steps) for one in seeds]


def policy_episodes(
    play: Callable[[Sequence[range]], Iterable[Sequence[Any]]],
    *,
    steps: int,
    time_limit: int | None,
) -> Iterator[Any]:
    """Yield a policy's episodes until there are `steps` steps; the last one is truncated there.

    Args:
        play: Function that returns the episodes of each range of numbers, in order. It is called
            again for more, as long as episodes end so early that their steps do not suffice.
        steps: Number of control steps in total.
        time_limit: Largest number of steps of an episode; None if unlimited.
    """
    played = 0
    left = steps
    length = float(time_limit or steps)  # about that of an episode
    while left:
        stop = played + max(int(-(-left // length)), 1)
        size = max(int(PART_STEPS / length), 1)
        ranges = [range(k, min(k + size, stop)) for k in range(played, stop, size)]
        for part in play(ranges):
            for episode in part:
                if left:
                    episode = truncate(episode, left)
                    left -= len(episode.rewards)
                    yield episode
        played = stop
        length = max((steps - left) / played, 1.0)


def truncate(episode: Any, steps: int) -> Any:
    """Return the first steps of an episode, all of them if there are no more."""
    if len(episode.rewards) <= steps:
        return episode
    arrays = {name: _first(getattr(episode, name), steps) for name in FIELDS[1:]}
    arrays["truncations"] = arrays["truncations"].copy()
    arrays["truncations"][-1] |= not arrays["terminations"][-1]
    for name in ("observations", "infos"):
        arrays[name] = _first(getattr(episode, name), steps + 1)
    return _buffer(episode.seed, **arrays)


def encode(episodes: Iterable[Any]) -> bytes:
    """Return episodes in NumPy's NPZ format."""
    arrays: dict[str, Any] = {}
    for number, episode in enumerate(episodes):
        if episode.seed is not None:
            arrays[f"{number}/seed"] = np.int64(episode.seed)
        for name in FIELDS:
            arrays |= _flatten(f"{number}/{name}", getattr(episode, name))
        if episode.infos:
            arrays |= _flatten(f"{number}/infos", episode.infos)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def decode(content: bytes) -> Iterator[Any]:
    """Yield the episodes that `encode` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = list(arrays)
        for _, group in itertools.groupby(names, key=lambda name: name.partition("/")[0]):
            fields: dict[str, Any] = {}
            for name in group:
                *parents, last = name.split("/")[1:]
                place = fields
                for parent in parents:
                    place = place.setdefault(parent, {})
                place[last] = arrays[name]
            seed = fields.pop("seed", None)
            yield _buffer(None if seed is None else int(seed), **fields)


def _flatten(name: str, value: Any) -> dict[str, np.ndarray]:
    if not isinstance(value, dict):
        return {name: np.asarray(value)}
    parts = [_flatten(f"{name}/{key}", inner) for key, inner in value.items()]
    return {key: array for part in parts for key, array in part.items()}


def _first(value: Any, rows: int) -> Any:
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: _first(inner, rows) for key, inner in value.items()}
    return value[:rows]


def _buffer(seed: int | None, **arrays: Any) -> Any:
    from minari.data_collector import EpisodeBuffer

    return EpisodeBuffer(seed=seed, **arrays)
