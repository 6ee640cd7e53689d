"""Where episodes of a cube are lost, and the tables of it."""

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan.evaluation.episodes import Episodes
from experiments.manipulation import chain
from experiments.manipulation.contacts import HANDLES
from experiments.manipulation.study import STUDY
from experiments.manipulation.table import render


def episodes(heights, success):
    """Episodes of a cube with these heights in meters, one row per episode."""
    heights = np.array(heights)
    count, steps = heights.shape
    states = np.zeros((count, steps, 28))
    states[:, :, chain.CUBE[2]] = heights / chain.UNIT
    length = np.array([2, steps - 1, steps - 1])
    flags = np.zeros((count, steps), bool)
    flags[np.arange(count), length] = success
    return Episodes(np.arange(count), np.zeros((count, steps - 1)), flags, length, states, states)


def test_lifted_cubes_are_counted_up_to_the_end_of_an_episode():
    heights = [[0.02, 0.02, 0.02, 0.2], [0.02, 0.06, 0.2, 0.02], [0.02, 0.02, 0.02, 0.07]]
    result = chain.grasps(episodes(heights, [False, True, False]))
    assert result["lifted"] == pytest.approx(2 / 3)
    assert result["success"] == pytest.approx(1 / 3) and result["success_of_lifted"] == 0.5
    assert result["steps_to_lift"] == 2 and result["steps_of_successes"] == 3


def test_no_success_is_zero():
    result = chain.grasps(episodes([[0.02] * 4] * 3, [False] * 3))
    assert result["lifted"] == result["success_of_lifted"] == result["steps_of_successes"] == 0


def test_the_tables_show_what_is_measured(tmp_path):
    study = dataclasses.replace(STUDY, results=tmp_path)
    assert "|" in render(study) and "**" not in render(study)
    rate = {"success_rate": {"mean": 0.5}}
    success = {
        "tasks": {f"task{k}": rate for k in range(1, 6)},
        "per_episode": {"success_rate": [1.0, 0.0] * 5},
    }
    links = {
        "plans": {"arrive": 0.9, "moves_in_gripper": 0.8},
        "low_level": {"arrive": 0.7, "effector_error_m": 0.004},
        "grasps": {"lifted": 0.6, "success_of_lifted": 0.5},
    }
    contacts = {"data_median_m": 0.011, "plan_median_m": 0.03, "plan_beyond_4_cm": 0.38}
    contacts = {"contacts": {"open drawer": contacts}}
    for kind, record in (("", success), ("chain", links), ("contacts", contacts)):
        path = study.result(STUDY.names[0], 0, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    text = render(study)
    assert f"| {STUDY.names[0]} | **50.0 (" in text and "| 68 |" in text
    assert f"| {STUDY.names[0]} | 90.0 | 80.0 | 70.0 | 4.0 | 60.0 | 50.0 |" in text
    assert "| open drawer | 1.1 | 3.0 | 38.0 |" in text


def test_the_effector_is_compared_with_a_handle_that_has_not_moved_yet():
    drawer = HANDLES["drawer"]
    states = np.zeros((4, 40))
    states[:, 13] = [0.0, -2.0, -1.0, 0.0]  # tenths of a meter
    states[:, drawer.dim] = [-0.36, -0.36, -1.8, -2.7]
    # The handle is 2 cm open, and the effector 20 cm from the origin.
    offset = drawer.offset(states)
    assert offset is not None
    np.testing.assert_allclose(offset, [0.0, -0.2 - 0.02, 0.0])
    states[:, drawer.dim] = -0.36
    assert drawer.offset(states) is None


def test_handles_are_those_of_the_scene():
    task = STUDY.task("scene-play")
    for handle in HANDLES.values():
        assert task.objects[handle.number][0][0] == handle.dim in task.goal_dims


def test_dimensions_are_those_of_the_task():
    task = STUDY.task("cube-single-play")
    assert list(task.goal_dims) == chain.CUBE
    assert task.preset["policy.target_dims"][:3] == chain.EFFECTOR
