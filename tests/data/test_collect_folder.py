"""A collector's folder for finished work outlives an interruption, and no more."""

import minari
import numpy as np
import pytest
from gymnasium.spaces import Box
from minari.data_collector import EpisodeBuffer

from dfplan.data.collect import collect_with

ARRAYS = {
    "observations": np.zeros((3, 1)),
    "actions": np.zeros((2, 1)),
    "rewards": np.zeros(2),
    "terminations": np.zeros(2, bool),
    "truncations": np.array([False, True]),
}


def two_attempts(env_id, *, folder, attempts):
    """Fail while the first attempt's episodes are written; continue with what it left."""
    attempts.append(sorted(file.name for file in folder.glob("*")))

    def episodes():
        yield EpisodeBuffer(**ARRAYS)
        if len(attempts) == 1:
            folder.mkdir(parents=True)
            (folder / "1").touch()
            raise KeyboardInterrupt

    return {"buffer": episodes(), "observation_space": Box(-1, 1, (1,)), "action_space": Box(0, 1)}


def test_the_folder_stays_until_the_dataset_is_complete(minari_home):
    attempts = []
    with pytest.raises(KeyboardInterrupt):
        collect_with(two_attempts, "any", "my/a-v0", attempts=attempts)
    assert minari.list_local_datasets() == {}
    collect_with(two_attempts, "any", "my/a-v0", attempts=attempts)
    assert attempts == [[], ["1"]]
    assert list(minari.list_local_datasets()) == ["my/a-v0"]
    assert {path.name for path in (minari_home / "my").iterdir() if path.is_dir()} == {"a-v0"}
