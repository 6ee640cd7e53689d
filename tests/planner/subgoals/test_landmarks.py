"""Landmarks are frequent places, far from each other."""

import tracemalloc

import numpy as np

from dfplan.planner.subgoals.landmarks import find_landmarks
from dfplan.planner.subgoals.observed_moves import MAX_MOVES


def test_landmarks_of_many_moves_take_little_memory():
    points = np.random.default_rng(0).uniform(-1, 1, (MAX_MOVES, 3)).astype(np.float32)
    tracemalloc.start()
    try:
        find_landmarks(points, 0.5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * points.nbytes


def test_landmarks_are_usual_and_apart():
    points = np.array([[0.0]] * 60 + [[0.3]] * 50 + [[5.0]] * 60 + [[20.0]])
    assert find_landmarks(points, 1.0).ravel().tolist() == [0.0, 5.0]
