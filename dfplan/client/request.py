"""Requests for actions: an observation, and what else the server needs to know."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dfplan.types import UserError
from dfplan.wire import keys

OBSERVATION = "observation"
"""Key of an observation that is not a mapping."""


def understands_more(metadata: Mapping[str, Any]) -> bool:
    """Return whether a server's metadata say that it understands more than observations."""
    horizons = (metadata.get(keys.EXECUTION_HORIZON), metadata.get(keys.ACTION_HORIZON))
    return all(isinstance(horizon, int) for horizon in horizons)


def make_request(
    observation: Any,
    *,
    goal: Any = None,
    starts: bool,
    seed: int | None,
    executed: int,
    horizon: int | None,
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the message that asks for a chunk of actions.

    Args:
        observation: Observation as the environment returns it: a mapping, or an array.
        goal: Goal `[G]` instead of the observation's own; None sends none.
        starts: Whether an episode starts with this observation, or is new to the server.
        seed: Seed of the episode's plans; None leaves it to the server.
        executed: Control steps since the last request of the episode.
        horizon: Actions to request; None requests all that the server offers.
        metadata: What the server says about itself.

    Raises:
        UserError: If the observation is neither a mapping nor an array.
    """
    request = dict(_as_mapping(observation))
    if goal is not None:
        request[keys.GOAL] = goal
    if not understands_more(metadata):
        return request
    if horizon is not None:
        request[keys.ACTION_HORIZON] = min(horizon, metadata[keys.ACTION_HORIZON])
    if not starts:
        request[keys.EXECUTED] = executed
        return request
    request[keys.RESET] = True
    if seed is not None:
        request[keys.SEED] = seed
    return request


def _as_mapping(observation: Any) -> Mapping[str, Any]:
    if isinstance(observation, Mapping):
        return observation
    try:
        return {OBSERVATION: np.asarray(observation)}
    except ValueError as error:
        raise UserError("the observation is neither a mapping nor an array of numbers") from error
