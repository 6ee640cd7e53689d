"""The commands in docs/datasets.md run as written."""

import json
import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorstore

PAGE = Path(__file__).parents[2].joinpath("docs", "datasets.md").read_text()
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("dfplan ")
]
ROWS = 60


@pytest.fixture
def files(place, monkeypatch):
    """Small versions of the files that the page names, and an empty datasets directory."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place))
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    state = np.cumsum(np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32), axis=0)
    action = np.tanh(state[:, :2])
    ends = np.arange(ROWS) % 20 == 19
    columns = {"observations": state, "actions": action, "terminals": ends}
    with h5py.File("maze2d-umaze-v1.hdf5", "w") as file:
        d4rl_columns = {"rewards": state[:, 0], "timeouts": ends, "infos/goal": state[:, 2:]}
        for name, array in {**columns, **d4rl_columns}.items():
            file[name] = array
    positions = {"qpos": state[:, :2], "qvel": state[:, 2:]}
    for name in ("pointmaze-medium-navigate-v0", "pointmaze-medium-navigate-v0-val"):
        np.savez(f"{name}.npz", **columns, **positions)
    np.savez("walks.npz", observations=state, actions=action, episode_lengths=[20, 40])
    replay = {"obs": state[:-1], "next_obs": state[1:], "acts": action[:-1], "rews": state[:-1, 0]}
    np.savez("replay.npz", **replay, dones=ends[:-1])
    np.save("observations.npy", state)
    np.save("actions.npy", action[1:])
    info = Path("pusht/meta/info.json")
    data = Path("pusht/data/chunk-000/file-000.parquet")
    for path in (info, data):
        path.parent.mkdir(parents=True)
    info.write_text(json.dumps({"codebase_version": "v3.0"}))
    table = {"observation.state": state.tolist(), "action": action.tolist()}
    frames = {"episode_index": np.arange(ROWS) // 20, "frame_index": np.arange(ROWS) % 20}
    pq.write_table(pa.table({**table, "next.reward": state[:, 0], **frames}), data)
    _write_robot_files(state, action)
    _write_tracks()


def _write_robot_files(state, action):
    with h5py.File("low_dim_v141.hdf5", "w") as file:
        for i in range(3):
            rows = slice(20 * i, 20 * i + 20)
            file[f"data/demo_{i}/actions"] = action[rows]
            file[f"data/demo_{i}/obs/object"] = state[rows]
        file["mask/train"] = np.array([b"demo_0", b"demo_2"])
    for name, array in {"data/state": state, "data/action": action}.items():
        _write_zarr(f"pusht_cchi_v7_replay.zarr/{name}", array)
    _write_zarr("pusht_cchi_v7_replay.zarr/meta/episode_ends", np.array([20, 60]))


def _write_zarr(path, array):
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": path}}
    store = tensorstore.open(spec, create=True, dtype=array.dtype, shape=array.shape).result()
    store.write(array).result()


def _write_tracks():
    for folder in ("MOT17-02/gt", "runs/detect/track/labels"):
        Path(folder).mkdir(parents=True)
    frames = range(1, 20)
    lines = {
        "MOT17-02/gt/gt.txt": [f"{t},1,{10 * t},5,4,8,1,1,1.0" for t in frames],
        "biwi_eth.txt": [f"{10 * t}.0\t1.0\t{t / 3:.2f}\t{t / 4:.2f}" for t in frames],
        "tracks.csv": ["id,time,x,y", *(f"1,{t},{t},{t}" for t in frames)],
    }
    for path, text in lines.items():
        Path(path).write_text("\n".join(text))
    for t in frames:
        label = Path(f"runs/detect/track/labels/street_{t}.txt")
        label.write_text(f"0 {t / 30:.3f} 0.5 0.1 0.2 1\n")


def test_every_command_runs(dfplan, files, place):
    assert {args[0] for args in COMMANDS} == {"import", "dataset", "train"}
    for args in COMMANDS:
        if args[0] != "train":  # test_import.py trains on an imported file
            done = dfplan(*args)
            assert (done.code, done.err) == (0, ""), args
    assert (place / "maze2d.png").is_file() and (place / "maze2d.json").is_file()
