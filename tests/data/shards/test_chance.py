"""Splitting shards at steps with a random outcome: as in memory."""

import numpy as np
import pytest

from dfplan.data.chance import split_at_chance
from dfplan.data.minari_io import load_trajectories
from dfplan.data.shards import mapped
from dfplan.data.shards.chance import split_shards_at_chance
from dfplan.data.shards.layout import Choices
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.shards.write import write_shards
from dfplan.data.store.write import new_dataset, write_dataset
from dfplan.data.training_arrays import fit_normalizers
from dfplan.types import UserError
from tests.data.shards.conftest import ACTIONS, box, buffer
from tests.data.test_chance import EXITS, PORTAL, walk

NAME = "my/portal-v0"


def make(walks):
    episodes = []
    for k, positions in enumerate(walks):
        actions = np.random.default_rng(k).uniform(-1, 1, (len(positions) - 1, 2))
        states = np.pad(positions, ((0, 0), (0, 1)), constant_values=7.0)
        episodes.append(buffer(len(actions), states, actions.astype(np.float32), k))
    with new_dataset(NAME) as data:
        space = box(3, np.float32)
        write_dataset(data, NAME, buffer=episodes, observation_space=space, action_space=ACTIONS)


def resting():
    """Walks that rest for most of the time, so that the usual step has no length."""
    walks = walk(EXITS)
    return [np.concatenate([np.repeat(w[:1], 3000, axis=0), w]) for w in walks[:11]]


@pytest.mark.parametrize("walks", [walk(EXITS), walk(EXITS[:1]), resting()])
@pytest.mark.parametrize("rows", [PORTAL + 1, 100_000])  # a block ends before a jump
def test_shards_are_split_as_in_memory(home, monkeypatch, walks, rows):
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 12 * rows)
    make(walks)
    write_shards(NAME, home / "out", shards=3, choices=Choices(goal_dims=(0, 1)))
    expected = split_at_chance(load_trajectories(NAME, goal_dims=(0, 1)))
    actual = split_shards_at_chance(ShardedTrajectories(home / "out"))
    np.testing.assert_array_equal(actual.start, expected.start)
    np.testing.assert_array_equal(actual.length, expected.length)
    for array, other in zip(
        actual.take(np.arange(len(expected.state))), (expected.state, expected.action), strict=True
    ):
        np.testing.assert_array_equal(array, other)
    for ours, theirs in zip(fit_normalizers(actual), fit_normalizers(expected), strict=True):
        np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-6)
        np.testing.assert_allclose(ours.std, theirs.std, rtol=1e-6)
    assert actual.fingerprint == expected.fingerprint


def test_the_rows_of_random_steps_lose_their_actions(home):
    make(walk(EXITS))
    write_shards(NAME, home / "out", shards=2, choices=Choices(goal_dims=(0, 1)))
    data = ShardedTrajectories(home / "out")
    row = np.array([[PORTAL, PORTAL - 1]])
    assert data.action.take(row).all()
    assert split_shards_at_chance(data).action.take(row)[0].any(axis=1).tolist() == [False, True]


def test_steps_are_judged_in_the_dimensions_of_a_goal(home):
    make(walk(EXITS))
    write_shards(NAME, home / "out", shards=2)
    with pytest.raises(UserError, match="valid here: false"):
        split_shards_at_chance(ShardedTrajectories(home / "out"))
