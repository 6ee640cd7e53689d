"""Collect a policy's episodes in any Gymnasium environment as a local Minari dataset."""

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.episode_recorder import EpisodeRecorder
from dfplan.data.policy import make_policy
from dfplan.data.store.hdf5_write import EpisodeWriter
from dfplan.data.store.root import dataset_path
from dfplan.data.store.write import (
    check_new_dataset_id,
    dataset_writer,
    describe,
    new_dataset,
    write_dataset,
)
from dfplan.representation.layout import layout_from_spaces
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
        with new_dataset(dataset_id) as data, dataset_writer(data, metadata) as writer:
            _run(
                instance,
                writer,
                steps=steps,
                seed=seed,
                policy=policy,
                progress=progress or (lambda steps: None),
            )
    return minari.load_dataset(dataset_id)


def collect_with(
    collector: Callable[..., dict[str, Any]], env_id: str, dataset_id: str, **kwargs: Any
) -> None:
    """Write the episodes that a task's own collector simulates.

    Args:
        collector: Function that takes the id and arguments of `collect`, without a dataset id, and
            returns arguments of `minari.create_dataset_from_buffers`: the episodes as `buffer`,
            `env`, and a description. A collector with a parameter `parts` gets the path of a folder
            that it may create, in which to keep finished work: if the collection is interrupted,
            the folder stays for the next attempt.
        env_id: Gymnasium id.
        dataset_id: Minari id of a dataset that does not exist yet.
        kwargs: Steps, seed, env_kwargs and progress, as for `collect`.

    Raises:
        UserError: As `collect`.
    """
    parts = _parts_folder(dataset_id)
    if "parts" in inspect.signature(collector).parameters:
        kwargs["parts"] = parts
    with new_dataset(dataset_id) as data:
        write_dataset(data, dataset_id, **collector(env_id, **kwargs))
    shutil.rmtree(parts, ignore_errors=True)


def _parts_folder(dataset_id: str) -> Path:
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


def _run(
    env: Any,
    writer: EpisodeWriter,
    *,
    steps: int,
    seed: int,
    policy: Callable[..., Any] | None,
    progress: Callable[[int], None],
) -> None:
    seeds = np.random.default_rng(seed)
    env.action_space.seed(seed)
    recorder = None
    observation = None

    def act_randomly(observation: Any) -> Any:
        return env.action_space.sample()

    act: Callable[[Any], Any] = act_randomly
    for step in range(1, steps + 1):
        if recorder is None:
            episode_seed = int(seeds.integers(SEEDS))
            observation, _ = env.reset(seed=episode_seed)
            recorder = EpisodeRecorder(env.observation_space, observation, seed=episode_seed)
            if policy is not None:
                act = make_policy(policy, env, episode_seed)
        action = recorder.record_action(act(observation))
        observation, reward, terminated, truncated, _ = env.step(action)
        recorder.record_step(observation, reward, terminated=terminated, truncated=truncated)
        if terminated or truncated or step == steps:
            writer.add(recorder.finish())
            recorder = None
        if step % REPORT_EVERY == 0 or step == steps:
            progress(step)
