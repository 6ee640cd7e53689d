"""Evaluation of an agent: `evaluate` plays episodes and returns metrics with intervals.

The steps are in files of their own: `play` runs the episodes, `metrics` measures them, `bootstrap`
computes intervals and `latency` times planning. How episodes start and what counts as success is an
evaluation protocol, `dfplan.tasks.protocols`; other packages add protocols there.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import NUM_ENVS, run_episodes
from dfplan.evaluation.time_limit import time_limit
from dfplan.tasks.make_env import check_env_object, make_env
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol
from dfplan.types import Environment


def evaluate(
    agent: Agent,
    env: Environment,
    *,
    episodes: int = 50,
    seed: int = 1000,
    env_kwargs: dict[str, Any] | None = None,
    max_steps: int | None = None,
    score: Mapping[str, float] | None = None,
    protocol: str = "seeds",
    num_envs: int = NUM_ENVS,
) -> dict[str, Any]:
    """Play episodes with an agent and measure it as `dfplan eval` does.

    Args:
        agent: Agent to evaluate.
        env: Gymnasium id, function that makes an environment, or environment. The first two are
            played side by side, which takes far less time.
        episodes: Number of episodes.
        seed: Seed of the first episode; episode i has `seed` + i.
        env_kwargs: Arguments of `gymnasium.make` or of the function.
        max_steps: Maximum episode length; needed if the environment has no time limit.
        score: Returns "min" and "max" that correspond to normalized scores of 0 and 100.
        protocol: Evaluation protocol, a name in `dfplan.tasks.protocols.PROTOCOLS`.
        num_envs: Largest number of environments at once; results depend on it by rounding alone.

    Returns:
        `{"mean", "ci_low", "ci_high"}` of each metric, see `measure` and `interval`. A protocol
        with tasks adds "tasks", see `score_tasks`.

    Raises:
        UserError: If the environment cannot be made, has no time limit or does not fit the agent;
            the protocol is unknown, or cannot divide the episodes evenly among its tasks; or a
            reward is not a finite number.
    """
    rules: EvaluationProtocol = PROTOCOLS.make(protocol)
    played = run_episodes(
        agent,
        _env_source(env, env_kwargs, max_steps),
        np.arange(seed, seed + episodes),
        state=agent.layout.state,
        goal=agent.layout.goal,
        goal_dims=agent.layout.goal_dims,
        protocol=rules,
        num_envs=num_envs,
    )
    metrics = measure(played, score)
    result: dict[str, Any] = {name: interval(values) for name, values in metrics.items()}
    if rules.task_count:
        result["tasks"] = score_tasks(metrics, rules)
    return result


def _env_source(env: Environment, env_kwargs: dict[str, Any] | None, max_steps: int | None) -> Any:
    """Return a function that makes the environment, or the environment that was passed."""
    if not isinstance(env, str) and not callable(env):
        return _limited(env, max_steps)
    if isinstance(env, str):
        make = functools.partial(make_env, env, env_kwargs)
    else:
        make = functools.partial(env, **(env_kwargs or {}))
    return lambda: _limited(make(), max_steps)


def _limited(env: Any, max_steps: int | None) -> Any:
    """Return the environment with a time limit."""
    from gymnasium.wrappers import TimeLimit

    check_env_object(env)
    if max_steps is not None:
        return TimeLimit(env, max_steps)
    time_limit(env)
    return env
