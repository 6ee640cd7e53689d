"""Compare how fast dfplan and Minari write and read datasets of many short episodes.

    python scripts/measure_dataset_speed.py --episodes 8000 --steps 16

Both write the same episodes in Minari's format, and both readers read what Minari wrote and what
dfplan wrote. The factors are ratios of CPU times within one run.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import minari
import numpy as np

from dfplan.data.importers import write
from dfplan.data.importers.episodes import ColumnarEpisodes
from dfplan.data.importers.write import ImportOptions, write_episodes
from dfplan.data.minari_io import load_trajectories
from dfplan.data.profile.measure import measure
from dfplan.data.store.dataset import Dataset, minari_episodes

HEADER = """\
| | Minari, CPU s | dfplan, CPU s | factor |
|---|---:|---:|---:|"""


def make_episodes(episodes: int, steps: int, goals: bool) -> ColumnarEpisodes:
    rng = np.random.default_rng(0)
    rows = episodes * steps
    return ColumnarEpisodes(
        where="random numbers",
        observation=rng.normal(size=(rows, 4)),
        action=rng.normal(size=(rows, 2)),
        reward=rng.normal(size=rows),
        goal=rng.normal(size=(rows, 2)) if goals else None,
        length=np.full(episodes, steps),
        terminated=np.zeros(episodes, bool),
        final=rng.normal(size=(episodes, 4)),
    )


def write_by_minari(rows: ColumnarEpisodes, dataset_id: str) -> None:
    dims = (0, 1) if rows.goal is not None else ()
    minari.create_dataset_from_buffers(
        dataset_id,
        buffer=write._buffers(rows, dims, lambda rows: None),  # pyright: ignore[reportArgumentType]
        observation_space=write._observation_space(rows, dims),
        action_space=write._action_space(rows, None),
    )


class MinariReader:
    """Context in which dfplan reads HDF5 files by Minari's own reader."""

    def __enter__(self) -> None:
        def episodes(self: Dataset, ids: Iterable[int], step_arrays: Any) -> Iterator[Any]:
            return minari_episodes(self._data, self.metadata, ids)

        self._patch = mock.patch.object(Dataset, "_episodes", episodes)
        self._patch.start()

    def __exit__(self, *error: object) -> None:
        self._patch.stop()


def cpu_seconds(call: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = call(*args)
    return time.process_time() - start, result


def compare(rows: ColumnarEpisodes) -> Iterator[str]:
    """Yield a row of the table for each operation."""

    def row(name: str, minaris: float, ours: float) -> str:
        return f"| {name} | {minaris:.2f} | {ours:.2f} | {minaris / ours:.1f} |"

    minaris, _ = cpu_seconds(write_by_minari, rows, "minari/x-v0")
    ours, _ = cpu_seconds(write_episodes, rows, "dfplan/x-v0", ImportOptions(), "numbers")
    yield row("write", minaris, ours)
    for name in ("dfplan", "minari"):
        for verb, read in (("train on", load_trajectories), ("show", measure)):
            with MinariReader():
                minaris, expected = cpu_seconds(read, f"{name}/x-v0")
            ours, result = cpu_seconds(read, f"{name}/x-v0")
            if verb == "train on" and result.fingerprint != expected.fingerprint:
                raise RuntimeError("the readers disagree")
            yield row(f"{verb} what {name} wrote", minaris, ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=16)
    args = parser.parse_args()
    for goals in (False, True):
        print(
            f"{args.episodes} episodes of {args.steps} steps {'with' if goals else 'without'} goals"
        )
        print(HEADER)
        with tempfile.TemporaryDirectory() as home:
            os.environ["MINARI_DATASETS_PATH"] = str(Path(home))
            for row in compare(make_episodes(args.episodes, args.steps, goals)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
