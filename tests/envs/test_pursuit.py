"""The full-force tracker: fast along a plan's path, and at rest at its end."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze import pursuit, tracking
from dfplan_envs.pointmaze.ball import DT, FORCE, MASS, TOP_SPEED
from dfplan_envs.pointmaze.controller import WaypointController
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.pursuit import sample_path, track
from dfplan_envs.pointmaze.routes import build_routes
from dfplan_envs.pointmaze.simulate import BatchPhysics

STRIDE, RADIUS = 12, 0.5
HALL = "\n".join(["#" * 12, *["#" + "O" * 10 + "#"] * 10, "#" * 12])


def controller_plan(maze, states, goals, tokens, rng):
    """Plans as one learned from data looks: the data's controller, held at the goal on arrival."""
    physics = BatchPhysics(build_model(maze), len(states))
    controller = WaypointController(build_routes(maze), states[:, :2], goals, rng)
    plan, arrived = [states], np.zeros(len(states), bool)
    for step in range(1, (tokens - 1) * STRIDE + 1):
        states = physics.step(states, controller.act(states[:, :2], states[:, 2:]))
        arrived |= np.linalg.norm(states[:, :2] - goals, axis=1) < 0.1
        if step % STRIDE == 0:
            rest = np.concatenate([goals, np.zeros_like(goals)], axis=1)
            plan.append(np.where(arrived[:, None], rest, states))
    return np.stack(plan, axis=1)


def drive(maze, plan, start, goal, steps, follow=track):
    """States [B, steps + 1, 4] of balls that follow one plan each."""
    physics, states = BatchPhysics(build_model(maze), len(start)), [start]
    for elapsed in range(steps):
        action = follow(plan, STRIDE, elapsed, states[-1], goal)
        states.append(physics.step(states[-1], action).copy())
    return np.stack(states, axis=1)


def first_reach(states, goal):
    """Steps [B] until the goal's radius; one more than there are if never."""
    near = np.linalg.norm(states[:, :, :2] - goal[:, None], axis=-1) <= RADIUS
    return np.where(near.any(axis=1), near.argmax(axis=1), states.shape[1])


def episodes(maze, count=30):
    """Starts [B, 4] and goals [B, 2] of the environment's own draws."""
    env, starts, goals = gym.make(f"dfplan/PointMaze_{maze}_D4RL-v0"), [], []
    for seed in range(7000, 7000 + count):
        observation, _ = env.reset(seed=seed)
        starts.append(observation["observation"])
        goals.append(observation["desired_goal"])
    return env.unwrapped.maze, np.array(starts), np.array(goals)  # pyright: ignore


def line(*points, speed=2.0):
    """A plan [1, T, 4] through points at constant speed, at rest at the last."""
    corners = np.array(points, float)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1)))
    along = np.append(np.arange(0, length[-1], STRIDE * DT * speed), length[-1])
    position = np.stack([np.interp(along, length, corners[:, i]) for i in range(2)], axis=1)
    # Chords as velocities: the spline then stays on the straight legs.
    velocity = np.diff(position, axis=0, append=position[-1:]) / (STRIDE * DT)
    return np.concatenate([position, velocity], axis=1)[None]


def steer(plan, state, goal=None, **settings):
    state = np.array([[*state, 0.0, 0.0][:4]])
    return track(plan, STRIDE, 0, state, None if goal is None else np.array([goal]), **settings)[0]


def test_a_straight_line_takes_little_more_than_the_least_time():
    maze, start, goal = parse_map(HALL), np.zeros((1, 4)), np.array([[4.0, 0.0]])
    start[0, 0] = -4.0
    states = drive(maze, line((-4, 0), (4, 0)), start, goal, 300)
    # Full force all the way, which no controller can better.
    free, least = start, 0
    physics = BatchPhysics(build_model(maze), 1)
    while free[0, 0] < goal[0, 0] - RADIUS:
        free, least = physics.step(free, np.array([[1.0, 0.0]])), least + 1
    assert least <= first_reach(states, goal)[0] <= least + 2
    # And at rest there in no more than braking takes: 0.21 s, and SETTLE's tail.
    settled = states[0, first_reach(states, goal)[0] + 50 :]
    assert np.abs(settled - [4.0, 0, 0, 0]).max() < 0.01
    assert states[0, :, 0].max() < 4.01


