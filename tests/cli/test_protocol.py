"""`dfplan eval --protocol ogbench`: an environment that returns its goals on reset."""

import json

import gymnasium
import numpy as np

from dfplan.agent import Agent

from .conftest import TINY

SOURCE = """
import gymnasium
import numpy as np

class Walk(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)

    def __init__(self):
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, options=None, *args, **kwargs):
        super().reset(*args, **kwargs)
        task = (options or {}).get("task_id", 1)
        self.at = np.random.normal(size=2)
        self.time = 0
        self.goal = self.at + [task, 0.0] + 0.1 * np.random.normal(size=2)
        return self.observe(), {"goal": np.append(self.goal, 0.0)}

    def observe(self):
        return np.append(self.at, self.time / 10)

    def step(self, action):
        self.at = self.at + np.clip(action, -1, 1)
        self.time += 1
        distance = np.linalg.norm(self.at - self.goal)
        return self.observe(), -distance, distance < 1, False, {"success": float(distance < 1)}

gymnasium.register("OwnWalk-v0", Walk, max_episode_steps=10)
"""
SMALLER = ["--net.layers", 1, "--data.tokens", 4, "--planner.candidates", 1]


def play_by_hand(agent, seed, task):
    """Play one episode; return its return and success."""
    env = gymnasium.make("OwnWalk-v0")
    env.unwrapped.action_space.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    observation, info = env.reset(seed=seed, options={"task_id": task})
    goal = info["goal"][:2]
    agent.reset(seed=[seed])
    total = 0.0
    done = False
    while not done:
        observation, reward, terminated, truncated, info = env.step(
            agent.act(observation, goal=goal)
        )
        total += reward
        done = terminated or truncated
    return total, info["success"]


def test_the_result_equals_that_of_episodes_played_by_hand(dfplan, place):
    (place / "own_walk_1.py").write_text(SOURCE)
    names = ["--env", "own_walk_1:OwnWalk-v0", "--dataset", "my/walk-v1"]
    assert dfplan("collect", *names, "--steps", 400).code == 0
    assert dfplan("train", *names, "--out", "run", "--goal-dims", 0, 1, *TINY, *SMALLER).code == 0
    evaluate = ["eval", "run", "--protocol", "ogbench", "--seed", 60, "--episodes"]
    failed = dfplan(*evaluate, 4)
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    assert "4" in failed.err and "multiple of 5" in failed.err
    done = dfplan(*evaluate, 10, "--num-envs", 4, "--json", "e.json")
    assert done.code == 0 and "note: observations" not in done.out
    result = json.loads((place / "e.json").read_text())
    agent = Agent.load("run")
    episodes = [play_by_hand(agent, 60 + i, i // 2 + 1) for i in range(10)]
    returns, success = (np.array(values) for values in zip(*episodes, strict=True))
    np.testing.assert_allclose(result["metrics"]["raw_return"]["mean"], returns.mean(), rtol=1e-4)
    means = [score["success_rate"]["mean"] for score in result["tasks"].values()]
    assert list(result["tasks"]) == [*(f"task{k}" for k in range(1, 6)), "overall"]
    assert means == [*success.reshape(5, 2).mean(axis=1), success.mean()]
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines() if " " in line)
    assert lines["task"].split() == ["success_rate", "success_steps"]
    assert lines["task1"].startswith(f"{means[0]:.2f}")
    assert lines["overall"].startswith(f"{success.mean():.2f}")
