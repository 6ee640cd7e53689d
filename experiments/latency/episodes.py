"""Episodes of the trained mazes under other planner settings, and what settings change of them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.data.make_env import make_env
from dfplan.evaluate import interval, measure, run_episodes
from dfplan.find import find_run
from dfplan.planner.worker import Worker
from dfplan.run import load_weights

SEED = 35_000
MAZES = ("umaze", "medium", "large")
TIMED = 20
"""Episodes of which each `act` is timed, one environment at a time."""


def make_agent(
    maze: str, settings: dict[str, Any], worker: Worker | None = None, run: Path | str = ""
) -> Agent:
    """The trained planner of a maze, or a run, with other settings."""
    found = find_run(run or f"pointmaze-{maze}")
    changed = found.run.with_planner(settings)
    return Agent.of(changed, load_weights(changed, found.directory), worker=worker)


def maker(maze: str) -> Callable[[], Any]:
    """Makes the maze's environment."""
    task = find_run(f"pointmaze-{maze}").run.task
    return lambda: make_env(task.env, task.env_kwargs)


def play(agent: Agent, maze: str, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each episode, whether it reached its goal and after how many steps."""
    layout = agent.layout
    played = run_episodes(agent, maker(maze), seeds, state=layout.state, goal=layout.goal)
    found = measure(played)
    assert found["reach_rate"] is not None and found["first_reach"] is not None
    return found["reach_rate"], found["first_reach"]


def beside(reach: np.ndarray, base: np.ndarray) -> str:
    """First reaches beside those of the same episodes in per cent, with a 95 % interval."""
    found = interval(100 * (reach - base) / base.mean())
    assert found is not None
    return f"{found['mean']:+.1f} ({found['ci_low']:+.1f} to {found['ci_high']:+.1f})"


def act_times(agent: Agent, maze: str, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds that a CPU spends on each `act` of single episodes up to their goal.

    On one idle core that is the time that passes; what neighbours take is left out of it.

    Also the steps since the plan that was followed began: 0 where it was made in that very `act`,
    -1 at an episode's first.
    """
    env, times, age = maker(maze)(), [], []
    for seed in seeds:
        observation, _ = env.reset(seed=int(seed))
        agent.reset(seed=int(seed))
        over, first = False, True
        while not over:
            begin = time.process_time()
            action = agent.act(observation)
            times.append(1000 * (time.process_time() - begin))
            age.append(-1 if first else int(agent.elapsed[0]) - 1)
            observation, _, terminated, truncated, info = env.step(action)
            over, first = terminated or truncated or info["success"], False
    env.close()
    return np.array(times), np.array(age)


def replan_times(agent: Agent, maze: str, seeds: np.ndarray) -> np.ndarray:
    """Median and 99th percentile of the `act`s that plan again, after a first pass to compile."""
    act_times(agent, maze, seeds[:1])
    times, age = act_times(agent, maze, seeds[:TIMED])
    return np.percentile(times[age == 0], [50, 99])
