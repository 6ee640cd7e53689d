"""openpi's own client, as it is published, drives a robot through the server."""

import numpy as np
import pytest

pytest.importorskip("openpi_client")

from openpi_client.action_chunk_broker import ActionChunkBroker
from openpi_client.runtime.agents.policy_agent import PolicyAgent
from openpi_client.runtime.environment import Environment
from openpi_client.runtime.runtime import Runtime
from openpi_client.websocket_client_policy import WebsocketClientPolicy

from dfplan.agent import Agent
from tests.planner.fake import EVERY, FakePlanner
from tests.serve.conftest import LAYOUT, WEIGHTS, see

pytestmark = pytest.mark.filterwarnings("ignore:connect")  # how the client opens its connection


@pytest.fixture
def policy(monkeypatch):
    """`policy(server)`: a connected client."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    clients = []

    def connect(server, **kwargs):
        clients.append(WebsocketClientPolicy("127.0.0.1", server.port, **kwargs))
        return clients[-1]

    yield connect
    for client in clients:
        client._ws.close()


def test_it_gets_what_an_agent_does(serve, policy):
    client = policy(serve())
    assert client.get_server_metadata()["action_horizon"] == EVERY
    agent = Agent(FakePlanner(LAYOUT), WEIGHTS, LAYOUT)  # pyright: ignore
    for step in range(2 * EVERY):
        observation = see([0.1 * step, 0.0])
        actions = client.infer(observation)["actions"]
        np.testing.assert_array_equal(actions[0], agent.act(observation))


def test_its_key_is_sent_and_its_errors_are_readable(serve, policy):
    client = policy(serve(api_key="secret"), api_key="secret")
    with pytest.raises(RuntimeError, match="nan"):
        client.infer(see([0.0, np.nan]))


class Point(Environment):
    """A point that moves by a tenth of its actions, for 9 control steps."""

    def reset(self):
        self.state = np.zeros(2)
        self.actions = []

    def is_episode_complete(self):
        return len(self.actions) == 9

    def get_observation(self):
        is_first = not self.actions
        return see(self.state, executed=EVERY, reset=is_first, seed=4, return_plan=True)

    def apply_action(self, action):
        assert action["states"].shape == (2,) and isinstance(action["plan"]["states"], list)
        self.actions.append(action["actions"])
        self.state = self.state + 0.1 * action["actions"]


def test_its_runtime_executes_whole_chunks(serve, policy):
    planner = FakePlanner(LAYOUT)
    environment = Point()
    agent = PolicyAgent(ActionChunkBroker(policy(serve(planner)), action_horizon=EVERY))
    Runtime(environment, agent, [], num_episodes=2, max_episode_steps=9).run()
    # Each of two episodes plans once per chunk; the last reset begins no third one.
    assert planner.rows == [1] * 6
    np.testing.assert_array_equal(planner.calls[1].history.frames, planner.calls[4].history.frames)
