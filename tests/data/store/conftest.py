"""Small datasets, written by dfplan or by Minari, and what each reads."""

import json
import warnings

import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer

from dfplan.data.store.write import new_dataset, write_dataset

ID = "my/small-v0"


def box(*shape, dtype=np.float64):
    low, high = (0, 255) if dtype == np.uint8 else (-np.inf, np.inf)
    return spaces.Box(low, high, shape, dtype)


GOALS = spaces.Dict({"observation": box(3), "achieved_goal": box(2), "desired_goal": box(2)})


def episode(steps: int, seed: int = 0, **changes) -> EpisodeBuffer:
    rng = np.random.default_rng([steps, seed])
    arrays = {
        "observations": rng.normal(size=(steps + 1, 3)),
        "actions": rng.normal(size=(steps, 2)).astype(np.float32),
        "rewards": rng.normal(size=steps),
        "terminations": np.zeros(steps, bool),
        "truncations": np.arange(steps) == steps - 1,
    }
    return EpisodeBuffer(**arrays | changes)


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "datasets"
    folder.mkdir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder))
    return folder


def write(dataset_id=ID, episodes=None, observation_space=box(3), action_space=box(2)):
    with new_dataset(dataset_id) as data:
        write_dataset(
            data,
            dataset_id,
            buffer=[episode(4), episode(6)] if episodes is None else episodes,
            observation_space=observation_space,
            action_space=action_space,
        )


def write_with_minari(dataset_id=ID, episodes=None, observation_space=box(3), **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari.create_dataset_from_buffers(
            dataset_id,
            buffer=[episode(4), episode(6)] if episodes is None else episodes,
            observation_space=observation_space,
            action_space=box(2, dtype=np.float32),
            **options,
        )


def change_metadata(folder, **changes) -> None:
    """Change entries of a dataset's metadata; None removes one."""
    path = folder / "data" / "metadata.json"
    record = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not None}))
