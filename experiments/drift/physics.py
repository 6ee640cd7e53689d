"""The simulator's own prediction: what follows a state and an action, and whether a robot stands.

A state `[z, angles, velocities]` holds all positions but the one along the track, on which nothing
depends, and the velocities without the limit of 10 that Gymnasium's observations have.
"""

from typing import Any

import gymnasium as gym
import numpy as np


class Physics:
    """A robot whose state can be set.

    Args:
        env_id: Gymnasium id of a robot of MuJoCo with a healthy set.
    """

    def __init__(self, env_id: str):
        self._env: Any = gym.make(env_id).unwrapped
        self.state_dim = self._env.model.nq - 1 + self._env.model.nv
        self.action_dim = self._env.model.nu

    def replay(self, seed: int, actions: np.ndarray) -> np.ndarray:
        """Return the states `[L+1, S]` of the episode with this seed and these actions `[L, A]`."""
        self._env.reset(seed=seed)
        states = [self._state()]
        for action in actions:
            self._env.step(action)
            states.append(self._state())
        return np.stack(states)

    def step(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Return the states `[N, S]` that follow from actions `[N, A]`."""
        after = np.empty_like(states)
        for row, (state, action) in enumerate(zip(states, actions, strict=True)):
            self._set(state)
            self._env.do_simulation(action, self._env.frame_skip)
            after[row] = self._state()
        return after

    def is_healthy(self, states: np.ndarray) -> np.ndarray:
        """Return whether the robot stands in each state, `[N]` bool."""
        healthy = np.empty(len(states), bool)
        for row, state in enumerate(states):
            self._set(state)
            healthy[row] = self._env.is_healthy
        return healthy

    def _set(self, state: np.ndarray) -> None:
        positions = self._env.model.nq - 1
        self._env.set_state(np.concatenate([[0.0], state[:positions]]), state[positions:])

    def _state(self) -> np.ndarray:
        data = self._env.data
        return np.concatenate([data.qpos[1:], data.qvel])
