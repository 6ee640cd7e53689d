"""Files of another toolkit become a dataset that trains."""

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
        for name, parts in columns.items():
            file[name] = np.concatenate(parts)
    return place / "maze.hdf5"


def test_a_file_makes_the_same_dataset_and_the_same_run(dfplan, maze, run, place):
    args = ["import", "d4rl", maze, "--dataset", "my/maze-v0", "--action-bounds", -1, 1]
    done = dfplan(*args, "--json", "i.json")
    assert (done.code, done.err) == (0, "")
    assert "importing: 6,000 of 6,000" in done.out
    assert "note: achieved goal: dimensions 0, 1 of the observation\n" in done.out
    assert done.out.endswith("next: dfplan dataset show my/maze-v0\n")
    record = json.loads((place / "i.json").read_text())
    assert (record["dataset"], record["episodes"], record["steps"]) == ("my/maze-v0", 6, 6000)
    ours, theirs = (load_trajectories(i) for i in ("my/maze-v0", "dfplan/pointmaze-umaze-v0"))
    assert (ours.fingerprint, ours.layout) == (theirs.fingerprint, theirs.layout)
    train = ["train", "pointmaze-umaze", "--dataset", "my/maze-v0", *TINY]
    assert dfplan(*train, "--out", "new").code == 0
    last = [(r / "metrics.jsonl").read_text().splitlines()[-1] for r in (place / "new", run)]
    losses = [json.loads(line)["loss"] for line in last]
    assert losses[0] == losses[1]


def test_a_flat_file_is_cut_and_takes_goal_dims(dfplan, place):
    walk = np.cumsum(np.random.default_rng(0).normal(size=(300, 3)), axis=0)
    np.savez("walk.npz", observations=walk, actions=walk[:, :1])
    done = dfplan("import", "numpy", "walk.npz", "--dataset", "my/walk-v0", "--episode-steps", 50)
    assert done.code == 0
    assert "my/walk-v0: 6 episodes, 294 steps in" in done.out
    data = load_trajectories("my/walk-v0", (0, 2))
    assert data.length.tolist() == [50] * 6 and data.layout.goal_dims == (0, 2)
    np.testing.assert_array_equal(data.state, walk.astype(np.float32))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["d4rl", "maze.hdf5"], ["--dataset is missing", "my/name-v0"]),
        (["hdf5", "maze.hdf5", "--dataset", "my/x-v0"], ["format 'hdf5'", "valid: d4rl, ogbench"]),
        (["d4rl", "--dataset", "my/x-v0"], ["name a file"]),
        (["d4rl", "no.hdf5", "--dataset", "my/x-v0"], ["there is no no.hdf5"]),
        (["d4rl", "maze.hdf5", "--dataset", "x"], ["'x' is malformed"]),
        (["d4rl", "maze.hdf5", "--dataset", "dfplan/pointmaze-umaze-v0"], ["exists already"]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--episode-steps", 1], ["at least 2"]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--actions", "a"], ["no column 'a'"]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--json", "."], ["cannot write ."]),
        (["d4rl", "maze.hdf5", "--dataset", "my/x-v0", "--goal-dims", 1, 1], ["(1, 1)", "0 to 3"]),
    ],
    ids=str,
)
def test_what_cannot_be_used(dfplan, maze, home, args, says):
    before = sorted((home / "datasets").rglob("*"))
    done = dfplan("import", *args)
    assert done.code == 2 and done.err.startswith("dfplan: error: ")
    assert done.err.count("\n") == 1
    assert all(text in done.err for text in says)
    assert sorted((home / "datasets").rglob("*")) == before
