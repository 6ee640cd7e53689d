"""`connect`: an agent that is driven by the server at an address."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from dfplan.client.agent import RemoteAgent
from dfplan.client.config import ClientConfig
from dfplan.client.link import Link
from dfplan.types import check_choice
from dfplan.wire.keys import API_KEY_VARIABLE, DEFAULT_PORT


def connect(
    url: str, *, api_key: str | None = None, wait: float = 10.0, **settings: Any
) -> RemoteAgent:
    """Connect to a policy server: `dfplan serve`, or any other that speaks openpi's protocol.

        with connect("localhost:8000") as agent:
            observation, info = env.reset()
            done = False
            while not done:
                action = agent.act(observation)
                observation, reward, terminated, truncated, info = env.step(action)
                done = terminated or truncated

    Args:
        url: `HOST`, `HOST:PORT`, `ws://HOST:PORT` or `wss://HOST/PATH`; port 8000 by default.
        api_key: Key that the server asks for; by default, that of the environment variable
            DFPLAN_API_KEY, if it is set.
        wait: Longest time to wait for a server that is not running yet, seconds.
        **settings: Settings of `ClientConfig`, such as `execute=8, lead=2, fallback="continue"`.

    Returns:
        The agent.

    Raises:
        UserError: If a setting is unknown or out of range, no server answers in time, the server
            refuses the key, or the packages of the extra `serve` are missing.
    """
    config = _config(settings)
    key = os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key
    agent = RemoteAgent(Link(as_url(url), key, config), config)
    try:
        agent.wait_connected(wait)
    except BaseException:
        agent.close()
        raise
    return agent


def as_url(url: str) -> str:
    """Return the WebSocket URL of a server that may be named by its host alone."""
    if url.startswith(("ws://", "wss://")):
        return url
    host, _, port = url.rpartition(":")
    if host and port.isdecimal():
        return f"ws://{url}"
    return f"ws://{url}:{DEFAULT_PORT}"


def _config(settings: Mapping[str, Any]) -> ClientConfig:
    names = [field.name for field in dataclasses.fields(ClientConfig)]
    for name in settings:
        check_choice("setting", name, names)
    return ClientConfig(**settings)
