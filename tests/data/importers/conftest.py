"""Small files of every format. Each number says where it comes from, and none is there twice."""

import itertools
import json

import h5py
import minari
import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.data.importers.write import ImportOptions, write_episodes
from dfplan.types import UserError

ID = "my/imported-v0"
LENGTHS = (4, 3, 5)  # rows of each episode


def coded(dims: int, base: float = 0.0, lengths=LENGTHS) -> np.ndarray:
    """`[N, dims]`: 100 * episode + row of the episode + a tenth per dimension."""
    rows = [100 * e + np.arange(n) for e, n in enumerate(lengths)]
    column = np.concatenate(rows).astype(np.float32)[:, None]
    return base + column + np.arange(dims, dtype=np.float32) / 10


def ends(lengths=LENGTHS) -> np.ndarray:
    flags = np.zeros(sum(lengths), bool)
    flags[np.cumsum(lengths) - 1] = True
    return flags


def flat(**more) -> dict[str, np.ndarray]:
    """The columns that D4RL, OGBench and NumPy files share."""
    columns = {"observations": coded(3), "actions": coded(2, 0.05), "rewards": coded(1, 0.5)[:, 0]}
    columns |= {"terminals": ends()} | more
    return {name: array for name, array in columns.items() if array is not None}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    return tmp_path


@pytest.fixture
def hdf5(home):
    def write(name="file.hdf5", **more):
        path = home / name
        with h5py.File(path, "w") as file:
            for key, array in flat(**more).items():
                file[key] = array
        return path

    return write


@pytest.fixture
def npz(home):
    def write(name="file.npz", **more):
        path = home / name
        np.savez(path, **flat(**more))
        return path

    return write


@pytest.fixture
def lerobot(home):
    """A LeRobot dataset; `cuts` are the rows at which a new file begins."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    def write(cuts=(6,), version="v3.0", name="robot", **more):
        columns = {
            "observation.state": coded(3),
            "action": coded(2, 0.05),
            "next.reward": coded(1, 0.5)[:, 0],
            "episode_index": np.repeat(np.arange(len(LENGTHS)), LENGTHS),
            "frame_index": np.concatenate([np.arange(n) for n in LENGTHS]),
            "task": ["push"] * sum(LENGTHS),
            **more,
        }
        table = pa.table({k: _arrow(pa, c) for k, c in columns.items() if c is not None})
        root = home / name
        (root / "meta").mkdir(parents=True)
        (root / "meta" / "info.json").write_text(json.dumps({"codebase_version": version}))
        bounds = [0, *cuts, len(table)]
        for i, (begin, end) in enumerate(itertools.pairwise(bounds)):
            old = root / "data" / "chunk-000" / f"episode_{i:06d}.parquet"
            new = root / "data" / f"chunk-{i:03d}" / "file-000.parquet"
            path = old if version < "v3" else new
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table.slice(begin, end - begin), path)
        return root

    return write


def _arrow(pa, column):
    if isinstance(column, np.ndarray) and column.ndim == 2:
        flat = pa.array(column.ravel())
        return pa.FixedSizeListArray.from_arrays(flat, column.shape[1])
    return pa.array(column)


@pytest.fixture
def imported(home):
    """Imports files and returns what Minari reads back: the dataset, its episodes, the notes."""

    def call(name, *paths, columns=Columns(), form=ImportOptions(), limit=None):
        rows = read_files(name, paths, columns, limit)
        done = write_episodes(rows, ID, form, "test")
        dataset = minari.load_dataset(ID)
        episodes = list(dataset.iterate_episodes())
        assert (len(episodes), sum(map(len, episodes))) == (done.episodes, done.steps)
        assert dataset.total_steps == done.steps
        return dataset, episodes, done.notes

    return call


@pytest.fixture
def refusal(home):
    """Imports files, which must be refused in one line; returns it. Nothing may be written."""

    def call(name, *paths, columns=Columns(), form=ImportOptions(), limit=None) -> str:
        with pytest.raises(UserError) as caught:
            write_episodes(read_files(name, paths, columns, limit), ID, form, "test")
        assert "\n" not in str(caught.value)
        assert not list((home / "datasets").iterdir())
        return str(caught.value)

    return call


def check_dropped(episodes, lengths=LENGTHS) -> None:
    """Check that each episode holds all rows' observations, and all actions but the last."""
    stops = np.cumsum(lengths)
    for episode, stop, n in zip(episodes, stops, lengths, strict=True):
        here = slice(stop - n, stop)
        observations = episode.observations
        if isinstance(observations, dict):
            observations = observations["observation"]
        np.testing.assert_array_equal(observations, coded(3)[here])
        np.testing.assert_array_equal(episode.actions, coded(2, 0.05)[here][:-1])
        np.testing.assert_array_equal(episode.rewards, coded(1, 0.5)[here][:-1, 0])
        assert episode.truncations.tolist() == [False] * (n - 2) + [True]
        assert not episode.terminations.any()
