"""Counts of overturned ants, and of the steps before they turn over."""

from typing import Any

import numpy as np
import pytest

from dfplan_envs.ogbench.cells import MazeCells
from experiments.common.stages import USAGE
from experiments.ogbench import overturned
from experiments.ogbench.overturned import Tally

UPRIGHT = [1.0, 0.0, 0.0, 0.0]
ON_ITS_BACK = [0.0, 1.0, 0.0, 0.0]


MAZE = MazeCells(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]))
"""A single cell, whose center is the origin and whose walls are 2 m away."""


def episode(*orientations, y: Any = 0.0):
    states = np.zeros((len(orientations), 29))
    states[:, 1] = y
    states[:, 3:7] = orientations
    return states


def test_steps_after_an_ant_has_turned_over_are_not_counted():
    walks = episode(*[UPRIGHT] * 5)
    falls = episode(*[UPRIGHT] * 3, *[ON_ITS_BACK] * 4)
    tally = Tally.of([walks, falls, walks], MAZE)
    assert tally == Tally(episodes=3, overturned=1, upright=4 + 3 + 4, near=0, overturned_near=0)
    assert tally.cells() == ("3", "1", "11", "0", "0")
    assert Tally.of([walks], MAZE).cells() == ("1", "0", "–", "0", "0")


def test_steps_near_a_wall_are_counted():
    falls = episode(*[UPRIGHT] * 3, *[ON_ITS_BACK] * 4, y=[0, 0.9, 0, 0.9, 0.9, 0, 0])
    walks = episode(*[UPRIGHT] * 4, y=-1.0)
    tally = Tally.of([falls, walks], MAZE)
    assert tally == Tally(episodes=2, overturned=1, upright=6, near=1 + 3, overturned_near=1)


def test_distances_to_walls():
    maze = MazeCells(np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 1]]))
    free, near, corner, inside = [2.0, 0.0], [5.5, 4.0], [2.3, 1.6], [0.0, 4.0]
    expected = [2.0, 0.5, 0.5, 0.0]
    np.testing.assert_allclose(maze.wall_distance(np.array([free, near, corner, inside])), expected)


def test_a_run_that_is_not_trained_is_named_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(overturned, "enable_compilation_cache", lambda: None)
    assert overturned.main(["antmaze-giant-stitch", "--seed", "7"]) == USAGE
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "antmaze-giant-stitch-7" in error


def test_no_episodes_are_refused(capsys):
    with pytest.raises(SystemExit) as raised:
        overturned.main(["antmaze-giant-stitch", "--episodes", "0"])
    assert raised.value.code == USAGE
    assert "--episodes is 0" in capsys.readouterr().err
