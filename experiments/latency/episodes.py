"""Episodes of the pretrained maze planners under other planner settings."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import load_weights
from dfplan.tasks.make_env import make_env

SEED = 35_000
TIMED = 20
"""Episodes in which each `act` is timed, one environment at a time."""
COLUMNS = ("reach rate", "first reach", "change, %", "replanning, CPU ms, p50", "p99")
"""What `measure_agents` measures."""


def make_agent(
    maze: str, settings: dict[str, Any], executor: Executor | None = None, run: Path | str = ""
) -> Agent:
    """Return the agent of a maze's pretrained planner, or of a run, with changed settings.

    Args:
        maze: Name of the maze.
        settings: Planner settings to change.
        executor: Runs the planning; None for the agent's default.
        run: Run to use instead of the pretrained planner.
    """
    resolved = resolve_run(run or f"pointmaze-{maze}")
    changed = resolved.run.with_planner(settings)
    return Agent.from_run(changed, load_weights(changed, resolved.directory), executor=executor)


def env_factory(maze: str) -> Callable[[], Any]:
    """Return a function that makes the maze's environment."""
    task = resolve_run(f"pointmaze-{maze}").run.task
    return lambda: make_env(task.env, task.env_kwargs)


def play(agent: Agent, maze: str, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each episode reached its goal, and after how many steps."""
    layout = agent.layout
    episodes = run_episodes(agent, env_factory(maze), seeds, state=layout.state, goal=layout.goal)
    metrics = measure(episodes)
    assert metrics["reach_rate"] is not None and metrics["first_reach"] is not None
    return metrics["reach_rate"], metrics["first_reach"]


def measure_agents(
    agents: Iterable[Agent], maze: str, seeds: np.ndarray
) -> Iterator[tuple[str, ...]]:
    """Yield the cells of `COLUMNS` of each agent; changes are relative to the first one."""
    baseline = None
    for agent in agents:
        rate, reach = play(agent, maze, seeds)
        p50, p99 = replan_times(agent, maze, seeds)
        change = "" if baseline is None else percent_change(reach, baseline)
        yield f"{rate.mean():.2f}", f"{reach.mean():.1f}", change, f"{p50:.1f}", f"{p99:.1f}"
        baseline = reach if baseline is None else baseline


def percent_change(reach: np.ndarray, baseline: np.ndarray) -> str:
    """Return the change of first reach on the same episodes in percent, with a 95 % interval."""
    change = interval(100 * (reach - baseline) / baseline.mean())
    assert change is not None
    return f"{change['mean']:+.1f} ({change['ci_low']:+.1f} to {change['ci_high']:+.1f})"


def act_times(agent: Agent, maze: str, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Time each `act` of single episodes up to their goal.

    Times are CPU milliseconds. On one idle core they equal the elapsed time; on a busy one they
    leave out what other processes take.

    Returns:
        The milliseconds of each `act`, and the age of its plan in control steps: 0 if the plan was
        made by that very `act`, -1 at the first step of an episode.
    """
    env = env_factory(maze)()
    times = []
    ages = []
    for seed in seeds:
        observation, _ = env.reset(seed=int(seed))
        agent.reset(seed=int(seed))
        episode_ended = False
        is_first = True
        while not episode_ended:
            begin = time.process_time()
            action = agent.act(observation)
            times.append(1000 * (time.process_time() - begin))
            ages.append(-1 if is_first else int(agent.elapsed[0]) - 1)
            observation, _, terminated, truncated, info = env.step(action)
            episode_ended = terminated or truncated or info["success"]
            is_first = False
    env.close()
    return np.array(times), np.array(ages)


def replan_times(agent: Agent, maze: str, seeds: np.ndarray) -> np.ndarray:
    """Return median and 99th percentile of the `act`s that replan, after a pass to compile."""
    act_times(agent, maze, seeds[:1])
    times, ages = act_times(agent, maze, seeds[:TIMED])
    return np.percentile(times[ages == 0], [50, 99])
