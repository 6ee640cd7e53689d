"""Evaluate trained runs by OGBench's protocol, and time their plans."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.progress_bar import step_bar
from dfplan.config import flatten
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.latency import plan_latency
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import run_episodes
from dfplan.evaluation.time_limit import time_limit
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS, begin_episode, wrap_env
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.ogbench.ant_pose import upward
from experiments.ogbench.study import Study, maze_task

LATENCY_CALLS = 100
LATENCY_SEED = 2000
"""Seed of the episodes whose first plans are timed."""
PLANNER = "planner."
"""Prefix of the settings that a trained run can change."""
METRICS = ("success_rate", "first_reach")
POINT_DIM = 2
"""Length of the point's state."""


def evaluate(study: Study) -> None:
    """Evaluate every run of the study; measured ones are skipped."""
    for name, seed, task, trained in _trained_runs(study):
        measure_once(
            study.result(name, seed),
            trained.request(task, study.evaluation),
            functools.partial(evaluate_run, trained, task, seeds=study.evaluation),
        )


def _trained_runs(study: Study) -> Iterator[tuple[str, int, Task, Trained]]:
    """Yield the task's name, the training seed, the task and the trained run, for all runs."""
    for name, seed in itertools.product(study.names, study.seeds):
        task = maze_task(name)
        yield name, seed, task, load(study, task, name, seed)


def load(study: Study, task: Task, name: str, seed: int) -> Trained:
    """Return a trained run with the planner settings of the task's current preset.

    Raises:
        UserError: If it was trained with other settings than those of the preset.
    """
    planner = {k.removeprefix(PLANNER): v for k, v in task.preset.items() if k.startswith(PLANNER)}
    trained = Trained.load(study.run(name, seed), planner)
    check_settings(trained, task.preset)
    return trained


def check_settings(trained: Trained, expected: Mapping[str, Any]) -> None:
    """Check that a run was trained with the settings that its training command has now.

    Args:
        trained: Trained run.
        expected: Settings of the command; planner settings are not compared.

    Raises:
        UserError: If a setting differs.
    """
    settings = flatten(trained.run.config.to_dict())
    for name, value in flatten(trained.run.config.override(expected).to_dict()).items():
        if settings[name] != value and not name.startswith(PLANNER):
            raise UserError(
                f"{trained.directory} was trained with {name} {settings[name]}, which is {value} "
                "now; move the directory away to train it again"
            )


def evaluate_run(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    """Return the scores of a trained run, per task of the maze and overall.

    For the ant, also whether it lay on its back at the end of each episode.
    """
    episodes = play_episodes(trained.agent(), task, seeds)
    values = measure(episodes, task.score)
    per_episode = {name: np.asarray(values[name]).tolist() for name in METRICS}
    if episodes.states.shape[2] > POINT_DIM:
        last_state = episodes.states[np.arange(len(seeds)), episodes.length]
        per_episode["overturned"] = (upward(last_state) < 0).tolist()
    return {
        "episodes": len(seeds),
        "tasks": score_tasks(values, PROTOCOLS.make(task.protocol)),
        "per_episode": per_episode,
    }


def play_episodes(agent: Agent, task: Task, seeds: range) -> Episodes:
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
            progress=lambda over, steps: advance(over * max_steps + steps),
        )


def time_plans(study: Study) -> None:
    """Time the plans of every run for one robot; the machine must be idle otherwise."""
    for name, seed, task, trained in _trained_runs(study):
        measure_once(
            study.latency(name, seed),
            trained.request(task, range(LATENCY_SEED, LATENCY_SEED + LATENCY_CALLS)),
            functools.partial(_time_run, trained, task),
        )


def _time_run(trained: Trained, task: Task) -> dict[str, Any]:
    """Return the planning times of the first plans of episodes, which are the longest plans."""
    protocol = PROTOCOLS.make(task.protocol)
    env = wrap_env(protocol, make_env(task.env, task.env_kwargs))
    agent = trained.agent()
    observations = []
    goals = []
    for call in range(LATENCY_CALLS):
        number = 1 + call % protocol.task_count
        observation, info = begin_episode(protocol, env, LATENCY_SEED + call, number)
        observations.append(observation)
        goal = protocol.goal_observation(info)
        goals.append(agent.layout.state(goal)[..., list(agent.layout.goal_dims)])
    env.close()
    return {"plan_ms": plan_latency(agent, observations, LATENCY_CALLS, goals=np.array(goals))}
