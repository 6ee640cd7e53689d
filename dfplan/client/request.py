"""Requests for actions: an observation, and what else the server has to know."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dfplan.types import UserError
from dfplan.wire import keys

OBSERVATION = "observation"
"""Key of an observation that is no mapping."""


def understands_episodes(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a server, by its metadata, understands more than observations."""
    return keys.EXECUTION_HORIZON in metadata


def make_request(
    observation: Any,
    *,
    goal: Any = None,
    starts: bool,
    seed: int | None,
    executed: int,
    horizon: int | None,
    understands_episodes: bool,
) -> dict[str, Any]:
    """Return the message that asks for a chunk of actions.

    Args:
        observation: Observation as the environment returns it: a mapping, or an array.
        goal: Goal `[G]` instead of the observation's own; None sends none.
        starts: Whether an episode starts with this observation, or is new to the server.
        seed: Seed of the episode's plans; None leaves it to the server.
        executed: Control steps since the last request of the episode.
        horizon: Actions that the chunk should hold; None leaves it to the server.
        understands_episodes: Whether the server understands more than the observation and the goal.

    Raises:
        UserError: If the observation is no mapping and no array.
    """
    request = dict(_as_mapping(observation))
    if goal is not None:
        request[keys.GOAL] = goal
    if understands_episodes and horizon is not None:
        request[keys.ACTION_HORIZON] = horizon
    if understands_episodes and starts:
        request[keys.RESET] = True
        if seed is not None:
            request[keys.SEED] = seed
    elif understands_episodes:
        request[keys.EXECUTED] = executed
    return request


def _as_mapping(observation: Any) -> Mapping[str, Any]:
    if isinstance(observation, Mapping):
        return observation
    try:
        return {OBSERVATION: np.asarray(observation)}
    except ValueError as error:
        raise UserError("the observation is neither a mapping nor an array of numbers") from error
