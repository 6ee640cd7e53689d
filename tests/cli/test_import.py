"""`dfplan import`: files of another toolkit become a dataset to train on."""

import json

import h5py
import minari
import numpy as np
import pytest

from dfplan.data.minari_io import load_trajectories

from .conftest import TINY


@pytest.fixture
def maze(run, place):
    """The shared dataset as a D4RL file."""
    episodes = list(minari.load_dataset("dfplan/pointmaze-umaze-v0").iterate_episodes())
    columns = {
        "observations": [e.observations["observation"][:-1] for e in episodes],
        "next_observations": [e.observations["observation"][1:] for e in episodes],
        "actions": [e.actions for e in episodes],
        "rewards": [e.rewards for e in episodes],
        "terminals": [e.terminations for e in episodes],
        "timeouts": [e.truncations for e in episodes],
        "infos/goal": [e.observations["desired_goal"][:-1] for e in episodes],
    }
    with h5py.File(place / "maze.hdf5", "w") as file:
        for name, arrays in columns.items():
            file[name] = np.concatenate(arrays)
    return place / "maze.hdf5"


def test_an_imported_file_gives_the_same_dataset_and_run(dfplan, maze, run, place):
    args = ["import", "d4rl", maze, "--dataset", "my/maze-v0", "--action-bounds", -1, 1]
    done = dfplan(*args, "--json", "i.json")
    assert (done.code, done.err) == (0, "")
    assert "importing: 6,000 of 6,000" in done.out
    (note,) = (line for line in done.out.splitlines() if line.startswith("note: "))
    assert "achieved goal" in note and "0, 1" in note
    assert done.out.endswith("dfplan dataset show my/maze-v0\n")
    record = json.loads((place / "i.json").read_text())
    assert (record["dataset"], record["episodes"], record["steps"]) == ("my/maze-v0", 6, 6000)
    imported = load_trajectories("my/maze-v0")
    original = load_trajectories("dfplan/pointmaze-umaze-v0")
    assert (imported.fingerprint, imported.layout) == (original.fingerprint, original.layout)
    train = ["train", "pointmaze-umaze", "--dataset", "my/maze-v0", *TINY]
    assert dfplan(*train, "--out", "new").code == 0
    last = [(r / "metrics.jsonl").read_text().splitlines()[-1] for r in (place / "new", run)]
    losses = [json.loads(line)["loss"] for line in last]
    assert losses[0] == losses[1]


def test_a_file_without_episodes_is_cut_and_takes_goal_dims(dfplan, place):
    walk = np.cumsum(np.random.default_rng(0).normal(size=(300, 3)), axis=0)
    np.savez("walk.npz", observations=walk, actions=walk[:, :1])
    done = dfplan("import", "numpy", "walk.npz", "--dataset", "my/walk-v0", "--episode-steps", 50)
    assert done.code == 0
    assert "my/walk-v0: 6 episodes, 294 steps in" in done.out
    data = load_trajectories("my/walk-v0", (0, 2))
    assert data.length.tolist() == [50] * 6 and data.layout.goal_dims == (0, 2)
    np.testing.assert_array_equal(data.state, walk.astype(np.float32))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["d4rl", "maze.hdf5"], ["--dataset"]),
        (["hdf5", "maze.hdf5", "--dataset", "my/x-v0"], ["'hdf5'", "d4rl, ogbench"]),
        (["d4rl", "--dataset", "my/x-v0"], ["file"]),
        (["d4rl", "no.hdf5", "--dataset", "my/x-v0"], ["no.hdf5"]),
        (["d4rl", "maze.hdf5", "--dataset", "x"], ["'x'"]),
        (["d4rl", "maze.hdf5", "--dataset", "dfplan/pointmaze-umaze-v0"], ["pointmaze-umaze-v0"]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--episode-steps", 1], ["at least 2"]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--actions", "a"], ["'a'", "actions"]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--json", "."], ["cannot write ."]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--goal-dims", 1, 1], ["(1, 1)", "0 to 3"]),
    ],
    ids=str,
)
def test_errors_name_the_value_and_leave_nothing_behind(dfplan, maze, home, args, words):
    before = sorted((home / "datasets").rglob("*"))
    done = dfplan("import", *args)
    assert done.code == 2 and done.err.startswith("dfplan: error: ")
    assert done.err.count("\n") == 1
    for word in words:
        assert word in done.err
    assert sorted((home / "datasets").rglob("*")) == before
