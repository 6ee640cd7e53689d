"""A profile holds what the dataset holds."""

import json

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.minari_io import load_trajectories
from dfplan.data.profile.measure import measure
from dfplan.data.profile.sample import PATHS, POINTS, ROWS, take_sample
from dfplan.types import UserError

from .conftest import ID, box, goal_space, walk


def test_numbers_of_a_flat_dataset(write):
    episodes = [walk(0, 5), walk(1, 90, "terminated"), walk(2, 40, "neither")]
    write(episodes, box(4))
    done = []
    profile = measure(ID, progress=done.append)
    assert profile.length.tolist() == [5, 90, 40] and profile.steps == done[-1] == 135
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
    desired[3:], desired[10:] = 1, 2
    entries = {"observation": observations, "achieved_goal": achieved, "desired_goal": desired}
    return entries, *rest


@pytest.mark.parametrize("inside", [True, False])
def test_the_goal_is_found_as_training_finds_it(write, inside):
    write([goals(walk(0), inside), goals(walk(1), True)], goal_space())
    profile, data = measure(ID), load_trajectories(ID)
    assert profile.layout == data.layout
    assert len(profile.state) == data.state.shape[1] == (4 if inside else 6)
    assert profile.state[-1].name == ("observation 3" if inside else "achieved_goal 1")
    assert profile.goal_intervals.tolist() == data.goal_intervals.tolist() == [7, 7]
    assert [(d.low, d.high) for d in profile.goal] == [(0, 2)] * 2


def test_joined_episodes_and_where(write):
    first, second = walk(0), walk(1)
    joined = np.concatenate([first[0], second[0] + 30])
    actions = np.zeros((len(joined) - 1, 1), np.float32)
    write([walk(2), (joined, actions, np.zeros(len(actions)), "truncated")], box(4))
    profile = measure(ID)
    assert profile.missed_boundaries == 1 and profile.missed_boundary_locations == ((1, 40),)
    assert [d.outlier_steps for d in profile.state] == [1] * 4


def test_an_achieved_goal_that_is_there_twice_does_not_count_twice(write):
    episode = goals(walk(0))
    episode[0]["observation"][20:, [1, 3]] += 50
    write([episode], goal_space())
    assert measure(ID).missed_boundaries == 1  # two of the observation's four dimensions


def test_missing_values_are_counted_and_found(write):
    first, second = walk(0), walk(1)
    second[0][7, 2], second[0][9, 2], second[1][5, 0] = np.nan, np.inf, np.nan
    write([first, second], box(4))
    profile = measure(ID)
    assert profile.first_missing == (1, 5)
    assert profile.state[2].missing == pytest.approx(2 / 82)
    assert profile.action[0].missing == pytest.approx(1 / 80)
    assert np.isfinite([profile.state[2].mean, profile.state[2].std, profile.state[2].high]).all()
    assert json.loads(json.dumps(profile.to_dict(), allow_nan=False))["first_missing"] == [1, 5]


def test_a_dimension_without_any_value_has_no_number_in_json(write):
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
        (spaces.MultiBinary(3), "MultiBinary(3) is not supported"),
        (spaces.Box(0, 255, (3, 2), np.uint8), "is not supported"),
    ],
    ids=["binary", "image"],
)
def test_spaces_that_dfplan_does_not_read(write, space, says):
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


def test_one_observation_too_few(write):
    observations, *rest = walk(1)
    write([walk(0), (observations[:-1], *rest)], box(4))
    with pytest.raises(UserError, match="episode 1: 40 observations of 40 steps; needed: 41"):
        measure(ID)


def test_a_sample_is_small_and_spread(write):
    write([walk(i, 600) for i in range(40)], box(4))
    sample = take_sample(ID, measure(ID).layout)
    assert ROWS / 2 < len(sample.state) <= 2 * ROWS and sample.state.shape[1] == 4
    assert sample.action.shape[1] == 1
    assert len(sample.paths) == PATHS and {len(path) for path in sample.paths} == {POINTS}
    np.testing.assert_array_equal(sample.paths[0], walk(0, 600)[0][:POINTS].astype(np.float32))
    np.testing.assert_array_equal(sample.paths[-1], walk(39, 600)[0][:POINTS].astype(np.float32))
