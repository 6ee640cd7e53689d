"""Many environments at once give the episodes that each of them gives alone."""

import itertools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from dfplan.rollout import rollout
from dfplan.types import UserError

from .test_agent import EVERY, fake, see

LENGTHS = (EVERY - 1, EVERY, 2 * EVERY + 1)  # also one whose last observation would be planned for


class Point(gym.Env):
    """A point that starts at random; episodes end after `length` steps."""

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
        self.state, self.t = self.np_random.normal(size=2), 0
        return see(self.state), {}

    def step(self, action):
        self.state, self.t = self.state + 0.1 * action, self.t + 1
        return see(self.state), 0.0, self.t == self.length, False, {}


def make(mode):
    return SyncVectorEnv([lambda n=n: Point(n) for n in LENGTHS], autoreset_mode=mode)


def alone(i, steps):
    """Observations and actions of environment `i` by itself, over episodes."""
    agent, env = fake(seed=5 + i)[0], Point(LENGTHS[i])
    found, over = [], True
    for t in range(steps):
        if over:
            observation, _ = env.reset(seed=None if t else 5 + i)
            agent.reset()
        action = agent.act(observation)
        found.append((observation["observation"], action))
        observation, _, over, _, _ = env.step(action)
    return found


@pytest.mark.parametrize("seed", [np.int64(5), (5, 6, 7)])
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_same_episodes_as_alone(mode, seed):
    agent, envs = fake(seed=0)[0], make(mode)
    found = [[] for _ in LENGTHS]
    for step in itertools.islice(rollout(agent, envs, seed=seed), 24):
        for i in np.flatnonzero(step.live):
            found[i].append((step.observation["observation"][i], step.action[i]))
    envs.close()
    for i, steps in enumerate(found):
        assert len(steps) >= 3 * LENGTHS[i]
        for mine, theirs in zip(steps, alone(i, len(steps)), strict=True):
            np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-6)
            np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-6)


def test_live_rows_make_whole_episodes():
    for mode in AutoresetMode:
        envs, length = make(mode), np.zeros(len(LENGTHS), int)
        for step in itertools.islice(rollout(fake()[0], envs), 20):
            length += step.live
            over = step.terminated | step.truncated
            assert not (over & ~step.live).any()
            assert length[over].tolist() == np.array(LENGTHS)[over].tolist()
            length[over] = 0
        envs.close()


def test_an_environment_that_is_no_vector():
    message = "autoreset_mode None; valid, of a vector environment: .*NEXT_STEP"
    with pytest.raises(UserError, match=message):
        next(rollout(fake()[0], gym.make("Pendulum-v1")))
