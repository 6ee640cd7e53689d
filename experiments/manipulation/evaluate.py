"""Evaluate trained runs by OGBench's protocol, and time their plans."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.progress_bar import step_bar
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.latency import plan_latency
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import run_episodes
from dfplan.evaluation.time_limit import time_limit
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS, begin_episode, wrap_env
from dfplan.tasks.registry import Task
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.manipulation.study import Study, suite_task

LATENCY_CALLS = 100
LATENCY_SEED = 2000
"""Seed of the episodes whose first plans are timed."""
NUM_ENVS = 10
"""Environments at once; each takes seconds to make."""
METRICS = ("success_rate", "first_reach")


def trained_runs(study: Study) -> Iterator[tuple[str, int, Task, Trained]]:
    """Yield the task's name, the training seed, the task and the trained run, for all runs."""
    for name, seed in itertools.product(study.names, study.seeds):
        task = suite_task(name)
        prefix = "planner."
        preset = task.preset.items()
        planner = {k.removeprefix(prefix): v for k, v in preset if k.startswith(prefix)}
        yield name, seed, task, Trained.load(study.run(name, seed), planner)


def evaluate(study: Study) -> None:
    """Evaluate every run of the study; measured ones are skipped."""
    for name, seed, task, trained in trained_runs(study):
        measure_once(
            study.result(name, seed),
            trained.request(task, study.evaluation),
            functools.partial(_evaluate_run, trained, task, seeds=study.evaluation),
        )


def _evaluate_run(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    """Return the scores of a trained run, per task of the environment and overall."""
    episodes = play(trained.agent(), task, seeds)
    values = measure(episodes, task.score)
    return {
        "episodes": len(seeds),
        "tasks": score_tasks(values, PROTOCOLS.make(task.protocol)),
        "per_episode": {name: np.asarray(values[name]).tolist() for name in METRICS},
    }


def play(agent: Agent, task: Task, seeds: range) -> Episodes:
    """Play one episode per seed by the task's protocol."""
    max_steps = time_limit(make_env(task.env, task.env_kwargs))
    with step_bar(f"{task.name}, {len(seeds)} episodes", len(seeds) * max_steps) as advance:
        return run_episodes(
            agent,
            lambda: make_env(task.env, task.env_kwargs),
            np.asarray(seeds),
            state=agent.layout.state,
            goal=agent.layout.goal,
            goal_dims=agent.layout.goal_dims,
            protocol=PROTOCOLS.make(task.protocol),
            num_envs=NUM_ENVS,
            progress=lambda over, steps: advance(over * max_steps + steps),
        )


def starts(agent: Agent, task: Task, seeds: range) -> tuple[list[Any], np.ndarray]:
    """Return the first observations and the goals `[E, G]` of episodes, each of the next task."""
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


def time_plans(study: Study) -> None:
    """Time the plans of every run for one robot; the machine must be idle otherwise."""
    for name, seed, task, trained in trained_runs(study):
        measure_once(
            study.result(name, seed, "latency"),
            trained.request(task, range(LATENCY_SEED, LATENCY_SEED + LATENCY_CALLS)),
            functools.partial(_time_run, trained, task),
        )


def _time_run(trained: Trained, task: Task) -> dict[str, Any]:
    """Return the planning times of the first plans of episodes, which are the longest plans."""
    agent = trained.agent()
    seeds = range(LATENCY_SEED, LATENCY_SEED + LATENCY_CALLS)
    observations, goals = starts(agent, task, seeds)
    return {"plan_ms": plan_latency(agent, observations, LATENCY_CALLS, goals=goals)}
