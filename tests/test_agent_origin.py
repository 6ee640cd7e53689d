"""Far from the origin, an agent plans and acts as near it, and answers in global coordinates."""

import dataclasses

import numpy as np

from dfplan.cli.plan import _goal, _start
from dfplan.export.exported import ExportedPlanner
from tests.test_agent import BOX, LAYOUT, fake, see

ORIGIN = np.array([500_000.0, 3_900_000.0])
STATES = np.array([[0.25, -0.125], [1.5, 0.0078125]])
GOALS = np.array([[2.0, 1.0], [-1.0, 0.5]])


def far(layout):
    return dataclasses.replace(layout, origin=tuple(ORIGIN))


def test_actions_are_equal_and_plans_shifted():
    near, _ = fake()
    away, planner = fake(far(LAYOUT))
    for step in range(5):
        states = STATES + step / 32
        expected = near.act(see(states, GOALS))
        actions = away.act(see(states + ORIGIN, GOALS + ORIGIN))
        np.testing.assert_array_equal(actions, expected)
        np.testing.assert_array_equal(away.state, states + ORIGIN)
    for name in ("states", "candidates", "history"):
        plan = getattr(away.plan, name)
        assert plan.dtype == np.float64
        np.testing.assert_array_equal(plan - ORIGIN, getattr(near.plan, name))
    np.testing.assert_array_equal(away.plan.arrival, near.plan.arrival)
    assert planner.calls[0].history.frames.dtype == np.float32
    assert near.plan.states.dtype == np.float32


def test_goals_of_the_caller_and_plans_from_a_state_are_global():
    near, _ = fake(BOX)
    away, _ = fake(far(BOX))
    np.testing.assert_array_equal(
        away.act(STATES + ORIGIN, goal=GOALS + ORIGIN), near.act(STATES, goal=GOALS)
    )
    near.plan_from(STATES[0], GOALS[0], denoising=True)
    away.plan_from(STATES[0] + ORIGIN, GOALS[0] + ORIGIN, denoising=True)
    np.testing.assert_array_equal(away.plan.states - ORIGIN, near.plan.states)
    np.testing.assert_array_equal(away.plan.denoising - ORIGIN, near.plan.denoising)
    np.testing.assert_array_equal(away.arrives(), near.arrives())


def test_the_command_line_keeps_every_digit():
    layout = far(BOX)
    numbers = (500_000.123, 3_900_000.123)
    assert _start(layout, numbers).tolist() == list(numbers)
    assert _goal(layout, numbers).tolist() == list(numbers)
    half = dataclasses.replace(layout, goal_dims=(1,))
    assert _start(half, numbers[1:]).tolist() == [500_000, 3_900_000.123]


def test_an_exported_planner_is_global_too():
    arguments = {}

    def program(weights, keys, frames, actions, level, goal):
        arguments.update(frames=frames, goal=goal)
        states = frames[:, -1]
        zeros = np.zeros(len(frames))
        return {
            "states": states,
            "candidates": states[:, None],
            "arrival": zeros,
            "cost": zeros,
            "best": zeros,
        }

    def inverse(weights, state, later, gap):
        return {"action": later - state}

    history = {"history": {"level": 0.0}, "low_level_controller": "inverse"}
    metadata = {"history": 2, "frames": 1, "stride": 2, "planner": history}
    weights = {"states/mean": np.zeros(2), "states/std": np.ones(2)}
    planner = ExportedPlanner(
        far(BOX), metadata, weights=weights, plans={2: program}, actions={2: inverse}
    )
    plan = planner.plan(STATES + ORIGIN, GOALS + ORIGIN)
    np.testing.assert_array_equal(arguments["frames"][:, -1, 0], STATES.astype(np.float32))
    np.testing.assert_array_equal(arguments["goal"], GOALS.astype(np.float32))
    np.testing.assert_array_equal(plan.states[:, 0], STATES + ORIGIN)
    np.testing.assert_array_equal(plan.candidates[:, 0, 0], STATES + ORIGIN)
    step = planner.action(STATES + ORIGIN, STATES + ORIGIN + 0.125, np.ones(2))
    np.testing.assert_array_equal(step, np.full((2, 2), 0.125))
