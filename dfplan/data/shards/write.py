"""Write the shards of a dataset: in parallel, resumably, each one complete or absent."""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.minari_io import open_dataset
from dfplan.data.shards.finish import finish
from dfplan.data.shards.layout import (
    FORMAT,
    MANIFEST,
    RECORD,
    Choices,
    Manifest,
    ShardRecord,
    first_rows,
    is_intact,
    read_record,
    shard_path,
)
from dfplan.data.shards.one_shard import ShardJob, write_shard
from dfplan.data.shards.plan import PLAN, Episodes, Plan, Progress
from dfplan.data.shards.survey import Survey, derive_layout, initial_layout, survey
from dfplan.data.store.root import dataset_path
from dfplan.representation.layout import Layout
from dfplan.types import UserError
from dfplan.util.files import atomic_directory, remove_directory, write_json
from dfplan.util.locks import exclusive

DEFAULT_SHARDS = 16
MAX_SHARDS = 10_000
MIN_WORKER_ROWS = 1_000_000
"""Rows that justify another process, which takes seconds to start."""


def write_shards(
    dataset_id: str,
    directory: Path,
    *,
    shards: int = DEFAULT_SHARDS,
    choices: Choices | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Manifest:
    """Write a dataset as shards; continue if another call was interrupted.

    Existing shards are checked against their checksums, and damaged ones are written again. The
    files do not depend on interruptions or on the number of workers.

    Args:
        dataset_id: Minari id.
        directory: Directory of the shards: new, empty, or that of an earlier call with the same
            arguments.
        shards: Number of shards.
        choices: Choices about the states; None for the defaults.
        workers: Largest number of processes; 1 writes in this one.
        progress: See `Progress`.

    Raises:
        UserError: If the dataset is refused by `load_trajectories`, it has fewer rows than shards,
            or the directory holds anything else or cannot be written.
        LockedError: If another process writes there.
    """
    choices = choices or Choices()
    progress = progress or (lambda what, rows: None)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(directory):
        _check_directory(directory)
        episodes = _episodes(dataset_id)
        if not 1 <= shards <= min(episodes.rows, MAX_SHARDS):
            raise UserError(
                f"shards must be 1 to {min(episodes.rows, MAX_SHARDS):,}, got {shards:,}; the "
                f"dataset has {episodes.rows:,} rows"
            )
        useful = 1 + episodes.rows // MIN_WORKER_ROWS
        with _pool(min(workers, shards, useful)) as pool:
            plan = _plan(directory, dataset_id, choices, shards, episodes, pool, progress)
            jobs = _jobs(plan, episodes)
            rewritten = _write_all(jobs, directory, pool, progress)
        manifest = directory / MANIFEST
        if not manifest.exists() or rewritten:
            finish(plan, episodes.length, directory, progress)
        (directory / PLAN).unlink(missing_ok=True)
        return read_record(manifest, Manifest)


def shards_in_dataset(dataset_id: str, choices: Choices) -> Path:
    """Return the directory, within the dataset's own, of shards with these choices."""
    key = hashlib.sha256(repr(choices).encode()).hexdigest()[:8]
    return dataset_path(dataset_id) / f"shards-{key}"


def _check_directory(directory: Path) -> None:
    """Check that a directory is absent or empty, or holds shards."""
    if not directory.exists():
        return
    content = [path.name for path in directory.iterdir()] if directory.is_dir() else [""]
    if content and not {MANIFEST, PLAN} & set(content):
        raise UserError(f"{directory} exists and holds no shards; choose another directory")


def _episodes(dataset_id: str) -> Episodes:
    steps = open_dataset(dataset_id).episode_steps()
    ids = np.flatnonzero(steps > 0)
    if not len(ids):
        raise UserError(f"dataset {dataset_id!r} has no steps; needed: an episode of at least one")
    return Episodes(ids, steps[ids] + 1)


def source_of(dataset_id: str) -> tuple[int, ...]:
    """Return what identifies the content of a dataset's files without reading them."""
    data = dataset_path(dataset_id) / "data"
    files = sorted(path for path in data.rglob("*") if path.is_file())
    return (sum(f.stat().st_size for f in files), max(f.stat().st_mtime_ns for f in files))


def _plan(
    directory: Path,
    dataset_id: str,
    choices: Choices,
    shards: int,
    episodes: Episodes,
    pool: Executor | None,
    progress: Progress,
) -> Plan:
    """Return the plan of the directory; write it there if it is new."""
    wanted = {
        "dataset_id": dataset_id,
        "source": source_of(dataset_id),
        "choices": dataclasses.asdict(choices),
        "shards": shards,
    }
    earlier = _earlier_plan(directory)
    if earlier is not None:
        for name, value in wanted.items():
            before = _plain(getattr(earlier, name))
            if before != _plain(value):
                raise UserError(
                    f"{directory} was written with {name} {before}, not {_plain(value)}; choose "
                    "another directory, or delete this one"
                )
        return earlier
    layout = _survey(dataset_id, choices, episodes, shards, pool, progress)
    plan = Plan(format=FORMAT, layout=dataclasses.asdict(layout), **wanted)
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / PLAN, dataclasses.asdict(plan))
    return plan


