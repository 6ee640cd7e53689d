"""Collect a policy's episodes in any Gymnasium environment as a local Minari dataset."""

import inspect
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.episode_recorder import EpisodeRecorder
from dfplan.data.policy import make_policy
from dfplan.data.store.root import dataset_path
from dfplan.data.store.write import (
    check_new_dataset_id,
    dataset_writer,
    describe,
    new_dataset,
    write_dataset,
)
from dfplan.representation.spaces import layout_from_spaces
from dfplan.tasks.make_env import open_env
from dfplan.types import Environment, UserError

REPORT_EVERY = 1000
SEEDS = 2**31


def collect(
    env: Environment,
    dataset_id: str,
    *,
    steps: int,
    seed: int = 0,
    policy: Callable[..., Any] | None = None,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
    episodes: Iterable[Any] | None = None,
):
    """Run a policy and write its episodes; deterministic given the seed if the policy is.

    The last episode is truncated if `steps` ends it.

    Args:
        env: Gymnasium id, an environment or a function that makes one. dfplan must be able to read
            its observations, and its actions must be a Box.
        dataset_id: Minari id of a dataset that does not exist yet.
        steps: Number of control steps in total, at least 1.
        seed: Seed for actions and resets.
        policy: Policy as for `dfplan.data.policy.make_policy`, created again for each episode; None
            for uniformly random actions, which need a Box with bounds.
        env_kwargs: Arguments of `gymnasium.make`.
        progress: Function that is called from time to time with the number of steps taken.
        episodes: The episodes of these arguments, if they are recorded elsewhere; see
            `dfplan.data.collect_parts`.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        UserError: If the environment is unknown, its spaces are not supported or contradict its
            observations or rewards, the dataset id is malformed, taken or being written by another
            process, steps or seed are out of range, the policy fails, or the dataset cannot be
            written. Nothing is written in these cases.
    """
    for name, value, low in (("steps", steps, 1), ("seed", seed, 0)):
        if value < low:
            raise UserError(f"{name} must be at least {low}, got {value}")
    import minari

    check_new_dataset_id(dataset_id)
    with open_env(env, env_kwargs) as instance:
        layout = layout_from_spaces(instance.observation_space, instance.action_space, None)
        if policy is None and not layout.is_action_bounded:
            space = instance.action_space
            raise UserError(f"action space {space} is not supported; supported: Box with bounds")
        metadata = _describe(dataset_id, instance, policy, seed=seed)
        if episodes is None:
            episodes = _record(instance, policy, steps, seed=seed, progress=progress)
        with new_dataset(dataset_id) as data, dataset_writer(data, metadata) as writer:
            for episode in episodes:
                writer.add(episode)
    return minari.load_dataset(dataset_id)


def collect_with(
    collector: Callable[..., dict[str, Any]],
    env_id: str,
    dataset_id: str,
    *,
    episodes: Iterable[Any] | None = None,
    **kwargs: Any,
) -> None:
    """Write the episodes that a task's own collector simulates.

    Args:
        collector: Function that takes the id and arguments of `collect`, without a dataset id, and
            returns arguments of `minari.create_dataset_from_buffers`: the episodes as `buffer`,
            `env`, and a description. A collector with a parameter `folder` gets the path of one
            that it may create, in which to keep finished work: if the collection is interrupted,
            the folder stays for the next attempt.
        env_id: Gymnasium id.
        dataset_id: Minari id of a dataset that does not exist yet.
        episodes: As for `collect`.
        kwargs: Steps, seed, env_kwargs and progress, as for `collect`.

    Raises:
        UserError: As `collect`.
    """
    folder = _unfinished_folder(dataset_id)
    if "folder" in inspect.signature(collector).parameters:
        kwargs["folder"] = folder
    with new_dataset(dataset_id) as data:
        arguments = collector(env_id, **kwargs)
        if episodes is not None:
            arguments["buffer"] = episodes
        write_dataset(data, dataset_id, **arguments)
    shutil.rmtree(folder, ignore_errors=True)


def _unfinished_folder(dataset_id: str) -> Path:
    """Return the folder for finished work, which is hidden from Minari."""
    path = dataset_path(dataset_id)
    return path.with_name(f".{path.name}.parts")


def _describe(
    dataset_id: str, env: Any, policy: Callable[..., Any] | None, seed: int
) -> dict[str, Any]:
    name = "uniform random actions" if policy is None else getattr(policy, "__name__", str(policy))
    return describe(
        dataset_id,
        env=env,
        algorithm_name=f"{name}, seed {seed}",
        description=f"Actions of {name}.",
    )


def _record(
    env: Any,
    policy: Callable[..., Any] | None,
    steps: int,
    *,
    seed: int,
    progress: Callable[[int], None] | None,
) -> Iterator[Any]:
    """Yield the episodes of a policy, or of random actions, until there are `steps` steps."""
    env.action_space.seed(seed)
    seeds = episode_seeds(seed)
    done = 0

    def count(episode_steps: int) -> None:
        step = done + episode_steps
        if progress is not None and (step % REPORT_EVERY == 0 or step == steps):
            progress(step)

    while done < steps:
        episode = record_episode(env, policy, next(seeds), limit=steps - done, progress=count)
        done += len(episode.rewards)
        yield episode


def episode_seeds(seed: int) -> Iterator[int]:
    """Yield the seed of each episode of a dataset."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(SEEDS))


def record_episode(
    env: Any,
    policy: Callable[..., Any] | None,
    seed: int,
    *,
    limit: int,
    progress: Callable[[int], None] | None = None,
) -> Any:
    """Return an episode as Minari's `EpisodeBuffer`, truncated after at most `limit` steps.

    Args:
        env: Environment.
        policy: As for `collect`.
        seed: Seed of the episode.
        limit: Largest number of steps, at least 1.
        progress: Function that is called with the number of steps taken.

    Raises:
        UserError: If the policy fails, or the environment contradicts its spaces.
    """
    observation, _ = env.reset(seed=seed)
    recorder = EpisodeRecorder(env.observation_space, observation, seed=seed)
    act = None if policy is None else make_policy(policy, env, seed)
    for step in range(1, limit + 1):
        action = env.action_space.sample() if act is None else act(observation)
        observation, reward, terminated, truncated, _ = env.step(recorder.record_action(action))
        recorder.record_step(observation, reward, terminated=terminated, truncated=truncated)
        if progress is not None:
            progress(step)
        if terminated or truncated:
            break
    return recorder.finish()
