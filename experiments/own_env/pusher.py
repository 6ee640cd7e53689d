"""A mediocre controller of Pusher: beside the object in some episodes, and noisy in all."""

import mujoco
import numpy as np

SPEEDS = (0.1, 0.6)
"""Metres per second of the hand."""
PUSH = 0.06
"""Metres per second with the object in hand; contacts are soft: a quick hand goes through it."""
ERRORS = 0.04
"""Standard deviation, metres, of where an episode takes the object to be."""
GRIP, HOVER, LOW = 0.09, 0.16, 0.06
"""Metres from the hand to the object in it, above it on the way there, and above it when low."""
CLOSE, LOST = 0.05, 0.15
"""Metres beside that place at which the hand goes down, and at which it begins anew."""
NEAR, SOFT = 0.06, 0.002
"""Metres within which it slows down, and how far joints give way near a stretched arm."""
FRICTION = np.array([1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1])
"""The joints' own, newton metres per radian a second."""
GAIN, NOISE = 0.5, 0.1
TIP, OBJECT, GOAL = slice(14, 17), slice(17, 20), slice(20, 23)


class Controller:
    """The hand goes down around the object and takes it to the goal, joints turning as it asks.

    Speed, and an error in the object's place, are drawn for each episode: some push soon, others
    come late, or beside the object.

    Args:
        env: gives the action space and the arm's kinematics.
        seed: of speed, error and noise.
    """

    def __init__(self, env, seed: int = 0):
        self._space, self._rng = env.action_space, np.random.default_rng(seed)
        self._model = env.unwrapped.model
        self._data = mujoco.MjData(self._model)
        self._hand = self._model.body("tips_arm").id
        self._speed = np.exp(self._rng.uniform(*np.log(SPEEDS)))
        self._error = self._rng.normal(scale=ERRORS, size=2)
        self._down = self._low = False

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Torques `[7]` for an observation of Pusher-v5 `[23]`."""
        jacobian = self._kinematics(observation[:7])
        way = self._target(observation) - observation[TIP]
        speed = (PUSH if self._low else self._speed) * way / max(np.linalg.norm(way), NEAR)
        wanted = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + SOFT * np.eye(3), speed)
        torque = FRICTION * wanted + GAIN * (wanted - observation[7:14])
        torque += NOISE * self._rng.normal(size=7)
        return np.clip(torque, self._space.low, self._space.high)

    def _target(self, observation: np.ndarray) -> np.ndarray:
        """Where the hand is to go: above the object, down, and with it to the goal."""
        tip, thing, goal = observation[TIP], observation[OBJECT], observation[GOAL]
        axis = self._data.xmat[self._hand].reshape(3, 3)[:2, 0]
        back = GRIP * axis / np.linalg.norm(axis)
        around = thing[:2] + self._error - back
        away = np.linalg.norm(tip[:2] - around)
        self._down = away < (LOST if self._down else CLOSE)
        self._low = self._down and tip[2] - thing[2] < LOW
        if not self._down:
            return np.array([*around, thing[2] + HOVER])
        return np.array([*(goal[:2] - back if self._low else around), thing[2]])

    def _kinematics(self, joints: np.ndarray) -> np.ndarray:
        """Jacobian `[3, 7]` of the hand's place by the arm's joints; leaves its turn in `_data`."""
        self._data.qpos[:7] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        found = np.zeros((3, self._model.nv))
        mujoco.mj_jacBody(self._model, self._data, found, None, self._hand)
        return found[:, :7]
