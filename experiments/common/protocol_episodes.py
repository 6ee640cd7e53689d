"""Play, score and time the episodes of a task by its evaluation protocol."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.progress_bar import step_bar
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.latency import plan_latency
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import NUM_ENVS, BatchAgent, run_episodes
from dfplan.evaluation.time_limit import time_limit
from dfplan.representation.layout import Layout
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS, begin_episode, wrap_env
from dfplan.tasks.registry import Task
from experiments.common.records import measure_once
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained

LATENCY = range(2000, 2100)
"""Seeds of the episodes whose first plans are timed."""
METRICS = ("success_rate", "first_reach")
"""Metrics that are stored for every episode."""


def evaluate(study: TaskStudy, evaluate_run: Callable[..., dict[str, Any]]) -> None:
    """Evaluate every run of a study; measured ones are skipped.

    Args:
        study: The study.
        evaluate_run: Function of a trained run, its task and the episode seeds that returns the
            contents of the result file.
    """
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        measure_once(
            study.result(name, seed),
            trained.request(task, study.evaluation),
            functools.partial(evaluate_run, trained, task, study.evaluation),
        )


def play(
    agent: Agent, task: Task, seeds: range, num_envs: int = NUM_ENVS, batch: int | None = None
) -> Episodes:
    """Play one episode per seed by the task's protocol; see `play_episodes`."""
    return play_episodes(agent, agent.layout, task, seeds, num_envs=num_envs, batch=batch)


def play_episodes(
    agent: BatchAgent,
    layout: Layout,
    task: Task,
    seeds: range,
    *,
    num_envs: int = NUM_ENVS,
    batch: int | None = None,
    wrap: Callable[[Any], Any] = lambda env: env,
) -> Episodes:
    """Play one episode per seed by the task's protocol.

    Args:
        agent: Agent that acts in all episodes.
        layout: Observation layout.
        task: The task.
        seeds: Episode seeds.
        num_envs: Largest number of environments at once.
        batch: Number of the batch of episodes to play; None for all. See `run_episodes`.
        wrap: Function that wraps each environment, such as in perturbations.
    """
    max_steps = time_limit(make_env(task.env, task.env_kwargs))
    with step_bar(f"{task.name}, {len(seeds)} episodes", len(seeds) * max_steps) as advance:
        return run_episodes(
            agent,
            lambda: wrap(make_env(task.env, task.env_kwargs)),
            np.asarray(seeds),
            state=layout.state,
            goal=layout.goal,
            goal_dims=layout.goal_dims,
            protocol=PROTOCOLS.make(task.protocol),
            num_envs=num_envs,
            batch=batch,
            progress=lambda over, steps: advance(over * max_steps + steps),
        )


def score(episodes: Episodes, task: Task) -> dict[str, Any]:
    """Return the scores of each start and goal pair of a task, of all, and of each episode."""
    values = measure(episodes, task.score)
    return {
        "episodes": len(episodes.seeds),
        "tasks": score_tasks(values, PROTOCOLS.make(task.protocol)),
        "per_episode": {name: np.asarray(values[name]).tolist() for name in METRICS},
    }


def starts(agent: Agent, task: Task, seeds: range) -> tuple[list[Any], np.ndarray]:
    """Return the first observations and the goals `[E, G]` of episodes, with pairs in turn."""
    protocol = PROTOCOLS.make(task.protocol)
    env = wrap_env(protocol, make_env(task.env, task.env_kwargs))
    observations = []
    goals = []
    for call, seed in enumerate(seeds):
        observation, info = begin_episode(protocol, env, seed, 1 + call % protocol.task_count)
        observations.append(observation)
        goal = agent.layout.state(protocol.goal_observation(info))
        goals.append(goal[..., list(agent.layout.goal_dims)])
    env.close()
    return observations, np.array(goals)


def time_plans(study: TaskStudy) -> None:
    """Time the plans of every run for one robot; the machine must be idle otherwise."""
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        measure_once(
            study.result(name, seed, "latency"),
            trained.request(task, LATENCY),
            functools.partial(_time_run, trained, task),
        )


def _time_run(trained: Trained, task: Task) -> dict[str, Any]:
    """Return the planning times of the first plan of each episode, the longest one."""
    agent = trained.agent()
    observations, goals = starts(agent, task, LATENCY)
    return {"plan_ms": plan_latency(agent, observations, len(LATENCY), goals=goals)}
