"""What the robots of a server share: compiled chunks, where their controller can be compiled."""

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.chunk import continue_plans
from dfplan.control.chunk_program import ChunkProgram
from dfplan.control.low_level import LOW_LEVEL_CONTROLLERS
from dfplan.serve.fleet import Fleet
from dfplan.wire.codec import pack, unpack
from tests.planner.fake import EVERY, FakePlanner
from tests.serve.conftest import LAYOUT, WEIGHTS, make_run, see


def make_fleet(**config):
    return Fleet(make_run(FakePlanner(LAYOUT, **config)), WEIGHTS, name="fake")  # pyright: ignore


def chunk(robot, **entries):
    return unpack(robot.answer(pack(see([0.2, 0.1], **entries)), 0.0))["actions"]


def steer(states, stride, elapsed, state, goal, *, xp=np):
    return xp.asarray(states)[:, 1] - state


def steer_in_numpy(states, stride, elapsed, state, goal):
    return np.asarray(states)[:, 1] - state


def test_robots_share_one_compiled_program_of_chunks(monkeypatch):
    monkeypatch.setattr("dfplan.runs.follow.load_tracker", lambda run: steer)
    monkeypatch.setattr("dfplan.serve.fleet.load_tracker", lambda run: steer)
    monkeypatch.setattr("dfplan.agent.load_tracker", lambda run: steer)
    fleet = make_fleet(low_level_controller="tracker")
    fleet.compile()
    program = fleet._chunk_maker
    assert isinstance(program, ChunkProgram) and program.capacity == EVERY
    for seed in range(2):
        planner = FakePlanner(LAYOUT, low_level_controller="tracker")
        agent = Agent(planner, WEIGHTS, LAYOUT, tracker=steer, seed=seed)  # pyright: ignore
        robot = fleet.new_robot()
        for length in (EVERY, 2):
            expected = agent.act_chunk(see([0.2, 0.1]), length=length).actions
            actions = chunk(robot, action_horizon=length)
            np.testing.assert_allclose(actions, expected, atol=1e-6)
            np.testing.assert_array_equal(actions[0], expected[0])
    assert program._program._cache_size() == 1  # nothing was compiled for a request


def test_a_tracker_in_numpy_makes_chunks_in_numpy(monkeypatch):
    monkeypatch.setattr("dfplan.serve.fleet.load_tracker", lambda run: steer_in_numpy)
    monkeypatch.setattr("dfplan.agent.load_tracker", lambda run: steer_in_numpy)
    fleet = make_fleet(low_level_controller="tracker")
    fleet.compile()
    assert fleet._chunk_maker is continue_plans
    assert np.isfinite(chunk(fleet.new_robot())).all()


def test_a_controller_that_cannot_be_compiled_is_named(monkeypatch):
    monkeypatch.setattr(
        LOW_LEVEL_CONTROLLERS, "_objects", {"own": lambda *_: steer_in_numpy_for_plans}
    )
    fleet = make_fleet(low_level_controller="own")
    with pytest.warns(UserWarning, match="'own' cannot be compiled"):
        fleet.compile()
    assert np.isfinite(chunk(fleet.new_robot())).all()


def steer_in_numpy_for_plans(states, actions, elapsed, state, goal):
    return np.asarray(states)[:, 1] - np.asarray(state)
