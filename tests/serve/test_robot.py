"""What a robot may send: forms of observations and goals; without a network."""

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.representation.layout import Layout
from dfplan.serve.robot import Robot
from dfplan.serve.settings import BatchSettings, Limits, RobotSettings
from dfplan.types import UserError
from dfplan.wire.codec import pack, unpack
from tests.planner.fake import FakePlanner
from tests.serve.conftest import BOUNDS, LAYOUT, VECTOR, WEIGHTS, see

NESTED = Layout(2, 2, goal_dims=(0, 1), observation_shape=(("arm", (1,)), ("hand", (1,))), **BOUNDS)
GOAL = [3.0, 4.0]


def ask(layout, *requests, goal=None):
    """Return the replies to requests, and the planner."""
    planner = FakePlanner(layout)
    agent = Agent(planner, WEIGHTS, layout)  # pyright: ignore
    robot = Robot(agent, RobotSettings(action_horizon=2), goal)
    return [unpack(robot.answer(pack(request), 0.0)) for request in requests], planner


@pytest.mark.parametrize("name", ["observation", "observation/state", "state"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int16, list])
def test_a_vector_observation_has_several_names_and_types(name, kind):
    state = [1, 2] if kind is list else np.array([1, 2], kind)
    (reply,), planner = ask(VECTOR, {name: state, "goal": GOAL})
    assert reply["actions"].shape == (2, 2)
    np.testing.assert_array_equal(planner.calls[0].history.frames[0, -1, 0], [1, 2])


@pytest.mark.parametrize("is_nested", [True, False])
def test_a_dict_observation_is_nested_or_flat(is_nested):
    entries = {"hand": np.ones(1), "arm": np.zeros(1)}
    request = {"observation": entries} if is_nested else entries
    _, planner = ask(NESTED, {**request, "goal": GOAL})
    np.testing.assert_array_equal(planner.calls[0].history.frames[0, -1, 0], [0, 1])


def test_an_entry_may_itself_be_named_observation():
    shape = (("achieved_goal", (1,)), ("observation", (1,)))
    layout = Layout(2, 2, goal_dims=(0, 1), observation_shape=shape, **BOUNDS)
    entries = {"observation": np.ones(1), "achieved_goal": np.zeros(1)}
    for request in (entries, {"observation": entries}):
        _, planner = ask(layout, {**request, "goal": GOAL})
        np.testing.assert_array_equal(planner.calls[0].history.frames[0, -1, 0], [0, 1])


def test_entries_that_no_layout_reads_are_ignored():
    image = np.zeros((32, 32, 3), np.uint8)
    (reply,), _ = ask(LAYOUT, see([0.0, 0.0], prompt="go", image=image))
    assert np.isfinite(reply["actions"]).all()


def test_a_goal_of_the_request_precedes_those_of_the_observation_and_the_server():
    state = np.zeros(2)
    requests = [{"observation": state, "goal": [1.0, 2.0]}, {"observation": state}]
    _, planner = ask(VECTOR, *requests, goal=np.array([1.0, 2.0]))
    assert len(planner.calls) == 1  # the goal has not moved
    requests[1]["goal"] = [3.0, 4.0]
    _, planner = ask(VECTOR, *requests, goal=np.array([1.0, 2.0]))
    assert len(planner.calls) == 2
    _, planner = ask(LAYOUT, see(state, (1.0, 2.0)), {**see(state, (5.0, 5.0)), "goal": [1.0, 2.0]})
    assert len(planner.calls) == 1


def test_a_missing_goal_is_an_error():
    with pytest.raises(UserError, match="goal, 2 numbers"):
        ask(VECTOR, {"observation": np.zeros(2)})


def test_the_action_has_the_horizon_that_was_asked_for_and_is_flat():
    layout = Layout(2, 2, goal_dims=(0, 1), action_shape=(2, 1), action_dtype="float64", **BOUNDS)
    (reply,), _ = ask(layout, {"observation": np.zeros(2), "goal": GOAL})
    assert reply["actions"].shape == (2, 2) and reply["actions"].dtype == np.float32


@pytest.mark.parametrize(
    ("settings", "changes", "name"),
    [
        (RobotSettings, {"action_horizon": -1}, "robots.action_horizon"),
        (RobotSettings, {"execution_horizon": 0}, "robots.execution_horizon"),
        (RobotSettings, {"seed": 2**32}, "robots.seed"),
        (RobotSettings, {"control_hz": -1.0}, "robots.control_hz"),
        (Limits, {"connections": 0}, "limits.connections"),
        (Limits, {"waiting": 0}, "limits.waiting"),
        (Limits, {"message_bytes": 10}, "limits.message_bytes"),
        (Limits, {"idle_seconds": 0.0}, "limits.idle_seconds"),
        (BatchSettings, {"size": -1}, "batch.size"),
        (BatchSettings, {"size": 3}, "batch.size"),
        (BatchSettings, {"wait_ms": float("nan")}, "batch.wait_ms"),
    ],
)
def test_settings_out_of_range_are_errors(settings, changes, name):
    with pytest.raises(UserError, match=name):
        settings(**changes)
