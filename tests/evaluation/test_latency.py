"""Latency of an agent that sleeps for a known time."""

import time

import numpy as np

from dfplan.evaluation.latency import plan_latency
from dfplan.report.result import format_latency


def test_latency_is_that_of_a_call_that_plans():
    class Sleeper:
        plans = 0
        observations = []

        def reset(self, mask=None, *, seed=None):
            assert mask is None
            self.must_plan = True

        def act(self, observation):
            # The first call compiles; without a reset a call would not plan.
            if self.must_plan:
                time.sleep(0.01 if self.plans else 1.0)
            self.plans += self.must_plan
            self.must_plan = False
            self.observations.append(observation)

    agent = Sleeper()
    latency = plan_latency(agent, ["a", "b", "c"], calls=6)
    assert agent.plans == 7 and agent.observations == ["a", "b", "c", "a", "b", "c", "a"]
    assert 10 <= latency["p50"] <= latency["p99"] < 500


def test_the_first_action_comes_before_the_whole_plan():
    class Early:
        def reset(self, mask=None, *, seed=None):
            pass

        def act(self, observation, goal):
            time.sleep(0.005)

        def finish_plans(self):
            time.sleep(0.05)

    agent = Early()
    goals = np.zeros((1, 2))
    plain = plan_latency(agent, ["a"], calls=2, goals=goals)
    assert list(plain) == ["p50", "p99"]
    latency = plan_latency(agent, ["a"], calls=2, goals=goals, finish_plans=agent.finish_plans)
    assert latency["p50"] >= latency["first_p50"] + 50 and latency["first_p50"] >= 5
    assert "first action: median" in format_latency(latency)
    assert "first" not in format_latency(plain)
