"""An environment of OGBench's manipulation suite, stepped without repeated work."""

# MuJoCo's bindings have no type stubs.
# pyright: reportAttributeAccessIssue=false

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np


class Scene:
    """Steps an environment for data collection with the arithmetic of its own `step`.

    The environment computes its `info`, which it also observes from, three times per step. Here it
    is computed once, as it depends on MuJoCo's state alone.

    Args:
        env_id: Id of an environment of OGBench's manipulation suite.
        env_kwargs: Arguments of `gymnasium.make`.

    Raises:
        ValueError: If the id is not one of these environments.
    """

    def __init__(self, env_id: str, env_kwargs: dict[str, Any]):
        with _without_rounding_warnings():
            self.env: Any = gym.make(
                env_id,
                **{**env_kwargs, "mode": "data_collection", "terminate_at_goal": False},
                visualize_info=False,
                disable_env_checker=True,
            ).unwrapped
        if not hasattr(self.env, "set_new_target"):
            raise ValueError(f"{env_id} is not part of OGBench's manipulation suite")
        self._info: dict[str, Any] | None = None
        self._compute_info = self.env.compute_ob_info
        self.env.compute_ob_info = self._info_once

    def reset(self, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode at random; return the observation and the info."""
        # What the past leaves behind, such as the damping of a locked drawer, changes the last bits
        # of the solver's warm start. After a second reset, only the seed matters.
        for _ in range(2):
            self._info = None
            with _without_rounding_warnings():
                self.env.reset(seed=seed)
        self._info = None
        return self._observe()

    def set_new_target(self, stack_probability: float) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw what the scripted policy does next; return the observation and the info."""
        self.env.set_new_target(return_info=False, p_stack=stack_probability)
        self._info = None
        return self._observe()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Take a control step; return the observation and the info."""
        env = self.env
        env.set_control(action)
        env.pre_step()
        mujoco.mj_step(env.model, env.data, nstep=env._n_steps)
        mujoco.mj_rnePostConstraint(env.model, env.data)  # contact forces
        self._info = None
        env.post_step()
        self._info = None  # as `post_step` changes buttons
        return self._observe()

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that OGBench's files hold beside the observations."""
        state = {"qpos": self.env.data.qpos.copy(), "qvel": self.env.data.qvel.copy()}
        if hasattr(self.env, "_cur_button_states"):
            state["button_states"] = self.env._cur_button_states.copy()
        return state

    def _observe(self) -> tuple[np.ndarray, dict[str, Any]]:
        return self.env.compute_observation(), self._info_once()

    def _info_once(self) -> dict[str, Any]:
        info = self._info
        if info is None:
            info = self._compute_info()
            self._info = info
        return info


@contextlib.contextmanager
def _without_rounding_warnings() -> Iterator[None]:
    """Hide the warnings of an action space that the environment makes again at every access."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*precision lowered by casting")
        yield
