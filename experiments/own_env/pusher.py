"""A mediocre controller for Pusher: it misses the object in some episodes and is always noisy."""

import mujoco
import numpy as np

SPEEDS = (0.1, 0.6)
"""Range of the hand's speed, m/s."""
PUSH = 0.06
"""Speed with the object in hand, m/s; contacts are soft, and a fast hand goes through it."""
ERRORS = 0.04
"""Standard deviation of an episode's error in the object's position, meters."""
GRIP = 0.09
"""Meters from the hand to the object in it."""
HOVER = 0.16
"""Height of the hand above the object on the way to it, meters."""
LOW = 0.06
"""Height above the object below which the hand is down, meters."""
CLOSE = 0.05
"""Horizontal distance to the grasp position at which the hand goes down, meters."""
LOST = 0.15
"""Horizontal distance to the grasp position at which the hand starts over, meters."""
NEAR = 0.06
"""Distance to the target at which the hand slows down, meters."""
SOFT = 0.002
"""Damping of the least-squares solution, which keeps joints slow near a stretched arm."""
FRICTION = np.array([1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1])
"""Friction of the joints, N m s/rad."""
GAIN = 0.5
NOISE = 0.1
TIP = slice(14, 17)
OBJECT = slice(17, 20)
GOAL = slice(20, 23)


class Controller:
    """The hand descends around the object and takes it to the goal, by resolved-rate control.

    Speed, and an error in the object's position, are drawn for each episode: some push early,
    others come late or miss the object.

    Args:
        env: Environment, for the action space and the arm's kinematics.
        seed: PRNG seed for speed, error and noise.
    """

    def __init__(self, env, seed: int = 0):
        self._space = env.action_space
        self._rng = np.random.default_rng(seed)
        self._model = env.unwrapped.model
        self._data = mujoco.MjData(self._model)
        self._hand = self._model.body("tips_arm").id
        self._speed = np.exp(self._rng.uniform(*np.log(SPEEDS)))
        self._error = self._rng.normal(scale=ERRORS, size=2)
        self._descending = False
        self._low = False

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Return torques `[7]` for an observation of Pusher-v5 `[23]`."""
        jacobian = self._kinematics(observation[:7])
        offset = self._target(observation) - observation[TIP]
        speed = PUSH if self._low else self._speed
        velocity = speed * offset / max(np.linalg.norm(offset), NEAR)
        damped = jacobian @ jacobian.T + SOFT * np.eye(3)
        joint_velocity = jacobian.T @ np.linalg.solve(damped, velocity)
        torque = FRICTION * joint_velocity + GAIN * (joint_velocity - observation[7:14])
        torque += NOISE * self._rng.normal(size=7)
        return np.clip(torque, self._space.low, self._space.high)

    def _target(self, observation: np.ndarray) -> np.ndarray:
        """Return the hand's target: above the object, down around it, then at the goal."""
        tip = observation[TIP]
        object_position = observation[OBJECT]
        goal = observation[GOAL]
        axis = self._data.xmat[self._hand].reshape(3, 3)[:2, 0]
        back = GRIP * axis / np.linalg.norm(axis)
        grasp = object_position[:2] + self._error - back
        distance = np.linalg.norm(tip[:2] - grasp)
        self._descending = distance < (LOST if self._descending else CLOSE)
        self._low = self._descending and tip[2] - object_position[2] < LOW
        if not self._descending:
            return np.array([*grasp, object_position[2] + HOVER])
        return np.array([*(goal[:2] - back if self._low else grasp), object_position[2]])

    def _kinematics(self, joints: np.ndarray) -> np.ndarray:
        """Return the Jacobian `[3, 7]` of the hand's position; leaves its pose in `_data`."""
        self._data.qpos[:7] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        jacobian = np.zeros((3, self._model.nv))
        mujoco.mj_jacBody(self._model, self._data, jacobian, None, self._hand)
        return jacobian[:, :7]
