"""The full-force tracker drives a plan's path fast, and rests at its end."""

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

STRIDE = 12
RADIUS = 0.5
HALL = "\n".join(["#" * 12, *["#" + "O" * 10 + "#"] * 10, "#" * 12])


def controller_plan(maze, states, goals, tokens, rng):
    """Return plans that resemble learned ones: the data's controller, at rest after arrival."""
    physics = BatchPhysics(build_model(maze), len(states))
    controller = WaypointController(build_routes(maze), states[:, :2], goals, rng=rng)
    plan = [states]
    arrived = np.zeros(len(states), bool)
    for step in range(1, (tokens - 1) * STRIDE + 1):
        states = physics.step(states, controller.act(states[:, :2], states[:, 2:]))
        arrived |= np.linalg.norm(states[:, :2] - goals, axis=1) < 0.1
        if step % STRIDE == 0:
            rest = np.concatenate([goals, np.zeros_like(goals)], axis=1)
            plan.append(np.where(arrived[:, None], rest, states))
    return np.stack(plan, axis=1)


def drive(maze, plan, start, goal, steps, follow=track):
    """Return the states [B, steps + 1, 4] of balls that follow one plan each."""
    physics = BatchPhysics(build_model(maze), len(start))
    states = [start]
    for elapsed in range(steps):
        action = follow(plan, STRIDE, elapsed, states[-1], goal)
        states.append(physics.step(states[-1], action).copy())
    return np.stack(states, axis=1)


def first_reach(states, goal):
    """Return the steps [B] until the goal radius; if never reached, the number of states."""
    at_goal = np.linalg.norm(states[:, :, :2] - goal[:, None], axis=-1) <= RADIUS
    return np.where(at_goal.any(axis=1), at_goal.argmax(axis=1), states.shape[1])


def draw_episodes(maze, count=30):
    """Return the maze, and starts [B, 4] and goals [B, 2] that the environment draws."""
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL-v0")
    starts = []
    goals = []
    for seed in range(7000, 7000 + count):
        observation, _ = env.reset(seed=seed)
        starts.append(observation["observation"])
        goals.append(observation["desired_goal"])
    return env.unwrapped.maze, np.array(starts), np.array(goals)  # pyright: ignore


def polyline(*points, speed=2.0):
    """Return a plan [1, T, 4] through points at constant speed, at rest at the last one."""
    corners = np.array(points, float)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1)))
    distance = np.append(np.arange(0, length[-1], STRIDE * DT * speed), length[-1])
    position = np.stack([np.interp(distance, length, corners[:, i]) for i in range(2)], axis=1)
    # With chords as velocities, the spline stays on the straight segments.
    velocity = np.diff(position, axis=0, append=position[-1:]) / (STRIDE * DT)
    return np.concatenate([position, velocity], axis=1)[None]


def first_action(plan, state, goal=None, **settings):
    """Return the action [2] at a state (x, y), at rest, or (x, y, vx, vy)."""
    state = np.array([[*state, 0.0, 0.0][:4]])
    goals = None if goal is None else np.array([goal])
    return track(plan, STRIDE, 0, state=state, goal=goals, **settings)[0]


def test_straight_line_takes_close_to_the_minimum_time():
    maze = parse_map(HALL)
    start = np.zeros((1, 4))
    goal = np.array([[4.0, 0.0]])
    start[0, 0] = -4.0
    states = drive(maze, polyline((-4, 0), (4, 0)), start, goal=goal, steps=300)
    # Full force until the goal is the fastest possible control.
    physics = BatchPhysics(build_model(maze), 1)
    state = start
    min_steps = 0
    while state[0, 0] < goal[0, 0] - RADIUS:
        state = physics.step(state, np.array([[1.0, 0.0]]))
        min_steps += 1
    assert min_steps <= first_reach(states, goal)[0] <= min_steps + 2
    # The ball is at rest after braking, 0.21 s, and the final approach (SETTLE_TIME).
    settled = states[0, first_reach(states, goal)[0] + 50 :]
    assert np.abs(settled - [4.0, 0, 0, 0]).max() < 0.01
    assert states[0, :, 0].max() < 4.01


