"""`dfplan collect`."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dfplan.cli.collect_jobs import collected_elsewhere
from dfplan.cli.collection import Collection, prepare
from dfplan.cli.common import check_outputs, console, write_json
from dfplan.cli.progress_bar import step_bar
from dfplan.data.collect import collect, collect_with
from dfplan.data.store.write import check_new_dataset_id
from dfplan.tasks.make_env import make_env
from dfplan.types import UserError, one_line


def main(argv: Sequence[str]) -> int:
    """Collect a dataset."""
    collection = prepare(argv)
    args = collection.args
    task = collection.task
    steps = collection.steps
    check_new_dataset_id(task.dataset)
    make_env(task.env, task.env_kwargs).close()
    check_outputs(args.json)
    start_time = time.perf_counter()
    with step_bar("collecting", steps) as advance, _episodes(collection, argv, advance) as episodes:
        try:
            _collector(collection)(
                task.env,
                task.dataset,
                steps=steps,
                seed=args.seed,
                env_kwargs=dict(task.env_kwargs),
                progress=advance,
                episodes=episodes,
            )
        except (ValueError, TypeError) as error:
            raise UserError(one_line(error)) from error
    seconds = time.perf_counter() - start_time
    console.print(f"{task.dataset}: {steps:,} steps in {seconds:.1f} s")
    write_json(args.json, {"dataset": task.dataset, "steps": steps, "seconds": seconds})
    return 0


def _collector(collection: Collection) -> Callable[..., Any]:
    """Return the function that collects."""
    if collection.collector is not None:
        return functools.partial(collect_with, collection.collector)
    return functools.partial(collect, policy=collection.policy)


@contextlib.contextmanager
def _episodes(
    collection: Collection, argv: Sequence[str], progress: Callable[[int], None]
) -> Iterator[Iterator[Any] | None]:
    """Yield the episodes that other processes record; None if this one records them."""
    if not collection.args.ray.is_used:
        yield None
        return
    with (
        collection.args.ray.executor() as executor,
        collected_elsewhere(collection, argv, executor=executor, progress=progress) as episodes,
    ):
        yield episodes
