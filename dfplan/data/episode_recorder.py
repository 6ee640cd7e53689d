"""EpisodeRecorder: copies of what an environment and a policy return at each step."""

from typing import Any

import numpy as np

from dfplan.types import UserError, one_line


class EpisodeRecorder:
    """Recorder of one episode.

    It copies everything, because environments and policies may return the same array at each step
    and change it in place.
    """

    def __init__(self, observation_space: Any, observation: Any, seed: int):
        self._space = observation_space
        self._seed = seed
        self._observations = [_copy(observation, observation_space, "observation")]
        self._actions: list[np.ndarray] = []
        self._rewards: list[float] = []
        self._terminations: list[bool] = []
        self._truncations: list[bool] = []

    def record_action(self, action: Any) -> Any:
        """Record an action before the environment takes it, and return it."""
        self._actions.append(np.array(action))
        return action

    def record_step(
        self, observation: Any, reward: Any, *, terminated: Any, truncated: Any
    ) -> None:
        """Record what the environment returned for the last action.

        Raises:
            UserError: If the observation contradicts its space, or the reward is not one number.
        """
        self._observations.append(_copy(observation, self._space, "observation"))
        self._rewards.append(_number(reward))
        self._terminations.append(bool(terminated))
        self._truncations.append(bool(truncated))

    def finish(self) -> Any:
        """Return Minari's `EpisodeBuffer`; an episode without an end counts as truncated."""
        from minari.data_collector import EpisodeBuffer

        self._truncations[-1] |= not self._terminations[-1]
        # Minari's annotations ask for lists.
        arrays: dict[str, Any] = {
            "observations": _stack(self._observations),
            "actions": np.stack(self._actions),
            "rewards": np.array(self._rewards),
            "terminations": np.array(self._terminations),
            "truncations": np.array(self._truncations),
        }
        return EpisodeBuffer(seed=self._seed, **arrays)


def _copy(value: Any, space: Any, what: str) -> Any:
    """Copy an observation of a Box, or of a Dict of Boxes."""
    from gymnasium import spaces

    if isinstance(space, spaces.Dict):
        if not isinstance(value, dict) or set(space) - set(value):
            kind = f"a dict with {', '.join(map(str, value))}" if isinstance(value, dict) else None
            raise UserError(
                f"the environment's {what} is {kind or f'a {type(value).__name__}'}; needed: a "
                f"dict with {', '.join(map(str, space))}, as its space states"
            )
        return {key: _copy(value[key], inner, f"{what} {key!r}") for key, inner in space.items()}
    try:
        array = np.array(value)
    except ValueError as error:
        raise UserError(f"the environment's {what} is not an array: {one_line(error)}") from error
    if array.dtype.kind not in "biuf" or array.shape != space.shape:
        raise UserError(
            f"the environment's {what} is {array.dtype} of shape {array.shape}; needed: numbers of "
            f"shape {space.shape}, as its space states"
        )
    return array


def _stack(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {key: _stack([value[key] for value in values]) for key in values[0]}
    return np.stack(values)


def _number(reward: Any) -> float:
    """Return a reward as a number; some environments return an array of one."""
    array = np.asarray(reward)
    if array.dtype.kind not in "biuf" or array.size != 1:
        raise UserError(
            f"the environment's reward is {reward!r} of shape {array.shape}; needed: one number"
        )
    return float(array.item())
