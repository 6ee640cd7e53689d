"""Shortest routes on small maps, and the oracles in OGBench's mazes."""

import json

import numpy as np
import pytest

pytest.importorskip("ogbench")

from experiments.ogbench import teleports
from experiments.ogbench.bound import HERE, bound_table, main
from experiments.ogbench.shortest import MOVES, UNREACHED, Board, Disc

ROOM = np.pad(np.zeros((3, 5), int), 1, constant_values=1)
"""Free centers from (0, 0) to (16, 8)."""
CORNER = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 1]])
"""From (0, 0) to the right, then up to (4, 4)."""


def test_the_page_shows_the_committed_measurements():
    mazes = json.loads((HERE / "bound.json").read_text())["mazes"]
    assert bound_table(mazes) in (HERE / "README.md").read_text()


def steps(board, goal, position, **options):
    moves = board.distance(Disc(np.array(goal), 1.0), **options)
    return board.moves_from(moves, np.array(position)) / MOVES


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ((10.0, 0.0), 9 / 0.2),
        # The longer side counts, up to the disc around the goal.
        ((10.0, 4.0), 9 / 0.2),
        ((8.0, 8.0), (8 - 0.5**0.5) / 0.2),
        ((0.5, 0.5), 0),
    ],
)
def test_a_route_takes_as_many_steps_as_its_longer_side(goal, expected):
    board = Board(ROOM, [], np.empty((0, 2)))
    assert steps(board, goal, (0.0, 0.0)) == pytest.approx(expected, abs=0.5)


def test_routes_keep_their_distance_from_corners():
    board = Board(CORNER, [], np.empty((0, 2)))
    # Around the corner at (2, 2), 0.7 m away.
    expected = (2 - 0.7 / 2**0.5 + 2 + 0.7 / 2**0.5) / 0.2
    assert expected - 1 < steps(board, (4.0, 4.0), (0.0, 0.0)) + 1 / 0.2 < expected + 7
    assert steps(board, (0.0, 4.0), (4.0, 4.0)) == pytest.approx(UNREACHED / MOVES)


def test_optimistic_routes_lead_through_a_teleporter_to_the_exit_nearest_to_the_goal():
    entrance = Disc(np.array([4.0, 4.0]), 1.5)
    board = Board(ROOM, [entrance], np.array([[0.0, 0.0], [16.0, 0.0]]))
    goal = (16.0, 4.0)
    # Straight on, from the exit at (16, 0); otherwise along the circle around the entrance.
    assert steps(board, goal, (0.0, 4.0), optimistic=True) == pytest.approx((2.5 + 3) / 0.2, abs=1)
    assert steps(board, goal, (0.0, 4.0)) == pytest.approx(15 / 0.2, abs=1)


@pytest.mark.parametrize("start", [(4.0, 0.0), (4.0, 8.0), (0.0, 4.0), (0.1, 0.3)])
def test_optimistic_routes_enter_the_teleporter_from_every_side(start):
    entrance = Disc(np.array([4.0, 4.0]), 1.5)
    board = Board(ROOM, [entrance], np.array([[16.0, 0.0]]))
    moves = board.distance(Disc(np.array([16.0, 4.0]), 1.0), optimistic=True)
    position = np.array(start)
    for _ in range(16):
        position += 0.2 * board.action(moves, position)
    assert np.linalg.norm(position - entrance.center) <= entrance.radius


def test_the_oracle_takes_the_shortest_route_and_optimism_fails(tmp_path, capsys):
    out = tmp_path / "bound.json"
    assert main(["--mazes", "teleport", "--episodes", "5", "--out", str(out)]) == 0
    result = json.loads(out.read_text())["mazes"]["teleport"]
    for task in result.values():
        oracle = task["oracle"]
        assert oracle["success"] == 1 and abs(oracle["success_steps"] - oracle["route_steps"]) < 2
        assert task["optimistic oracle"]["route_steps"] < oracle["route_steps"]
    assert result["overall"]["optimistic oracle"]["success"] < 1
    assert "| teleport | overall | oracle |" in capsys.readouterr().out


def test_every_teleport_and_no_other_step_is_found():
    count, teleports_found, others_found = teleports.count("navigate", 40_000)
    assert count == teleports_found > 20 and others_found == 0
