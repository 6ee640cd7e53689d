"""Collection of D4RL-style locomotion data (Fu et al. 2020, arXiv 2004.07219).

The policies are those of one training per robot, see `dfplan_envs.locomotion.actor`; all of them
act with their own noise, as in D4RL:

- random: uniformly random actions.
- medium: a policy with about a third of the expert's return.
- medium-replay: what the training had collected up to the medium policy. The replay buffer itself
  is too large to ship, so its collection is repeated: random actions first, and then the policies
  of the training in order, each for as many steps as lay between it and the next. With another
  number of steps than in training, all parts are scaled.
- medium-expert: one half medium, one half expert.
- expert: the policy at the end of the training.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from dfplan_envs.locomotion.actor import Snapshot, load_snapshots
from dfplan_envs.locomotion.simulate import Stage, simulate
from dfplan_envs.locomotion.tasks import ENVS, SCORES

ROBOTS = {ENVS[robot]: robot for robot in SCORES}
"""Robots with shipped policies, by the Gymnasium id of their environment."""

Runs = list[list[Stage]]
"""Stages of each run of the simulation, one run after another."""


def make_runs(kind: str, snapshots: Sequence[Snapshot], steps: int) -> Runs:
    """Return what is simulated for a dataset; the stages have `steps` control steps in all.

    Args:
        kind: "random", "medium", "medium-replay", "medium-expert" or "expert".
        snapshots: Snapshots of a training; the last is the expert, and the one before it medium.
        steps: Control steps of the dataset.
    """
    *replay, medium, expert = snapshots
    if kind == "random":
        return [[Stage(None, steps)]]
    if kind == "medium":
        return [[Stage(medium.actor, steps)]]
    if kind == "expert":
        return [[Stage(expert.actor, steps)]]
    if kind == "medium-expert":
        half = steps // 2
        return [[Stage(medium.actor, steps - half)], [Stage(expert.actor, half)]]
    assert kind == "medium-replay"
    begins = np.array([0, *(snapshot.steps for snapshot in replay), medium.steps])
    ends = np.rint(begins * steps / medium.steps).astype(int)
    actors = [None, *(snapshot.actor for snapshot in replay)]
    return [[Stage(actor, int(n)) for actor, n in zip(actors, np.diff(ends), strict=True)]]


def collect(
    env_id: str,
    kind: str,
    *,
    steps: int,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Collect a dataset; the same seed gives the same data.

    Args:
        env_id: Gymnasium id, a key of `ROBOTS`.
        kind: See the module.
        steps: Total number of control steps, at least 1.
        seed: Seed for all random draws.
        env_kwargs: Arguments of `gymnasium.make`.
        progress: Callback that receives the number of steps simulated so far.

    Returns:
        Arguments of `minari.create_dataset_from_buffers`. The episodes are an iterator, simulated
        as it advances.

    Raises:
        ValueError: If `steps` is not positive, or `env_id` is not one of these environments.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if env_id not in ROBOTS:
        raise ValueError(f"no policies for {env_id}; valid: {', '.join(ROBOTS)}")
    kwargs = env_kwargs or {}
    runs = make_runs(kind, load_snapshots(ROBOTS[env_id]), steps)
    seeds = np.random.SeedSequence(seed).spawn(len(runs))
    firsts = itertools.accumulate((sum(s.steps for s in run) for run in runs), initial=0)

    def report(first: int) -> Callable[[int], None]:
        return lambda done: progress(first + done) if progress is not None else None

    episodes = (
        episode
        for run, run_seed, first in zip(runs, seeds, firsts, strict=False)
        for episode in simulate(
            env_id, run, seed=run_seed, env_kwargs=kwargs, progress=report(first)
        )
    )
    env = gym.make(env_id, **kwargs)
    return {
        "buffer": episodes,
        "env": env,
        "eval_env": env,
        "algorithm_name": f"TQC, {kind}, seed {seed}",
        "author": "dfplan",
        "description": f"D4RL's procedure for {kind} data (arXiv 2004.07219), on {env_id}.",
        "requirements": ["dfplan-envs"],
    }


def collect_random(env_id: str, **options: Any) -> dict[str, Any]:
    """Collect "random" data; see `collect`."""
    return collect(env_id, "random", **options)


def collect_medium(env_id: str, **options: Any) -> dict[str, Any]:
    """Collect "medium" data; see `collect`."""
    return collect(env_id, "medium", **options)


def collect_medium_replay(env_id: str, **options: Any) -> dict[str, Any]:
    """Collect "medium-replay" data; see `collect`."""
    return collect(env_id, "medium-replay", **options)


def collect_medium_expert(env_id: str, **options: Any) -> dict[str, Any]:
    """Collect "medium-expert" data; see `collect`."""
    return collect(env_id, "medium-expert", **options)


def collect_expert(env_id: str, **options: Any) -> dict[str, Any]:
    """Collect "expert" data; see `collect`."""
    return collect(env_id, "expert", **options)