def test_around_the_corners_of_the_u_without_leaning_on_walls():
    maze = parse_map("UMaze")
    start, goal = np.array([[-1.0, -1.0, 0.0, 0.0]]), np.array([[-1.0, 1.0]])
    plan = controller_plan(maze, start, goal, 30, np.random.default_rng(0))
    states = drive(maze, plan, start, goal, 200)[0]
    reach = first_reach(states[None], goal)[0]
    # Six metres of corridor at top speed take 115 steps; corners that are cut give some back.
    assert reach < 115
    slow = np.abs(states[10:reach, 2:]).max(axis=1) < 2.5
    assert slow.sum() < 10


@pytest.mark.parametrize(
    ("name", "tokens", "share"), [("UMaze", 25, 0.82), ("Medium", 37, 0.66), ("Large", 57, 0.7)]
)
def test_faster_than_the_plans_clock_and_stays(name, tokens, share):
    maze, start, goal = episodes(name)
    plan = controller_plan(maze, start, goal, tokens, np.random.default_rng(0))
    steps = tokens * STRIDE
    states = drive(maze, plan, start, goal, steps)
    reach = first_reach(states, goal)
    slow = first_reach(drive(maze, plan, start, goal, steps, tracking.track), goal)
    print(f"{name}: first reach {reach.mean():.1f}, on the plan's clock {slow.mean():.1f}")
    assert reach.max() <= steps
    assert reach.mean() < share * slow.mean()
    away = np.linalg.norm(states[:, :, :2] - goal[:, None], axis=-1)
    assert all((away[i, reach[i] :] <= RADIUS).all() for i in range(len(goal)))
    np.testing.assert_allclose(states[:, -1, :2], goal, atol=1e-3)
    np.testing.assert_allclose(states[:, -1, 2:], 0, atol=1e-2)


def test_new_plans_on_the_way_reach_too():
    maze, start, goal = episodes("Medium", 20)
    rng, states = np.random.default_rng(0), start[:, None]
    for _ in range(5):
        plan = controller_plan(maze, states[:, -1], goal, 45, rng)
        states = np.concatenate([states, drive(maze, plan, states[:, -1], goal, 40)[:, 1:]], axis=1)
    assert first_reach(states, goal).max() < 200


def test_batch_equals_one_by_one():
    rng = np.random.default_rng(0)
    plans, state = rng.normal(size=(5, 9, 4)), rng.normal(size=(5, 4))
    goal, elapsed = plans[:, -1, :2], np.array([0, 3, 17, 60, 200])
    together = track(plans, STRIDE, elapsed, state, goal)
    for i in range(5):
        part = slice(i, i + 1)
        alone = track(plans[part], STRIDE, elapsed[part], state[part], goal[part])
        np.testing.assert_allclose(together[part], alone, atol=1e-6)
    assert together.dtype == np.float32 and together.shape == (5, 2)


def test_the_path_is_the_trackers_spline():
    plan = np.random.default_rng(0).normal(size=(2, 6, 4))
    path = sample_path(plan, STRIDE)
    assert path.shape == (2, 2, 21)
    for sample in range(21):
        there = tracking.interpolate(plan, np.full(2, sample / 4), STRIDE * DT)
        np.testing.assert_allclose(path[:, :, sample], there[:, :2], atol=1e-12)
    assert sample_path(plan, 1).shape == (2, 2, 6)


def test_rests_at_the_end_without_a_goal_and_comes_back_from_beyond():
    maze, start = parse_map(HALL), np.array([[-2.0, 0.0, 0.0, 0.0], [3.0, 0.5, 5.0, 0.0]])
    plan = np.repeat(line((-2, 0), (2, 0)), 2, axis=0)
    states = drive(maze, plan, start, None, 250)
    np.testing.assert_allclose(states[:, -1], [[2.0, 0, 0, 0]] * 2, atol=1e-3)


def test_a_plan_that_never_arrives_is_driven_to_its_end():
    maze, start, goal = parse_map(HALL), np.zeros((1, 4)), np.array([[0.0, 4.0]])
    states = drive(maze, line((0, 0), (3, 0)), start, goal, 250)
    np.testing.assert_allclose(states[0, -1], [3.0, 0, 0, 0], atol=1e-3)