def test_drives_around_corners_without_leaning_on_walls():
    maze = parse_map("UMaze")
    start = np.array([[-1.0, -1.0, 0.0, 0.0]])
    goal = np.array([[-1.0, 1.0]])
    plan = controller_plan(maze, start, goal, tokens=30, rng=np.random.default_rng(0))
    states = drive(maze, plan, start, goal=goal, steps=200)[0]
    reach = first_reach(states[None], goal)[0]
    # Six meters of corridor take 115 steps at top speed; cutting corners saves some of them.
    assert reach < 115
    slow = np.abs(states[10:reach, 2:]).max(axis=1) < 2.5
    assert slow.sum() < 10


@pytest.mark.parametrize(
    ("name", "tokens", "ratio"), [("UMaze", 25, 0.82), ("Medium", 37, 0.66), ("Large", 57, 0.7)]
)
def test_is_faster_than_the_plans_clock_and_stays_at_the_goal(name, tokens, ratio):
    maze, start, goal = draw_episodes(name)
    plan = controller_plan(maze, start, goal, tokens=tokens, rng=np.random.default_rng(0))
    steps = tokens * STRIDE
    states = drive(maze, plan, start, goal=goal, steps=steps)
    reach = first_reach(states, goal)
    states_by_clock = drive(maze, plan, start, goal=goal, steps=steps, follow=tracking.track)
    by_clock = first_reach(states_by_clock, goal)
    print(f"{name}: first reach {reach.mean():.1f}, by the plan's clock {by_clock.mean():.1f}")
    assert reach.max() <= steps
    assert reach.mean() < ratio * by_clock.mean()
    distance = np.linalg.norm(states[:, :, :2] - goal[:, None], axis=-1)
    assert all((distance[i, reach[i] :] <= RADIUS).all() for i in range(len(goal)))
    np.testing.assert_allclose(states[:, -1, :2], goal, atol=1e-3)
    np.testing.assert_allclose(states[:, -1, 2:], 0, atol=1e-2)


def test_replanning_reaches_the_goal():
    maze, start, goal = draw_episodes("Medium", 20)
    rng = np.random.default_rng(0)
    states = start[:, None]
    for _ in range(5):
        plan = controller_plan(maze, states[:, -1], goal, tokens=45, rng=rng)
        new_states = drive(maze, plan, states[:, -1], goal=goal, steps=40)[:, 1:]
        states = np.concatenate([states, new_states], axis=1)
    assert first_reach(states, goal).max() < 200


def test_batch_equals_one_by_one():
    rng = np.random.default_rng(0)
    plans = rng.normal(size=(5, 9, 4))
    state = rng.normal(size=(5, 4))
    goal = plans[:, -1, :2]
    elapsed = np.array([0, 3, 17, 60, 200])
    batched = track(plans, STRIDE, elapsed, state=state, goal=goal)
    for i in range(5):
        row = slice(i, i + 1)
        single = track(plans[row], STRIDE, elapsed[row], state=state[row], goal=goal[row])
        np.testing.assert_allclose(batched[row], single, atol=1e-6)
    assert batched.dtype == np.float32 and batched.shape == (5, 2)


def test_path_is_the_spline_of_the_pd_tracker():
    plan = np.random.default_rng(0).normal(size=(2, 6, 4))
    path = sample_path(plan, STRIDE)
    assert path.shape == (2, 2, 21)
    for sample in range(21):
        expected = tracking.interpolate(plan, np.full(2, sample / 4), STRIDE * DT)
        np.testing.assert_allclose(path[:, :, sample], expected[:, :2], atol=1e-12)
    assert sample_path(plan, 1).shape == (2, 2, 6)


def test_without_a_goal_rests_at_the_end_even_after_overshooting():
    maze = parse_map(HALL)
    start = np.array([[-2.0, 0.0, 0.0, 0.0], [3.0, 0.5, 5.0, 0.0]])
    plan = np.repeat(polyline((-2, 0), (2, 0)), 2, axis=0)
    states = drive(maze, plan, start, goal=None, steps=250)
    np.testing.assert_allclose(states[:, -1], [[2.0, 0, 0, 0]] * 2, atol=1e-3)


def test_plan_that_misses_the_goal_is_driven_to_its_end():
    maze = parse_map(HALL)
    start = np.zeros((1, 4))
    goal = np.array([[0.0, 4.0]])
    states = drive(maze, polyline((0, 0), (3, 0)), start, goal=goal, steps=250)
    np.testing.assert_allclose(states[0, -1], [3.0, 0, 0, 0], atol=1e-3)


