"""Vector environments give the episodes that each environment gives alone."""

import itertools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from dfplan.rollout import rollout
from dfplan.types import UserError

from .test_agent import EVERY, fake, see

# In one of these episodes, the last observation would be planned for.
LENGTHS = (EVERY - 1, EVERY, 2 * EVERY + 1)


class Point(gym.Env):
    """A point with a random start; episodes end after `length` steps."""

    observation_space = gym.spaces.Dict(
        {
            key: gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
            for key in ("observation", "achieved_goal", "desired_goal")
        }
    )
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, length):
        self.length = length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=2)
        self.t = 0
        return see(self.state), {}

    def step(self, action):
        self.state = self.state + 0.1 * action
        self.t += 1
        return see(self.state), 0.0, self.t == self.length, False, {}


def make(mode):
    return SyncVectorEnv([lambda n=n: Point(n) for n in LENGTHS], autoreset_mode=mode)


def alone(i, steps):
    """Return observations and actions of environment `i` by itself, over episodes."""
    agent, _ = fake(seed=5 + i)
    env = Point(LENGTHS[i])
    pairs = []
    terminated = True
    for t in range(steps):
        if terminated:
            observation, _ = env.reset(seed=None if t else 5 + i)
            agent.reset()
        action = agent.act(observation)
        pairs.append((observation["observation"], action))
        observation, _, terminated, _, _ = env.step(action)
    return pairs


@pytest.mark.parametrize("seed", [np.int64(5), (5, 6, 7)])
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_same_episodes_as_alone(mode, seed):
    agent, _ = fake(seed=0)
    envs = make(mode)
    pairs = [[] for _ in LENGTHS]
    for step in itertools.islice(rollout(agent, envs, seed=seed), 24):
        for i in np.flatnonzero(step.live):
            pairs[i].append((step.observation["observation"][i], step.action[i]))
    envs.close()
    for i, steps in enumerate(pairs):
        assert len(steps) >= 3 * LENGTHS[i]
        for (observation, action), expected in zip(steps, alone(i, len(steps)), strict=True):
            np.testing.assert_allclose(observation, expected[0], rtol=1e-6)
            np.testing.assert_allclose(action, expected[1], rtol=1e-6)


def test_live_rows_make_whole_episodes():
    for mode in AutoresetMode:
        envs = make(mode)
        length = np.zeros(len(LENGTHS), int)
        for step in itertools.islice(rollout(fake()[0], envs), 20):
            length += step.live
            ended = step.terminated | step.truncated
            assert not (ended & ~step.live).any()
            assert length[ended].tolist() == np.array(LENGTHS)[ended].tolist()
            length[ended] = 0
        envs.close()


def test_an_environment_that_is_not_a_vector_environment():
    with pytest.raises(UserError, match=r"autoreset_mode None; .*NEXT_STEP"):
        next(rollout(fake()[0], gym.make("Pendulum-v1")))
