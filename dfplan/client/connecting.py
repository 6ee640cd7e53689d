"""`connect`: an agent that is driven by the server at an address."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from dfplan.client.agent import RemoteAgent
from dfplan.client.config import ClientConfig
from dfplan.client.link import Link
from dfplan.types import UserError, check_choice, one_line
from dfplan.wire.api_key import check_api_key
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
        UserError: If a setting is unknown or out of range, the URL or the key is not valid, no
            server answers in time, the server refuses the key, or the packages of the extra `serve`
            are missing.
    """
    config = _config(settings)
    key = os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key
    check_api_key("api_key", key)
    agent = RemoteAgent(Link(as_url(url), key, config), config)
    try:
        agent.wait_connected(wait)
    except BaseException:
        agent.close()
        raise
    return agent


def as_url(url: str) -> str:
    """Return the WebSocket URL of a server that may be named by its host alone.

    Raises:
        UserError: If it has another scheme, no host, or no valid port.
    """
    full = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError as error:
        raise UserError(f"{url!r} is not the address of a server: {one_line(error)}") from error
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0:
        raise UserError(
            f"{url!r} is not the address of a server; valid: HOST, HOST:PORT, [IPv6]:PORT, "
            "ws://HOST:PORT, wss://HOST/PATH"
        )
    if port is None and full != url:
        return parts._replace(netloc=f"{parts.netloc}:{DEFAULT_PORT}").geturl()
    return full


def _config(settings: Mapping[str, Any]) -> ClientConfig:
    names = [field.name for field in dataclasses.fields(ClientConfig)]
    for name in settings:
        check_choice("setting", name, names)
    return ClientConfig(**settings)
