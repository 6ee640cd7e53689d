"""Descriptions of lost episodes."""

import numpy as np
import pytest

from experiments.manipulation.losses import describe

STEPS = 120


def episode(heights, gripper_height):
    """Return states of an arm and a cube under its gripper, from heights in meters."""
    states = np.zeros((len(heights), 28))
    states[:, 14] = 10 * np.asarray(gripper_height)
    states[:, 21] = 10 * np.asarray(heights)
    return states


def test_a_cube_that_is_lost_on_the_way():
    heights = np.full(STEPS, 0.02)
    heights[10:20] = 0.1  # lifted
    heights[20:] = 0.02  # dropped
    gripper = np.full(STEPS, 0.02)
    gripper[10:] = 0.1
    goal = np.array([0.0, 0.0, 3.0])
    (cube,) = describe(episode(heights, gripper), goal)
    assert cube["lifts"] == 1 and cube["last_lift"] == 10
    assert cube["height_m"] == pytest.approx(0.02)
    assert cube["off_goal_m"] == pytest.approx(0.28)
    assert cube["gripper_at_end_m"] == pytest.approx(0.08)
    assert not cube["has_reached"] and cube["path_at_end_m"] == pytest.approx(0.0)


def test_every_attempt_counts():
    heights = np.full(STEPS, 0.02)
    gripper = np.full(STEPS, 0.1)
    for begin in (10, 40):
        heights[begin : begin + 10] = 0.09
        gripper[begin - 5 : begin] = 0.02
    (cube,) = describe(episode(heights, gripper), np.array([0.0, 0.0, 0.9]))
    assert cube["lifts"] == 2 and cube["last_lift"] == 40
    assert cube["has_reached"] and cube["path_at_end_m"] == pytest.approx(0.07 * 2)


def test_a_cube_that_moves_without_the_gripper_is_not_lifted():
    heights = np.linspace(0.02, 0.2, STEPS)
    (cube,) = describe(episode(heights, np.full(STEPS, 0.5)), np.zeros(3))
    assert cube["lifts"] == 0 and cube["last_lift"] is None
