"""The jobs of a collection: parts of its episodes."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dfplan.cli.collection import Collection, prepare
from dfplan.cli.common import console
from dfplan.data.collect_parts import (
    count_parts,
    decode,
    encode,
    is_divisible,
    policy_episodes,
    policy_part,
)
from dfplan.data.store.root import dataset_path
from dfplan.tasks.make_env import make_env
from dfplan.util.jobs import Executor, Job, Report, run_jobs
from dfplan.util.places import hidden_name

PARTS = ".dfplan-parts"
"""Ending of the hidden folder next to a dataset that keeps its finished parts."""


@contextlib.contextmanager
def collected_elsewhere(
    collection: Collection,
    argv: Sequence[str],
    *,
    executor: Executor,
    progress: Callable[[int], None],
) -> Iterator[Iterator[Any] | None]:
    """Yield the episodes of a collection, recorded in parts by an executor.

    Finished parts are kept until the context ends without an error, when the dataset is complete.

    Args:
        collection: Collection.
        argv: Its arguments, from which other processes prepare it.
        executor: Executor of the jobs.
        progress: Function that is called with the number of steps collected.

    Yields:
        The episodes; None if they cannot be recorded in parts.
    """
    target = dataset_path(collection.task.dataset)
    folder = target.with_name(hidden_name(target, PARTS))
    if collection.collector is not None and is_divisible(collection.collector):
        yield _of_collector(collection, argv, executor, folder=folder, progress=progress)
    elif collection.collector is None and collection.policy is not None:
        yield _of_policy(collection, argv, executor, folder=folder, progress=progress)
    else:
        console.print(
            "note: these episodes depend on each other, so they are collected in this process"
        )
        yield None
    shutil.rmtree(folder, ignore_errors=True)


def _of_collector(
    collection: Collection,
    argv: Sequence[str],
    executor: Executor,
    *,
    folder: Path,
    progress: Callable[[int], None],
) -> Iterator[Any]:
    count = count_parts(collection.steps)
    size = -(-collection.steps // count)
    jobs = [
        Job(f"part-{k}", collector_part, {"argv": list(argv), "part": [k, count]}, size)
        for k in range(count)
    ]
    for file in run_jobs(jobs, folder, executor=executor, progress=progress):
        yield from decode(file.read_bytes())


def _of_policy(
    collection: Collection,
    argv: Sequence[str],
    executor: Executor,
    *,
    folder: Path,
    progress: Callable[[int], None],
) -> Iterator[Any]:
    def play(ranges: Sequence[range]) -> Iterator[list[Any]]:
        is_first = ranges[0].start == 0  # later rounds add what short episodes left over
        jobs = [
            Job(
                f"episodes-{numbers.start}-{numbers.stop}",
                policy_job,
                {"argv": list(argv), "numbers": [numbers.start, numbers.stop]},
                collection.steps // len(ranges),
            )
            for numbers in ranges
        ]
        for file in run_jobs(
            jobs, folder, executor=executor, progress=progress if is_first else None
        ):
            yield list(decode(file.read_bytes()))

    env = make_env(collection.task.env, collection.task.env_kwargs)
    limit = env.spec.max_episode_steps if env.spec else None
    env.close()
    yield from policy_episodes(play, steps=collection.steps, time_limit=limit)


def collector_part(arguments: dict[str, Any], report: Report) -> bytes:
    """Collect a part of the episodes of a task's collector, a job."""
    collection = prepare(arguments["argv"])
    assert collection.collector is not None
    number, count = arguments["part"]
    collected = collection.collector(
        collection.task.env,
        steps=collection.steps,
        seed=collection.args.seed,
        env_kwargs=dict(collection.task.env_kwargs),
        part=(number, count),
    )
    return encode(collected["buffer"])


def policy_job(arguments: dict[str, Any], report: Report) -> bytes:
    """Collect some of a policy's episodes, a job."""
    collection = prepare(arguments["argv"])
    assert collection.policy is not None
    episodes = policy_part(
        collection.task.env,
        collection.policy,
        range(*arguments["numbers"]),
        steps=collection.steps,
        seed=collection.args.seed,
        env_kwargs=dict(collection.task.env_kwargs),
    )
    return encode(episodes)
