"""The hard bound and the near-optimal controller, against hand computation and MuJoCo."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan.evaluation.baselines import PolicyBatch
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan_envs.pointmaze.controller import WaypointPolicy
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.simulate import BatchPhysics
from experiments.maze2d.references.geodesic import BALL_RADIUS, SINK, geodesic
from experiments.maze2d.references.lower_bound import soonest_reach
from experiments.maze2d.references.near_optimal import NearOptimalPolicy
from experiments.maze2d.references.physics import point_mass
from experiments.maze2d.references.search import SearchConfig
from experiments.maze2d.references.walls import SPACING, measure_walls

CORRIDOR = parse_map(["######", "#OOOO#", "######"])
CORNER = parse_map(["#####", "#OOO#", "###O#", "###O#", "#####"])


def play(policy, env_id, seeds):
    episodes = run_episodes(
        PolicyBatch(policy),
        lambda: gym.make(env_id),
        np.array(seeds),
        state=lambda o: o["observation"],
        goal=lambda o: o["desired_goal"],
    )
    return episodes, measure(episodes)


def test_distance_to_walls():
    walls = measure_walls(CORNER)
    corner = CORNER.center((2, 2)) + 0.5  # of the wall that the path goes around
    points = corner + np.array([[0.03, 0.04], [-0.2, 0.3], [0.3, -0.2], [-0.1, -0.2]])
    distance = walls.distance.ravel()[walls.node(points.T)]
    np.testing.assert_allclose(distance, [0.05, 0.3, 0.3, -0.1], atol=1e-9)
    normal = walls.normal.reshape(2, -1)[:, walls.node(points.T)]
    np.testing.assert_allclose(normal.T, [[0.6, 0.8], [0, 1], [1, 0], [1, 0]], atol=1e-9)


@pytest.mark.parametrize(("shift", "length"), [((0, 0), 2.5), ((0.2, 0.3), 2.3), ((2.6, 0), 0)])
def test_length_of_a_corridor(shift, length):
    field = geodesic(CORRIDOR, CORRIDOR.center((1, 4)))
    measured = field(CORRIDOR.center((1, 1)) + shift)
    assert length - 2 * SPACING - 1e-9 <= measured <= length + 1e-9


@pytest.mark.parametrize("ball", [BALL_RADIUS, BALL_RADIUS - SINK])
def test_length_around_a_corner(ball):
    # To the point at 45 degrees on the rounded corner mostly along x, then mostly along y.
    length = 2 * ball / np.sqrt(2) + 1.5 + 1.0
    field = geodesic(CORNER, CORNER.center((3, 3)), radius=0.5, ball=ball)
    measured = field(CORNER.center((1, 1)))
    assert length - 3 * SPACING <= measured <= length
    assert np.isinf(field(CORNER.center((2, 2))))


def test_the_goal_is_the_only_minimum_of_the_length():
    maze = parse_map("Medium")
    field = geodesic(maze, maze.center((6, 6)))
    columns, rows = field.walls.axes()
    length = field(np.stack(np.broadcast_arrays(columns, rows)))[1:-1, 1:-1]
    neighbors = np.stack(
        [
            np.roll(np.pad(length, 1, constant_values=np.inf), (i, j), (0, 1))[1:-1, 1:-1]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if i or j
        ]
    )
    outside_disc = np.isfinite(length) & (length > 0)
    shortest = neighbors.min(axis=0)[outside_disc]
    np.testing.assert_allclose(shortest, length[outside_disc] - SPACING, atol=1e-9)


def test_a_goal_in_a_wall_is_refused():
    with pytest.raises(ValueError, match="no free point"):
        geodesic(CORNER, CORNER.center((3, 1)))


def test_physics_equals_mujoco():
    maze = parse_map("Large")
    model = build_model(maze)
    walls = measure_walls(maze)
    mass = point_mass(model)
    mujoco = BatchPhysics(model, 500)
    rng = np.random.default_rng(0)
    cells = np.array([maze.center(c) for c in maze.free])[rng.integers(len(maze.free), size=500)]
    states = np.concatenate(
        [cells + rng.uniform(-0.3, 0.3, (500, 2)), rng.uniform(-6, 6, (500, 2))], axis=1
    )
    position = states[:, :2].T
    velocity = states[:, 2:].T
    touched = np.zeros(500, bool)
    for step in range(20):
        if step % 10 == 0:
            action = rng.choice([-1.0, 0.0, 1.0], (500, 2))
        touched |= walls.distance.ravel()[walls.node(position)] < BALL_RADIUS + 0.01
        position, velocity = mass.step(position, velocity, action.T, walls)
        states = mujoco.step(states, action)
    error = np.abs(position.T - states[:, :2]).max(axis=1)
    assert 0.3 < touched.mean() < 0.9
    np.testing.assert_allclose(error[~touched], 0, atol=1e-12)
    assert np.median(error[touched]) < 0.01


def test_the_ball_sinks_no_deeper_than_the_bound_allows():
    maze = parse_map("UMaze")
    walls = measure_walls(maze)
    mujoco = BatchPhysics(build_model(maze), 500)
    rng = np.random.default_rng(0)
    states = np.tile([*maze.center((3, 2)), 0.0, 0.0], (500, 1))
    states[:, 0] += rng.uniform(-0.4, 0.4, 500)
    deepest = np.inf
    for step in range(100):
        if step % 20 == 0:
            action = rng.choice([-1.0, 1.0], (500, 2))
        states = mujoco.step(states, action)
        deepest = min(deepest, walls.distance.ravel()[walls.node(states[:, :2].T)].min())
    # The nearest node is off by half a diagonal.
    assert BALL_RADIUS - SINK - SPACING < deepest < BALL_RADIUS - 0.02


def test_bound_of_a_straight_run_is_attained():
    env = gym.make("dfplan/PointMaze_D4RL-v0", maze_map=list(CORRIDOR.rows)).unwrapped
    start = np.array([*CORRIDOR.center((1, 1)), 0.0, 0.0])
    goal = CORRIDOR.center((1, 4))
    env.reset(seed=0, options={"start": start, "goal": goal})
    steps = 0
    success = False
    while not success:
        *_, info = env.step(np.array([1.0, 0.0]))
        steps += 1
        success = info["success"]
    (bound,) = soonest_reach(env, start[None], goal[None])
    assert steps - 1 <= bound <= steps
    assert soonest_reach(env, start[None], start[None, :2]).tolist() == [0]
    faster = start + [0, 0, -3.0, 3.0]  # the bound ignores the direction
    assert soonest_reach(env, faster[None], goal[None]) < bound


def test_policy_is_near_the_bound_and_stays():
    env_id = "dfplan/PointMaze_UMaze_D4RL-v0"
    seeds = range(7000, 7006)
    env = gym.make(env_id)
    episodes, near = play(lambda s: NearOptimalPolicy(env, seed=s), env_id, seeds)
    _, controller = play(lambda s: WaypointPolicy(env, seed=s), env_id, seeds)
    assert episodes.goals is not None
    bound = soonest_reach(env.unwrapped, episodes.states[:, 0], episodes.goals)
    reach = near["first_reach"]
    assert np.all(bound <= reach)
    assert reach.mean() <= 1.2 * bound.mean()
    assert bound.mean() < reach.mean() < 0.9 * controller["first_reach"].mean()
    length = episodes.reward.shape[1]
    np.testing.assert_array_equal(near["raw_return"], length - np.maximum(reach, 1) + 1)


def test_policy_is_deterministic_and_recovers_from_a_push():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped

    def drive():
        policy = NearOptimalPolicy(env, seed=1)
        observation, info = env.reset(
            seed=7000, options={"reset_cell": (3, 1), "goal_cell": (1, 1)}
        )
        states = [observation["observation"]]
        pushed = False
        for _ in range(180):
            if info["success"] and not pushed:
                env.data.qpos[:] = env.maze.center((3, 3))
                pushed = True
                observation = env._observe()
            observation, *_, info = env.step(policy.act(observation))
            states.append(observation["observation"])
        assert pushed and info["success"]
        return np.array(states)

    np.testing.assert_array_equal(drive(), drive())


def test_invalid_arguments_are_refused():
    with pytest.raises(TypeError, match="PointMaze"):
        NearOptimalPolicy(gym.make("CartPole-v1"))
    with pytest.raises(ValueError, match=r"candidates.*11"):
        SearchConfig(candidates=10)
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    with pytest.raises(ValueError, match="start to the goal"):
        soonest_reach(env, np.zeros((1, 4)), env.maze.center((1, 1))[None])
