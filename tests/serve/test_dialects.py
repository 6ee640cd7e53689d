"""Dialects of robots: what RoboArena's client sends and expects."""

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from dfplan.agent import Agent
from dfplan.representation.layout import Layout
from dfplan.serve.dialects import RoboArena, make_dialect
from dfplan.types import UserError
from dfplan.wire.codec import unpack
from tests.planner.fake import EVERY, FakePlanner
from tests.serve.conftest import BOUNDS, make_weights

ARM = Layout(8, 2, **BOUNDS)
FIELDS = {
    "image_resolution",
    "needs_wrist_camera",
    "n_external_cameras",
    "needs_stereo_camera",
    "needs_session_id",
    "action_space",
}
"""Fields of RoboArena's PolicyServerConfig, which its client makes of the metadata."""


def observe(step, **entries):
    """Return a request of RoboArena's client."""
    return {
        "endpoint": "infer",
        "observation/joint_position": np.full(7, 0.1 * step, np.float32),
        "observation/gripper_position": np.full(1, 0.5, np.float32),
        "prompt": "open the drawer",
        "session_id": np.zeros(1, np.int32),
        **entries,
    }


def state(step):
    return np.append(np.full(7, 0.1 * step), 0.5).astype(np.float32)


def test_roboarenas_client_is_answered_in_its_own_form(serve):
    server = serve(layout=ARM, dialect=make_dialect("roboarena"))
    robot = server.robot()
    assert set(robot.metadata) == FIELDS
    assert robot.metadata["n_external_cameras"] == 0
    assert robot.metadata["action_space"] == "joint_position"
    agent = Agent(FakePlanner(ARM), make_weights(ARM), ARM)  # pyright: ignore
    for step in (0, EVERY):  # it executes all actions before it asks again
        actions = robot.ask(observe(step))
        executed = EVERY if step else 1
        chunk = agent.act_chunk(state(step), length=EVERY, executed=executed)
        assert actions.shape == (EVERY, 2)
        np.testing.assert_array_equal(actions, chunk.actions)
    assert server.planner.rows == [1, 1]
    assert robot.ask({"endpoint": "reset"}) == "reset successful"
    robot.ask(observe(1))
    assert server.planner.calls[2].history.level[0, 0] == 1  # nothing precedes the episode


def test_a_new_session_begins_an_episode(serve):
    server = serve(layout=ARM, dialect=RoboArena())
    robot = server.robot()
    for session in (0, 0, 1):
        robot.ask(observe(0, session_id=np.full(1, session, np.int32)))
    oldest = [call.history.level[0, 0] for call in server.planner.calls]
    assert oldest == [1, 0, 1]  # 1 where nothing precedes the episode


def test_an_error_is_text_and_ends_the_connection(serve):
    robot = serve(layout=ARM, dialect=RoboArena()).robot()
    robot.send({"endpoint": "infer", "prompt": "open the drawer"})
    assert "no observation" in robot.receive()
    with pytest.raises(ConnectionClosed):
        robot.receive()


def test_joints_that_are_not_numbers_are_an_error_of_the_robot(serve):
    server = serve(layout=ARM, dialect=RoboArena())
    robot = server.robot()
    robot.send(observe(0, **{"observation/joint_position": [[1.0], [1.0, 2.0]]}))
    assert "observation/joint_position" in robot.receive()
    server.wait_for(lambda: server.count("dfplan_requests_total", outcome="invalid") == 1)


def test_openpis_reset_is_answered_with_a_message(serve):
    robot = serve().robot()
    robot.send({"endpoint": "reset"})
    assert unpack(robot.connection.recv(10)) == {"status": "reset successful"}
    assert "endpoint: infer, reset" in robot.metadata["dialect"]


def test_unknown_dialects_and_action_spaces_name_the_valid_ones():
    with pytest.raises(UserError, match="'grpc'; valid: openpi, roboarena"):
        make_dialect("grpc")
    with pytest.raises(UserError, match=r"'torque'.*joint_position, joint_velocity"):
        make_dialect("roboarena:action_space=torque")
    dialect = make_dialect("roboarena:action_space=joint_velocity")
    assert dialect.metadata({})["action_space"] == "joint_velocity"
