"""Episodes simulated by several processes, each stored in a file of its own until all are done.

An interrupted collection that is begun again takes the finished files and simulates the others.
"""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dfplan_envs.ogbench.episodes import Episode
from dfplan_envs.ogbench.manipulation.procedure import simulate
from dfplan_envs.ogbench.manipulation.scene import Scene

SIMULATORS = ("ogbench", "mujoco", "numpy")
"""Packages whose version decides the data."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What is simulated.

    Attributes:
        env_id: Id of the environment.
        env_kwargs: Arguments of `gymnasium.make`.
        kind: "play" or "noisy".
        seed: Seed of the dataset.
        lengths: Control steps of each episode.
    """

    env_id: str
    env_kwargs: dict[str, Any]
    kind: str
    seed: int
    lengths: tuple[int, ...]

    def path(self, folder: Path, number: int) -> Path:
        """Return the file of an episode; requests for different data name different files."""
        entries = dataclasses.asdict(self) | {"lengths": self.lengths[number]}
        entries |= {package: version(package) for package in SIMULATORS}
        digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
        return folder / f"{number}-{digest[:12]}.npz"


def simulate_all(
    request: Request, folder: Path, workers: int, progress: Callable[[int], None]
) -> Iterator[Episode]:
    """Yield the episodes in order, as they are finished.

    Args:
        request: What is simulated.
        folder: Folder for the files, which is created; the caller removes it.
        workers: Processes that simulate; with one, this process does.
        progress: Callback that receives the number of control steps that are finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [request.path(folder, number) for number in range(len(request.lengths))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    workers = min(workers, len(missing))
    simulating = _in_processes if workers > 1 else _in_this_process
    with simulating(request, paths, missing, workers=workers) as finish:
        done = 0
        for number, path in enumerate(paths):
            finish(number)
            done += request.lengths[number]
            progress(done)
            yield _read(path)


@contextlib.contextmanager
def _in_this_process(
    request: Request, paths: list[Path], missing: list[int], workers: int
) -> Iterator[Callable[[int], None]]:
    """Yield a function that simulates an episode unless it is finished."""
    scene = Scene(request.env_id, request.env_kwargs) if missing else None

    def finish(number: int) -> None:
        if number in missing:
            assert scene is not None
            _simulate_part(scene, request, number, paths[number])

    yield finish


@contextlib.contextmanager
def _in_processes(
    request: Request, paths: list[Path], missing: list[int], workers: int
) -> Iterator[Callable[[int], None]]:
    """Begin to simulate in other processes; yield a function that waits for an episode."""
    pool = concurrent.futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),  # as JAX's threads do not survive a fork
        initializer=_begin_worker,
        initargs=(request,),
    )
    try:
        parts = {n: pool.submit(_simulate_in_worker, n, paths[n]) for n in missing}

        def finish(number: int) -> None:
            try:
                if number in parts:
                    parts[number].result()
            except concurrent.futures.BrokenExecutor as error:
                raise ValueError(
                    "a process that simulates episodes was ended from outside; run the command "
                    "again, which continues with the finished episodes"
                ) from error

        yield finish
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Scene, Request] | None = None
"""What a worker process simulates, and in which environment."""


def _begin_worker(request: Request) -> None:
    """Make a worker's environment, and see to it that it ends with its parent alone."""
    global _worker  # A process pool has no other place for a worker's state.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = (Scene(request.env_id, request.env_kwargs), request)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _simulate_in_worker(number: int, path: Path) -> None:
    assert _worker is not None
    scene, request = _worker
    _simulate_part(scene, request, number, path)


def _simulate_part(scene: Scene, request: Request, number: int, path: Path) -> None:
    """Simulate an episode and write its file, complete or not at all."""
    episode = simulate(scene, request.kind, request.seed, number, steps=request.lengths[number])
    arrays: dict[str, Any] = {
        "observations": episode.observations,
        "actions": episode.actions,
        **episode.states,
    }
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)


def _read(path: Path) -> Episode:
    with np.load(path) as arrays:
        states = {name: arrays[name] for name in arrays.files}
    return Episode(states.pop("observations"), states.pop("actions"), states)
