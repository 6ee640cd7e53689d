"""dfplan's own client and dfplan's server."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.client import connect
from dfplan.representation.layout import Layout
from dfplan.serve.settings import RobotSettings
from dfplan.types import UserError
from tests.planner.fake import EVERY, FakePlanner
from tests.serve.conftest import LAYOUT, WEIGHTS, see

ROOT = Path(__file__).parents[2]
FAST = {"first_delay": 0.01, "longest_delay": 0.05}


@pytest.fixture
def robot():
    """`robot(server, ...)`: a remote agent, closed at the end."""
    agents = []

    def connected(server, **settings):
        agents.append(connect(f"127.0.0.1:{server.port}", **{**FAST, **settings}))
        return agents[-1]

    yield connected
    for agent in agents:
        agent.close()


def first_program(page):
    """Return the first Python block of a page."""
    text = (ROOT / page).read_text()
    return re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]  # pyright: ignore


def local_agent(seed=0):
    return Agent(FakePlanner(LAYOUT), WEIGHTS, LAYOUT, seed=seed)  # pyright: ignore


def observations(count, seed=0):
    return map(see, np.random.default_rng(seed).normal(size=(count, 2)))


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def until_connected(agent):
    until(lambda: agent.status.connected)


def wait_for_the_reply(agent):
    until(lambda: agent._pending is None or agent._pending.reply.done())


def test_it_acts_as_an_agent_in_its_own_process(serve, robot):
    remote = robot(serve())
    local = local_agent()
    for episode in range(2):
        remote.reset(seed=episode)
        local.reset(seed=episode)
        for observation in observations(2 * EVERY, episode):
            np.testing.assert_array_equal(remote.act(observation), local.act(observation))
    assert remote.status.fallbacks == 0 and remote.status.connections == 1


def test_chunks_and_goals_are_those_of_an_agent(serve, robot):
    remote = robot(serve(), execute=EVERY)
    local = local_agent(seed=2)
    remote.reset(seed=2)
    goal = np.array([1.0, -1.0], np.float32)
    steps = list(observations(3 * EVERY))
    for i, observation in enumerate(steps):
        if i % EVERY == 0:
            chunk = local.act_chunk(observation, goal, length=EVERY, executed=EVERY).actions
        np.testing.assert_array_equal(remote.act(observation, goal), chunk[i % EVERY])


@pytest.mark.parametrize(
    ("settings", "length"),
    [({}, 2), ({"execute": EVERY}, EVERY), ({"fallback": "continue"}, EVERY), ({"lead": 1}, EVERY)],
)
def test_it_asks_for_the_actions_that_it_may_use(serve, robot, settings, length):
    remote = robot(serve(), **settings)
    remote.act(see([0.0, 0.0]))
    assert len(remote._chunk.actions) == length


def test_a_robot_goes_on_when_its_server_is_restarted(serve, robot):
    server = serve()
    remote = robot(server, hold="last")
    remote.reset(seed=5)
    before, during, after = observations(3)
    last = remote.act(before)
    server.stop()
    np.testing.assert_array_equal(remote.act(during), last)
    assert remote.status.falls_back
    serve(port=server.port)
    until_connected(remote)
    np.testing.assert_array_equal(remote.act(after), local_agent(seed=5).act(after))
    assert not remote.status.falls_back


def test_a_refused_observation_makes_a_moving_robot_hold_and_then_go_on(serve, robot):
    remote = robot(serve())
    with pytest.raises(UserError, match="nan"):
        remote.act(see([np.nan, 0.0]))
    until_connected(remote)
    assert remote.act(see([0.1, 0.0])).any()
    np.testing.assert_array_equal(remote.act(see([np.nan, 0.0])), [0.0, 0.0])
    assert "nan" in remote.status.error
    until_connected(remote)
    assert remote.act(see([0.2, 0.0])).any()


def test_the_robot_of_the_page_drives_an_episode(serve):
    bounds = {"action_low": (-1.0, -1.0), "action_high": (1.0, 1.0)}
    server = serve(layout=Layout(4, 2, goal_dims=(0, 1), dict_observation=True, **bounds))
    program = first_program("docs/how-to/serve.md")
    assert len(program.splitlines()) <= 15
    scope = {}
    for old, new in {"localhost:8000": f"localhost:{server.port}", "Large": "UMaze"}.items():
        assert program.count(old) == 1
        program = program.replace(old, new)
    exec(program, scope)
    assert scope["episode_ended"] and scope["agent"].status.fallbacks == 0
    # The server counts an answer only after sending it, so the last count may come late.
    server.wait_for(lambda: server.count("dfplan_requests_total", outcome="answered") == 300)


class CommittingPlanner(FakePlanner):
    """Plans that begin with the committed actions, as those of the diffusion planner do."""

    def plan(self, call, *, denoising=False):
        prefix = call.prefix
        plan = super().plan(call, denoising=denoising)
        if prefix is None or prefix.actions is None:
            return plan
        actions = plan.actions.copy()
        actions[:, : prefix.steps] = prefix.actions
        return plan._replace(actions=actions)


@pytest.mark.parametrize("delay", [0, 2])
def test_chunks_join_where_the_server_knows_the_lead(serve, robot, delay):
    planner = CommittingPlanner(LAYOUT, **{"timing.inference_delay": delay})
    remote = robot(serve(planner, settings=RobotSettings(action_horizon=6)), execute=3, lead=2)
    joins = []
    for step, observation in enumerate(observations(12)):
        before = remote._chunk
        remote.act(observation)
        wait_for_the_reply(remote)
        if before is not None and remote._chunk is not before:
            # The actions that the robot executed while this chunk was made.
            executed = [before.action(s) for s in range(remote._chunk.observed, step)]
            joins.append(np.array_equal(executed, remote._chunk.actions[:2]))
    assert len(planner.calls) > 3 and len(joins) == 3
    assert all(joins) == (delay == 2)
