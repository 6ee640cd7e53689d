"""Latency of an agent that sleeps for a known time."""

import time

from dfplan.evaluation.latency import plan_latency


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
