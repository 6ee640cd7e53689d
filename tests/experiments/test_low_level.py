"""Reference plans in OGBench's mazes: routes, tokens along them, and the pace of data."""

import json

import numpy as np
import pytest

from dfplan_envs.ogbench.cells import MazeCells
from experiments.ogbench import low_level
from experiments.ogbench.reference import route, route_length, steps_per_cell, tokens_along

# Free cells in an L; cell (1, 1) is centered at the origin, and cells are 4 m wide.
CELLS = MazeCells(np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 1]]))
START = np.array([0.5, 0.0])
GOAL = np.array([4.0, 4.5])


def test_a_route_leads_around_the_corner():
    np.testing.assert_allclose(route(CELLS, START, GOAL), [START, [4, 0], GOAL])
    assert route_length(CELLS, START, GOAL) == pytest.approx(3.5 + 4.5)
    np.testing.assert_allclose(route(CELLS, START, START + 0.3), [START, START + 0.3])


def test_tokens_are_equally_far_apart_and_the_last_one_repeats():
    tokens = tokens_along(route(CELLS, START, GOAL), 3.0, 5)
    np.testing.assert_allclose(tokens, [START, [3.5, 0], [4, 2.5], GOAL, GOAL])


def test_the_pace_of_data_counts_no_jumps_between_episodes():
    # Two steps per cell and back; then an episode that begins elsewhere and rests.
    positions = np.array([[0, 0], [0, 0], [4, 0], [4, 0], [0, 0], [4, 4], [4, 4], [4, 4]], float)
    is_first = np.array([1, 0, 0, 0, 0, 1, 0, 0], bool)
    assert steps_per_cell(CELLS, positions, is_first) == 6 / 2


def test_the_committed_records_show_what_the_page_says():
    folders = sorted(low_level.RESULTS.glob("ogbench-*"))
    assert folders
    page = (low_level.RESULTS / "README.md").read_text()
    for folder in folders:
        assert low_level.render(folder) in page
        records = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
        policy = records["policy"]
        assert policy["mean_steps"] < records["cloned"]["mean_steps"]
        assert policy["mean_steps"] < records["inverse"]["mean_steps"]
