"""Agents that see the values observed last instead of missing ones."""

import numpy as np

from experiments.common.hold_last import HoldLast

NAN = np.nan


class Recorder:
    """An agent that records its observations."""

    def __init__(self):
        self.observations = []
        self.goals = []

    def reset(self, mask=None, *, seed=None):
        pass

    def act(self, observation, goal=None, *, episode_over=None):
        self.observations.append(observation)
        self.goals.append(goal)
        return observation[:, :1]


def test_missing_numbers_keep_the_last_observed_value():
    recorder = Recorder()
    agent = HoldLast(recorder)
    agent.reset(seed=[0, 1])
    for observation in ([[1, 2], [3, 4]], [[NAN, 5], [NAN, NAN]], [[NAN, NAN], [6, NAN]]):
        agent.act(np.array(observation, float))
    assert np.stack(recorder.observations).tolist() == [
        [[1, 2], [3, 4]],
        [[1, 5], [3, 4]],
        [[1, 5], [6, 4]],
    ]


def test_new_episodes_do_not_see_the_values_of_earlier_ones():
    recorder = Recorder()
    agent = HoldLast(recorder)
    agent.act(np.array([[1.0]]))
    agent.reset(seed=[1])
    agent.act(np.array([[NAN]]))
    assert np.isnan(recorder.observations[-1]).all()


def test_goals_are_passed_on():
    recorder = Recorder()
    HoldLast(recorder).act(np.array([[1.0]]), np.array([[2.0]]))
    assert recorder.goals == [[[2.0]]]