def test_what_the_plan_does_after_the_goal_is_left_out():
    maze, start, goal = parse_map(HALL), np.zeros((1, 4)), np.array([[2.0, 0.0]])
    states = drive(maze, line((0, 0), (2, 0), (2, 4)), start, goal, 250)
    np.testing.assert_allclose(states[0, -1], [2.0, 0, 0, 0], atol=1e-3)


def test_one_token_and_repeated_tokens_are_a_set_point():
    token = np.array([[[1.0, 0.0, 0.0, 0.0]]])
    for plan in (token, np.repeat(token, 7, axis=1)):
        assert steer(plan, (0, 0))[0] == 1 and steer(plan, (2, 0))[0] == -1
        np.testing.assert_array_equal(steer(plan, (1, 0)), 0)
        np.testing.assert_array_equal(steer(plan, (1, 0), goal=(1, 0)), 0)
        np.testing.assert_array_equal(steer(plan, (0, 0), goal=(9, 9)), [1, 0])


def test_holds_at_the_goal_whatever_the_plan():
    plan = line((3, 0), (5, 0))
    assert steer(plan, (0.3, 0), goal=(0, 0))[0] < 0
    assert steer(plan, (0.7, 0), goal=(0, 0))[0] > 0
    assert steer(plan, (0.7, 0), goal=(0, 0), hold_radius=0.8)[0] < 0


def test_a_push_towards_the_next_corridor_does_not_jump_there():
    # Down x = -1 and up x = 1, with a wall between x = -0.5 and 0.5.
    plan = line((-1, 3), (-1, -1), (1, -1), (1, 3))
    action = steer(plan, (-0.6, 2))
    assert action[1] == -1 and action[0] < 0
    # In the middle, either is as near: the first counts, though the second is nearer by a little.
    assert steer(plan, (0.03, 2))[1] == -1
    assert steer(plan, (0.6, 1))[1] == 1


def test_a_dead_end_that_is_driven_in_and_out_does_not_hold_the_ball():
    maze, start, goal = parse_map(HALL), np.zeros((1, 4)), np.array([[-4.0, 0.0]])
    states = drive(maze, line((0, 0), (3, 0), (-4, 0)), start, goal, 200)
    # Straight there: the detour comes back to where the ball stands.
    assert states[0, :, 0].max() < 0.2
    assert first_reach(states, goal)[0] < 100


def test_a_ball_at_rest_gets_round_the_end_of_a_wall_that_it_leans_on():
    maze = parse_map("UMaze")
    # The path hugs the wall's end so closely that its other side is within the lookahead.
    start, goal = np.array([[0.4, -0.6, 0.0, 0.0]]), np.array([[0.25, 1.0]])
    plan = line(start[0, :2], (0.6, -0.6), (0.6, 0.6), goal[0])
    assert first_reach(drive(maze, plan, start, goal, 100), goal)[0] < 80


def test_more_lookahead_cuts_corners_more():
    plan = line((0, 0), (3, 0), (3, 3))
    near, far = (steer(plan, (1.5, 0), lookahead=ahead) for ahead in (1.6, 5.0))
    assert abs(near[1]) < 1e-6 < far[1]


def test_drives_straight_at_a_far_target():
    target = np.array([[[4.0, 2.0, 0.0, 0.0]]])
    fast, slow = steer(target, (0, 0, TOP_SPEED, TOP_SPEED / 2))
    assert fast == 1 and abs(slow) < 0.05  # half the way at half the speed


def test_the_target_lies_between_samples_of_the_path():
    # At rest, half of 10 mm ahead, while samples lie 60 mm apart.
    action = steer(line((0, 0), (3, 0)), (0, 0), lookahead=0.01, skip_radius=0.0)
    speed = 0.005 / pursuit.SETTLE
    np.testing.assert_allclose(action, [MASS * speed / DT / FORCE, 0], rtol=0.01)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"\[B, T, 4\]"):
        track(np.zeros((3, 4)), STRIDE, 0, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="stride"):
        track(np.zeros((1, 3, 4)), 0, 0, np.zeros((1, 4)))
