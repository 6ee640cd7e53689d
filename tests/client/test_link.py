"""Requests that can no longer be answered."""

import pytest

from dfplan.client.config import ClientConfig
from dfplan.client.link import Link, LinkError

from .stub import StubServer


@pytest.fixture
def server():
    server = StubServer()
    yield server
    server.gate.set()
    server.kill()


def test_every_request_fails_when_the_link_is_closed(server):
    link = Link(server.url, "", ClientConfig())
    assert link.wait_connected(10).connected
    server.gate.clear()
    replies = [link.ask({"observation": i}) for i in range(3)]
    link.close()
    replies.append(link.ask({"observation": 3}))
    for reply in replies:
        with pytest.raises(LinkError):
            reply.result(1)


def test_a_request_without_a_connection_fails_at_once(server):
    server.kill()
    link = Link(server.url, "", ClientConfig())
    with pytest.raises(LinkError):
        link.ask({"observation": 0}).result(10)
    link.close()
