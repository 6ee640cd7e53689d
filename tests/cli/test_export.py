"""`dfplan export`: an exported planner makes the same plans as the run's agent."""

import json

import gymnasium
import numpy as np

from dfplan.agent import Agent
from dfplan.export import load


def test_an_exported_planner_plans_like_the_agent(dfplan, run, place):
    done = dfplan("export", run, "--out", "exported", "--platforms", "cpu", "--json", "e.json")
    assert (done.code, done.err) == (0, "")
    size = sum(path.stat().st_size for path in (place / "exported").iterdir())
    assert json.loads((place / "e.json").read_text()) == {"directory": "exported", "bytes": size}
    env = gymnasium.make("dfplan/PointMaze_UMaze_D4RL-v0")
    observation, _ = env.reset(seed=7000)
    env.close()
    agent = Agent.load(run)
    agent.act(observation)
    plan = load("exported").plan(observation)
    np.testing.assert_allclose(plan.states, agent.plan.states, atol=1e-5)
