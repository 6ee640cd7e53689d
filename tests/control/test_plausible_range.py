"""Readings that no dataset could hold, and those that a healthy sensor might still read."""

import numpy as np
import pytest

from dfplan.control.inputs import as_goals, screen_states
from dfplan.control.plausible_range import PlausibleRange
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError

# A position, a constant, a coordinate in UTM, a gripper that hardly moves, a stage in micrometers.
DATA = Normalizer(
    mean=np.float32([0.5, 0.0, 3.9e6, 0.7, 0.0]), std=np.float32([0.7, 1.0, 120.0, 1e-5, 3e-7])
)
RANGE = PlausibleRange.of(DATA)
LAYOUT = Layout(5, 1, goal_dims=(0, 1, 2, 3, 4))
CLEAN = np.float32([[0.1, 0.0, 3.9e6, 0.7, 1e-7], [2.0, 0.0, 3.9e6, 0.7, -1e-7]])


@pytest.mark.parametrize(
    ("dim", "value"),
    [(0, 1e6), (0, -1e6), (1, 1e6), (3, 1e6), (4, 1.0)]
    + [(dim, value) for dim in range(5) for value in (1e30, 3e38, -3e38, np.inf, -np.inf)],
)
def test_outliers(dim, value):
    reading = CLEAN.copy()
    reading[1, dim] = value
    assert np.argwhere(RANGE.is_outlier(reading)).tolist() == [[1, dim]]
    screened = screen_states(RANGE, reading, missing=True)
    assert np.isnan(screened[1, dim]) and np.isnan(screened).sum() == 1
    with pytest.raises(UserError, match=rf"observation 1 has .* in dimension {dim}; .*mean") as e:
        screen_states(RANGE, reading, missing=False)
    assert f"{np.float32(value):g}" in str(e.value) and "planner.sensing.missing" in str(e.value)
    with pytest.raises(UserError, match=rf"goal 1 has .* in dimension {dim}; the data has mean"):
        as_goals(LAYOUT, RANGE, reading, batch=2)


@pytest.mark.parametrize(
    ("dim", "value"), [(0, -50.0), (0, 3e3), (1, 9e4), (2, 0.0), (2, 4.5e6), (3, 0.0), (3, 99.0)]
)
def test_far_readings_that_a_sensor_might_have(dim, value):
    reading = CLEAN.copy()
    reading[0, dim] = value
    for missing in (False, True):
        screened = screen_states(RANGE, reading, missing=missing)
        assert screened.tobytes() == reading.tobytes()
    as_goals(LAYOUT, RANGE, reading, batch=2)


def test_missing_values_are_no_outliers():
    reading = CLEAN.copy()
    reading[0, 2] = np.nan
    assert not RANGE.is_outlier(reading).any()
    with pytest.raises(UserError, match=r"observation 0 has nan in dimension 2; .*missing true$"):
        screen_states(RANGE, reading, missing=False)
    with pytest.raises(UserError, match=r"goal 0 has nan in dimension 2$"):
        as_goals(LAYOUT, RANGE, reading, batch=2)


def test_errors_are_in_the_dataset_s_coordinates():
    data_range = PlausibleRange.of(DATA, origin=(1e6, 0.0, 0.0, 0.0, 0.0))
    reading = CLEAN.copy()
    reading[0, 0] = -1e6
    with pytest.raises(UserError, match=r"has 0 in dimension 0; the data has mean 1e\+06"):
        screen_states(data_range, reading, missing=False)


def test_the_range_of_goals():
    goals = RANGE.take((2, 0))
    assert goals.is_outlier(np.array([[4e6, 1e6]])).tolist() == [[False, True]]