def test_path_after_the_goal_is_skipped():
    maze = parse_map(HALL)
    start = np.zeros((1, 4))
    goal = np.array([[2.0, 0.0]])
    states = drive(maze, polyline((0, 0), (2, 0), (2, 4)), start, goal=goal, steps=250)
    np.testing.assert_allclose(states[0, -1], [2.0, 0, 0, 0], atol=1e-3)


def test_single_token_and_repeated_tokens_are_a_setpoint():
    token = np.array([[[1.0, 0.0, 0.0, 0.0]]])
    for plan in (token, np.repeat(token, 7, axis=1)):
        assert first_action(plan, (0, 0))[0] == 1 and first_action(plan, (2, 0))[0] == -1
        np.testing.assert_array_equal(first_action(plan, (1, 0)), 0)
        np.testing.assert_array_equal(first_action(plan, (1, 0), goal=(1, 0)), 0)
        np.testing.assert_array_equal(first_action(plan, (0, 0), goal=(9, 9)), [1, 0])


def test_holds_at_the_goal_for_any_plan():
    plan = polyline((3, 0), (5, 0))
    assert first_action(plan, (0.3, 0), goal=(0, 0))[0] < 0
    assert first_action(plan, (0.7, 0), goal=(0, 0))[0] > 0
    assert first_action(plan, (0.7, 0), goal=(0, 0), hold_radius=0.8)[0] < 0


def test_push_toward_the_next_corridor_does_not_switch_to_it():
    # Down x = -1 and up x = 1, with a wall between x = -0.5 and 0.5.
    plan = polyline((-1, 3), (-1, -1), (1, -1), (1, 3))
    action = first_action(plan, (-0.6, 2))
    assert action[1] == -1 and action[0] < 0
    # In the middle both are about equally near; the first counts, though the second is nearer.
    assert first_action(plan, (0.03, 2))[1] == -1
    assert first_action(plan, (0.6, 1))[1] == 1


def test_detour_into_a_dead_end_does_not_hold_the_ball():
    maze = parse_map(HALL)
    start = np.zeros((1, 4))
    goal = np.array([[-4.0, 0.0]])
    states = drive(maze, polyline((0, 0), (3, 0), (-4, 0)), start, goal=goal, steps=200)
    # The detour returns to the ball, so the ball skips it.
    assert states[0, :, 0].max() < 0.2
    assert first_reach(states, goal)[0] < 100


def test_ball_at_rest_gets_around_the_end_of_a_wall_it_touches():
    maze = parse_map("UMaze")
    # The path hugs the wall's end so closely that the other side is within the lookahead.
    start = np.array([[0.4, -0.6, 0.0, 0.0]])
    goal = np.array([[0.25, 1.0]])
    plan = polyline(start[0, :2], (0.6, -0.6), (0.6, 0.6), goal[0])
    assert first_reach(drive(maze, plan, start, goal=goal, steps=100), goal)[0] < 80


def test_larger_lookahead_cuts_corners_more():
    plan = polyline((0, 0), (3, 0), (3, 3))
    near = first_action(plan, (1.5, 0), lookahead=1.6)
    far = first_action(plan, (1.5, 0), lookahead=5.0)
    assert abs(near[1]) < 1e-6 < far[1]


def test_drives_straight_to_a_distant_target():
    target = np.array([[[4.0, 2.0, 0.0, 0.0]]])
    fast, slow = first_action(target, (0, 0, TOP_SPEED, TOP_SPEED / 2))
    assert fast == 1 and abs(slow) < 0.05  # half the distance at half the speed


def test_target_is_interpolated_between_path_samples():
    # At rest the target is half of 10 mm ahead, while samples are 60 mm apart.
    action = first_action(polyline((0, 0), (3, 0)), (0, 0), lookahead=0.01, skip_radius=0.0)
    speed = 0.005 / pursuit.SETTLE_TIME
    np.testing.assert_allclose(action, [MASS * speed / DT / FORCE, 0], rtol=0.01)


def test_invalid_arguments():
    with pytest.raises(ValueError, match=r"states.*\[B, T, 4\].*\(3, 4\)"):
        track(np.zeros((3, 4)), STRIDE, 0, state=np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"stride.*0"):
        track(np.zeros((1, 3, 4)), 0, 0, state=np.zeros((1, 4)))
