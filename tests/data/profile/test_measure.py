"""Profiles match the contents of their datasets."""

import json

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.minari_io import load_trajectories
from dfplan.data.profile.measure import measure
from dfplan.data.profile.sample import PATHS, POINTS, take_sample
from dfplan.types import UserError

from .conftest import ID, box, goal_space, walk


def test_numbers_of_a_flat_dataset(write):
    episodes = [walk(0, 5), walk(1, 90, "terminated"), walk(2, 40, "neither")]
    write(episodes, box(4))
    progress = []
    profile = measure(ID, progress=progress.append)
    assert profile.length.tolist() == [5, 90, 40] and profile.steps == progress[-1] == 135
    assert profile.ends == {"terminated": 1, "truncated": 1, "unmarked": 1}
    for name, i in (("state", 0), ("action", 1), ("reward", 2)):
        joined = np.concatenate([e[i].reshape(len(e[i]), -1).astype(np.float32) for e in episodes])
        for d, column in zip(getattr(profile, name), joined.astype(float).T, strict=True):
            assert (d.low, d.high) == pytest.approx((column.min(), column.max()), rel=1e-6)
            assert (d.mean, d.std) == pytest.approx((column.mean(), column.std()), rel=1e-5)
            assert d.missing == 0 and d.at_ends == pytest.approx(2 / len(column))
    assert profile.returns == pytest.approx([e[2].sum() for e in episodes])
    assert [d.name for d in profile.state] == [f"observation {i}" for i in range(4)]
    assert [d.name for d in (*profile.action, *profile.reward)] == ["action", "reward"]
    assert profile.layout.goal_dims == () and profile.goal == () and not len(profile.goal_intervals)
    assert measure(ID, goal_dims=(3, 1)).layout.goal_dims == (3, 1)


def goals(episode, inside=True):
    observations, *rest = episode
    achieved = observations[:, [2, 0]] if inside else observations[:, :2] + 1
    desired = np.zeros_like(achieved)
    desired[3:] = 1
    desired[10:] = 2
    entries = {"observation": observations, "achieved_goal": achieved, "desired_goal": desired}
    return entries, *rest


@pytest.mark.parametrize("inside", [True, False])
def test_the_goal_is_detected_as_in_training(write, inside):
    write([goals(walk(0), inside), goals(walk(1), True)], goal_space())
    profile = measure(ID)
    data = load_trajectories(ID)
    assert profile.layout == data.layout
    assert len(profile.state) == data.state.shape[1] == (4 if inside else 6)
    assert profile.state[-1].name == ("observation 3" if inside else "achieved_goal 1")
    assert profile.goal_intervals.tolist() == data.goal_intervals.tolist() == [7, 7]
    assert [(d.low, d.high) for d in profile.goal] == [(0, 2)] * 2


def test_missed_boundaries_are_counted_and_located(write):
    first = walk(0)
    second = walk(1)
    joined = np.concatenate([first[0], second[0] + 30])
    actions = np.zeros((len(joined) - 1, 1), np.float32)
    write([walk(2), (joined, actions, np.zeros(len(actions)), "truncated")], box(4))
    profile = measure(ID)
    assert profile.missed_boundaries == 1 and profile.missed_boundary_locations == ((1, 40),)
    assert [d.outlier_steps for d in profile.state] == [1] * 4


def test_an_appended_goal_is_not_counted_twice(write):
    episode = goals(walk(0))
    episode[0]["observation"][20:, [1, 3]] += 50
    write([episode], goal_space())
    assert measure(ID).missed_boundaries == 1  # two of the observation's four dimensions


def test_missing_values_are_counted_and_located(write):
    first = walk(0)
    second = walk(1)
    second[0][7, 2] = np.nan
    second[0][9, 2] = np.inf
    second[1][5, 0] = np.nan
    write([first, second], box(4))
    profile = measure(ID)
    assert profile.first_missing == (1, 5)
    assert profile.state[2].missing == pytest.approx(2 / 82)
    assert profile.action[0].missing == pytest.approx(1 / 80)
    assert np.isfinite([profile.state[2].mean, profile.state[2].std, profile.state[2].high]).all()
    assert json.loads(json.dumps(profile.to_dict(), allow_nan=False))["first_missing"] == [1, 5]


def test_a_dimension_without_values_is_null_in_json(write):
    observations, *rest = walk(0)
    observations[:, 1] = np.nan
    write([(observations, *rest)], box(4))
    record = measure(ID).to_dict()
    assert record["state"][1]["mean"] is record["state"][1]["low"] is None
    assert record["state"][1]["missing"] == 1
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (spaces.MultiBinary(3), "MultiBinary(3)"),
        (spaces.Box(0, 255, (3, 2), np.uint8), "Box(0, 255, (3, 2)"),
    ],
    ids=["binary", "image"],
)
def test_unsupported_spaces_are_a_problem(write, space, says):
    shape = (6, *space.shape)
    observations = np.zeros(shape, space.dtype)
    write([(observations, np.zeros((5, 1), np.float32), np.zeros(5), "truncated")], space)
    profile = measure(ID)
    assert says in profile.problem and profile.layout is None
    assert profile.length.tolist() == [5]
    json.dumps(profile.to_dict(), allow_nan=False)


def test_episodes_that_contradict_their_space(write):
    write([walk(0), walk(1)], box(3))
    with pytest.raises(UserError, match="episode 0: observation has shape"):
        measure(ID)


def test_one_observation_is_missing(write):
    observations, *rest = walk(1)
    write([walk(0), (observations[:-1], *rest)], box(4))
    with pytest.raises(UserError, match="episode 1: 40 observations for 40 steps; needed: 41"):
        measure(ID)


def test_a_sample_is_small_and_evenly_spaced(write):
    write([walk(i, 600) for i in range(40)], box(4))
    sample = take_sample(ID, measure(ID).layout)
    assert len(sample.state) == 40 * 601  # few enough to keep every row
    np.testing.assert_array_equal(sample.state[601:1202], walk(1, 600)[0])
    np.testing.assert_array_equal(sample.action[600:1200], walk(1, 600)[1])
    assert len(sample.paths) == PATHS and {len(path) for path in sample.paths} == {POINTS}
    np.testing.assert_array_equal(sample.paths[0], walk(0, 600)[0][:POINTS])
    np.testing.assert_array_equal(sample.paths[-1], walk(39, 600)[0][:POINTS])


def test_a_sample_of_a_large_dataset_skips_rows(write, monkeypatch):
    monkeypatch.setattr("dfplan.data.profile.sample.ROWS", 200)
    write([walk(i, 100) for i in range(10)], box(4))
    sample = take_sample(ID, measure(ID).layout)
    assert len(sample.state) == 10 * 21  # every fifth of 101 states
    np.testing.assert_array_equal(sample.action[:20], walk(0, 100)[1][::5])
