"""A point with the interface of OGBench: fixed tasks, goals in info, noise from `np.random`.

As in OGBench's teleport mazes, steps draw from `np.random`, too.
"""

import gymnasium
import numpy as np

STARTS = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [-4.0, -4.0], [2.0, 2.0]])
GOALS = np.array([[3.0, 0.0], [4.0, 4.0], [-4.0, 4.0], [0.0, 0.0], [8.0, 2.0]])
LIMIT = 12


class GoalEnv(gymnasium.Env):
    """Observations are `[x, y, last action]`; episodes end at the goal, as in OGBench's mazes."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float64)

    def __init__(self):
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, options=None, *args, **kwargs):
        super().reset(*args, **kwargs)
        options = options or {}
        if "task_id" in options:
            assert 1 <= options["task_id"] <= len(GOALS)
            self.task = options["task_id"]
        else:
            self.task = np.random.randint(1, len(GOALS) + 1)  # noqa: NPY002
        start = STARTS[self.task - 1] + np.random.uniform(-0.3, 0.3, 2)  # noqa: NPY002
        self.goal = GOALS[self.task - 1] + np.random.uniform(-0.3, 0.3, 2)  # noqa: NPY002
        at_goal = np.concatenate([self.goal, self.action_space.sample()])
        self.place = start
        for _ in range(5):  # a few random steps, as OGBench takes to let the robot settle
            observation = self._move(self.action_space.sample() / 10)
        return observation, {"goal": at_goal}

    def step(self, action):
        # An odd number: the generator draws them in pairs and keeps the other of the last pair.
        wind = np.random.normal(scale=0.2, size=3)  # noqa: NPY002
        observation = self._move(np.clip(action, -1, 1) + wind[:2])
        success = bool(np.linalg.norm(self.place - self.goal) < 0.5)
        return observation, float(success) - 1, success, False, {"success": float(success)}

    def _move(self, action):
        self.place = self.place + action
        return np.concatenate([self.place, action])


gymnasium.register("GoalEnv-v0", GoalEnv, max_episode_steps=LIMIT)
