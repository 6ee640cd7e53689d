"""Maze maps: valid forms, and errors that name the row and the valid characters."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze.maps import MAPS, parse_map


def test_d4rl_goals():
    assert {name: parse_map(name).goals for name in MAPS} == {
        "UMaze": [(1, 1)],
        "Medium": [(6, 6)],
        "Large": [(7, 9)],
    }


@pytest.mark.parametrize(
    "maze_map",
    [
        ["#####", "#O O#", "#####"],
        ["11111", "10001", "11111"],
        ("#####", "#000#", "#####"),
        "#####\\#OOO#\\#####",
        "\n#####\n#OOO#\n#####\n",
        [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]],
    ],
)
def test_equivalent_forms_of_a_map(maze_map):
    assert parse_map(maze_map).rows == ("#####", "#OOO#", "#####")


def test_marked_cells():
    maze = parse_map([[1, 1, 1, 1, 1], [1, "r", "c", "g", 1], [1, 1, 1, 1, 1]])
    assert maze.goals == [(1, 2), (1, 3)]
    assert maze.starts == [(1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("maze_map", "facts"),
    [
        (["###", "#x#", "###"], r"row 1 .*'x'.*column 1.*'#'"),
        (["####", "#O#", "####"], r"row 1 .*3 cells.*row 0 .*4.*'#'"),
        (["###", "###", "###"], r"rows 0 to 2.*'#'"),
        (["####", "#OO ", "####"], r"row 1 .*column 3.*'#'"),
        (["#O#", "#O#", "###"], r"row 0 .*column 1.*'#'"),
        (["#####", "#O#O#", "#####"], r"row 1, column 3 .*row 1, column 1.*'#'"),
        ([], r"row 0 .*'#'"),
        ([[1, 1, 1], [1, 7, 1], [1, 1, 1]], r"row 1 .*'7'.*column 1.*'#'"),
        ("Huge", r"'Huge'.*UMaze, Medium, Large"),
    ],
)
def test_invalid_maps(maze_map, facts):
    with pytest.raises(ValueError, match=facts):
        parse_map(maze_map)


def test_cells_and_points_are_inverse():
    maze = parse_map("Large")
    for cell in maze.free:
        assert maze.cell(maze.center(cell) + [0.49, -0.49]) == cell


def test_env_on_a_custom_map():
    env = gym.make(
        "dfplan/PointMaze_D4RL-v0", maze_map=["######", "#R  G#", "######"], max_episode_steps=7
    )
    observation, _ = env.reset(seed=0)
    np.testing.assert_allclose(observation["achieved_goal"], (-1.5, 0.0), atol=0.1)
    truncated = [env.step(env.action_space.sample())[3] for _ in range(7)]
    assert truncated == [False] * 6 + [True]


def test_map_is_required():
    with pytest.raises(TypeError, match="maze_map"):
        gym.make("dfplan/PointMaze_D4RL-v0")
