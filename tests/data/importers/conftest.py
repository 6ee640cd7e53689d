"""Small files of every format. Each number encodes its episode, row and dimension."""

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
LENGTHS = (4, 3, 5)  # rows per episode


def coded(dims: int, base: float = 0.0, lengths=LENGTHS) -> np.ndarray:
    """Return `[N, dims]`: 100 * episode + row in the episode + 0.1 * dimension."""
    rows = [100 * e + np.arange(n) for e, n in enumerate(lengths)]
    column = np.concatenate(rows).astype(np.float32)[:, None]
    return base + column + np.arange(dims, dtype=np.float32) / 10


def ends(lengths=LENGTHS) -> np.ndarray:
    flags = np.zeros(sum(lengths), bool)
    flags[np.cumsum(lengths) - 1] = True
    return flags


def flat(**changes) -> dict[str, np.ndarray]:
    """Return the columns that D4RL, OGBench and NumPy files share; None removes one."""
    columns = {"observations": coded(3), "actions": coded(2, 0.05), "rewards": coded(1, 0.5)[:, 0]}
    columns |= {"terminals": ends()} | changes
    return {name: array for name, array in columns.items() if array is not None}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    return tmp_path


@pytest.fixture
def hdf5(home):
    def write(name="file.hdf5", **changes):
        path = home / name
        with h5py.File(path, "w") as file:
            for key, array in flat(**changes).items():
                file[key] = array
        return path

    return write


@pytest.fixture
def npz(home):
    def write(name="file.npz", **changes):
        path = home / name
        np.savez(path, **flat(**changes))
        return path

    return write


@pytest.fixture
def lerobot(home):
    """Write a LeRobot dataset; `cuts` are the rows at which a new file begins."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    def write(cuts=(6,), version="v3.0", name="robot", **changes):
        columns = {
            "observation.state": coded(3),
            "action": coded(2, 0.05),
            "next.reward": coded(1, 0.5)[:, 0],
            "episode_index": np.repeat(np.arange(len(LENGTHS)), LENGTHS),
            "frame_index": np.concatenate([np.arange(n) for n in LENGTHS]),
            "task": ["push"] * sum(LENGTHS),
            **changes,
        }
        table = pa.table({k: _arrow(pa, c) for k, c in columns.items() if c is not None})
        root = home / name
        (root / "meta").mkdir(parents=True)
        (root / "meta" / "info.json").write_text(json.dumps({"codebase_version": version}))
        bounds = [0, *cuts, len(table)]
        for i, (begin, end) in enumerate(itertools.pairwise(bounds)):
            path_v2 = root / "data" / "chunk-000" / f"episode_{i:06d}.parquet"
            path_v3 = root / "data" / f"chunk-{i:03d}" / "file-000.parquet"
            path = path_v2 if version < "v3" else path_v3
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
    """Import files and return what Minari reads back: the dataset, its episodes and the notes."""

    def call(name, *paths, columns=Columns(), options=ImportOptions(), limit=None):
        rows = read_files(name, paths, columns, limit=limit)
        result = write_episodes(rows, ID, options, description="test")
        dataset = minari.load_dataset(ID)
        episodes = list(dataset.iterate_episodes())
        assert (len(episodes), sum(map(len, episodes))) == (result.episodes, result.steps)
        assert dataset.total_steps == result.steps
        return dataset, episodes, result.notes

    return call


@pytest.fixture
def refusal(home):
    """Import files that must be refused; return the one-line message. Nothing may be written."""

    def call(name, *paths, columns=Columns(), options=ImportOptions(), limit=None) -> str:
        with pytest.raises(UserError) as caught:
            write_episodes(
                read_files(name, paths, columns, limit=limit), ID, options, description="test"
            )
        assert "\n" not in str(caught.value)
        assert not list((home / "datasets").iterdir())
        return str(caught.value)

    return call


def check_dropped(episodes, lengths=LENGTHS) -> None:
    """Check that each episode holds the observations of all rows and all actions but the last."""
    stops = np.cumsum(lengths)
    for episode, stop, n in zip(episodes, stops, lengths, strict=True):
        rows = slice(stop - n, stop)
        observations = episode.observations
        if isinstance(observations, dict):
            observations = observations["observation"]
        np.testing.assert_array_equal(observations, coded(3)[rows])
        np.testing.assert_array_equal(episode.actions, coded(2, 0.05)[rows][:-1])
        np.testing.assert_array_equal(episode.rewards, coded(1, 0.5)[rows][:-1, 0])
        assert episode.truncations.tolist() == [False] * (n - 2) + [True]
        assert not episode.terminations.any()
