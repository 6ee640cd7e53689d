"""Kill `dfplan dataset shard` at random times, run it again, and compare the files.

    python -m scripts.kill.shards --kills 200

Runs are forks of this process, which imports no JAX and starts no thread.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gymnasium.spaces import Box
from minari.data_collector import EpisodeBuffer

from dfplan.data.shards.write import write_shards
from dfplan.data.store.write import new_dataset, write_dataset

NAME = "kill/walks-v0"
EPISODES = 200
STEPS = 2000
SHARDS = 24


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.kill.shards", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["MINARI_DATASETS_PATH"] = str(root / "datasets")
        _make_dataset()
        start = time.perf_counter()
        write_shards(NAME, root / "whole", shards=SHARDS)
        seconds = time.perf_counter() - start
        expected = _contents(root / "whole")
        kills = finished = failures = 0
        out = root / "out"
        while kills < args.kills:
            process = _fork(out)
            time.sleep(rng.uniform(0, 1.2 * seconds))
            os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            kills += os.WIFSIGNALED(status)
            if (out / "manifest.json").exists() or kills == args.kills:
                write_shards(NAME, out, shards=SHARDS)
                failures += _contents(out) != expected
                finished += 1
                shutil.rmtree(out)
    print(f"{kills} kills, {finished} complete results, {failures} failures")
    return int(failures > 0)


def _fork(out: Path) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    with contextlib.suppress(BaseException):
        write_shards(NAME, out, shards=SHARDS)
        code = 0
    os._exit(code)


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _make_dataset() -> None:
    rng = np.random.default_rng(0)
    episodes = []
    for index in range(EPISODES):
        action = rng.uniform(-1, 1, (STEPS, 2)).astype(np.float32)
        state = 5e6 + np.cumsum(np.pad(0.1 * action, ((1, 0), (0, 0))), axis=0)
        episodes.append(
            EpisodeBuffer(
                id=index,
                observations=state,
                actions=action,
                rewards=np.zeros(STEPS),
                terminations=np.zeros(STEPS, bool),
                truncations=np.arange(STEPS) == STEPS - 1,
            )
        )
    with new_dataset(NAME) as data:
        write_dataset(
            data,
            NAME,
            buffer=episodes,
            observation_space=Box(-np.inf, np.inf, (2,), np.float64),
            action_space=Box(-1, 1, (2,), np.float32),
        )


if __name__ == "__main__":
    sys.exit(main())
