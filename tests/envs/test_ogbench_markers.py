"""Markers of plans for OGBench's cubes."""

import importlib

import numpy as np
import pytest

from dfplan_envs.ogbench.manipulation.markers import (
    BOX,
    CENTER,
    GHOSTS,
    SPHERE,
    one_cube,
    two_cubes,
)
from dfplan_envs.ogbench.manipulation.tasks import MANIPULATION_TASKS

TOKENS = 9


def plan(*moves):
    """Return states of an arm that rises, and of cubes that move along y by these meters."""
    states = np.zeros((TOKENS, 19 + 9 * len(moves)))
    states[:, 14] = 10 * np.linspace(0.1, 0.3, TOKENS)
    for number, meters in enumerate(moves):
        cube = 19 + 9 * number
        states[:, cube + 1] = 10 * np.linspace(0.0, meters, TOKENS)
        states[:, cube + 2] = 0.2
        states[:, cube + 7 : cube + 9] = [0.0, 2.0]  # a quarter turn, not of length 1
    return states


def test_cubes_that_move_appear_where_they_will_be():
    boxes = [m for m in two_cubes(plan(0.2, 0.01)) if m["type"] == BOX]
    assert len(boxes) == GHOSTS
    np.testing.assert_allclose(boxes[0]["pos"], CENTER + [0.0, 0.2, 0.02])
    along = [box["pos"][1] for box in boxes]
    assert along == sorted(along, reverse=True)
    assert boxes[0]["rgba"][3] > boxes[1]["rgba"][3] == boxes[-1]["rgba"][3]
    for box in boxes:
        turn = box["mat"].reshape(3, 3)
        np.testing.assert_allclose(turn @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-9)


def test_the_gripper_has_a_path():
    dots = [m["pos"] for m in one_cube(plan(0.0)) if m["type"] == SPHERE]
    assert len(dots) == TOKENS
    np.testing.assert_allclose(dots[-1], CENTER + [0.0, 0.0, 0.3])


@pytest.mark.parametrize("task", MANIPULATION_TASKS.values(), ids=MANIPULATION_TASKS)
def test_every_task_with_cubes_draws_all_of_them(task):
    groups = task["objects"]
    cubes = sum(len(dims) == 9 for group in groups for dims in group)
    assert bool(task["markers"]) == bool(cubes)
    if cubes:
        module, _, name = task["markers"].partition(":")
        draw = getattr(importlib.import_module(module), name)
        boxes = [m for m in draw(plan(*[0.2] * cubes)) if m["type"] == BOX]
        assert len(boxes) == GHOSTS * cubes