def _earlier_plan(directory: Path) -> Plan | None:
    if (directory / PLAN).exists():
        return read_record(directory / PLAN, Plan)
    if not (directory / MANIFEST).exists():
        return None
    manifest = read_record(directory / MANIFEST, Manifest)
    fields = {f.name for f in dataclasses.fields(Plan)} - {"shards"}
    values = {name: getattr(manifest, name) for name in fields}
    return Plan(shards=len(manifest.rows), **values)


def _plain(value: Any) -> Any:
    """Return a value as JSON would return it."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple | list) else value


def _survey(
    dataset_id: str,
    choices: Choices,
    episodes: Episodes,
    parts: int,
    pool: Executor | None,
    progress: Progress,
) -> Layout:
    layout = initial_layout(dataset_id, choices)
    edges = np.searchsorted(episodes.start, first_rows(episodes.rows, parts))
    chosen = [episodes.ids[a:b].tolist() for a, b in itertools.pairwise(edges)]
    chosen = [ids for ids in chosen if ids]
    tasks = [functools.partial(survey, dataset_id, layout, ids) for ids in chosen]
    rows = [episodes.rows // len(tasks)] * len(tasks)
    results = _run(tasks, rows, pool, functools.partial(progress, "reading"))
    return derive_layout(functools.reduce(Survey.merge, results), dataset_id, layout, choices)


def _jobs(plan: Plan, episodes: Episodes) -> list[ShardJob]:
    edges = first_rows(episodes.rows, plan.shards)
    start = episodes.start
    jobs = []
    for begin, end in itertools.pairwise(edges.tolist()):
        first = int(np.searchsorted(start, begin, side="right")) - 1
        last = int(np.searchsorted(start, end, side="left"))
        jobs.append(
            ShardJob(
                dataset_id=plan.dataset_id,
                layout=Layout.from_dict(plan.layout),
                ids=tuple(episodes.ids[first:last].tolist()),
                start=tuple(start[first:last].tolist()),
                begin=begin,
                end=end,
            )
        )
    return jobs


def _write_all(
    jobs: Sequence[ShardJob], directory: Path, pool: Executor | None, progress: Progress
) -> bool:
    """Write the shards that are missing or damaged; return whether there were any."""
    tasks = [
        functools.partial(ensure_shard, job, shard_path(directory, i)) for i, job in enumerate(jobs)
    ]
    rows = [job.end - job.begin for job in jobs]
    return any(_run(tasks, rows, pool, functools.partial(progress, "writing")))


def ensure_shard(job: ShardJob, folder: Path) -> bool:
    """Write a shard unless it exists and is intact; return whether it was written."""
    if folder.exists():
        with contextlib.suppress(UserError):
            record = read_record(folder / RECORD, ShardRecord)
            if record.rows == job.end - job.begin and is_intact(folder, record.files):
                return False
        remove_directory(folder)
    with atomic_directory(folder) as new:
        write_shard(job, new)
    return True


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    """Yield a pool of processes; None for one worker, which is this process."""
    if workers == 1:
        yield None
        return
    # Forked processes of a program with threads, such as JAX's, may never end.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _run(
    tasks: Sequence[Callable[[], Any]],
    rows: Sequence[int],
    pool: Executor | None,
    progress: Callable[[int], None],
) -> list[Any]:
    """Return the results of tasks, in order.

    Raises:
        UserError: If a process of the pool ends before its task, such as for want of memory.
    """
    done = 0
    if pool is None:
        results = []
        for task, count in zip(tasks, rows, strict=True):
            results.append(task())
            done += count
            progress(done)
        return results
    try:
        futures: dict[Future, int] = {pool.submit(task): i for i, task in enumerate(tasks)}
        for future in as_completed(futures):
            future.result()
            done += rows[futures[future]]
            progress(done)
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise UserError(
            "a process that was writing shards has been killed, as by a machine out of memory; "
            "the shards that are complete are kept: run the command again, with fewer --workers"
        ) from error
