"""Train HIQL on OGBench's mazes and evaluate it: python -m experiments.ogbench.peers.run TASK."""

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.cli.common import console
from dfplan.cli.progress_bar import step_bar
from dfplan.data.minari_io import Trajectories, load_trajectories
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import run_episodes
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.records import measure_once
from experiments.ogbench.peers.goals import GoalShares, load_data
from experiments.ogbench.peers.hiql import HIQL, HIQLAgent, State, init, train_until
from experiments.ogbench.study import HERE, STUDY

RESULTS = HERE / "results/hiql"
CHUNK = 2000
"""Optimizer steps between reports of progress."""
STITCH_SHARES = GoalShares(policy_future=0.5)
"""OGBench's shares for data of short pieces."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train and evaluate HIQL on each task; measured ones are skipped."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ogbench.peers.run")
    parser.add_argument(
        "tasks",
        nargs="+",
        metavar="TASK",
        choices=STUDY.names,
        help="such as antmaze-large-navigate",
    )
    parser.add_argument("--seed", type=int, default=0, help="training seed")
    parser.add_argument("--steps", type=int, default=HIQL.steps, help="optimizer steps")
    parser.add_argument("--episodes", type=int, default=len(STUDY.evaluation))
    parser.add_argument("--first-seed", type=int, default=STUDY.evaluation.start)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    args = parser.parse_args(argv)
    enable_compilation_cache()
    seeds = range(args.first_seed, args.first_seed + args.episodes)
    for name in args.tasks:
        shares = GoalShares() if name.endswith("navigate") else STITCH_SHARES
        config = HIQL(steps=args.steps, shares=shares)
        _measure(name, config, seed=args.seed, seeds=seeds, out=args.out)
    return 0


def _measure(name: str, config: HIQL, *, seed: int, seeds: range, out: Path) -> None:
    data = load_trajectories(STUDY.task(name).dataset)
    request = {
        "task": name,
        "data": data.fingerprint,
        "settings": dataclasses.asdict(config) | {"shares": config.shares._asdict()},
        "training_seed": seed,
        "seeds": [seeds.start, seeds.stop],
    }
    path = out / f"{name}-{seed}.json"
    measure_once(path, request, functools.partial(learn_and_play, name, data, config, seed, seeds))


def learn_and_play(
    name: str, data: Trajectories, config: HIQL, seed: int, seeds: range
) -> dict[str, Any]:
    """Return the scores of HIQL on a task after training."""
    mean = data.state.mean(axis=0)
    std = data.state.std(axis=0)
    begin = time.process_time()
    state = _learn(data, mean, std, config, seed)
    cpu_seconds = time.process_time() - begin
    agent = HIQLAgent(state.networks, mean, std)
    task = STUDY.task(name)
    episodes = run_episodes(
        agent,
        lambda: make_env(task.env, task.env_kwargs),
        np.asarray(seeds),
        state=data.layout.state,
        goal=data.layout.goal,
        goal_dims=tuple(range(data.state.shape[1])),
        protocol=PROTOCOLS.make(task.protocol),
    )
    scores = score_tasks(measure(episodes, task.score), PROTOCOLS.make(task.protocol))
    console.print(f"{name}: {scores['overall']}")
    return {"episodes": len(seeds), "tasks": scores, "training_cpu_seconds": cpu_seconds}


def _learn(data: Trajectories, mean: np.ndarray, std: np.ndarray, config: HIQL, seed: int) -> State:
    arrays = load_data(data, mean, std)
    key = jax.random.key(seed)
    state = init(jax.random.fold_in(key, 0), config, data.state.shape[1], data.action.shape[1])
    with step_bar("HIQL", config.steps) as advance:
        for first in range(0, config.steps, CHUNK):
            stop = min(first + CHUNK, config.steps)
            batch_key = jax.random.fold_in(key, 1)
            state = train_until(state, arrays, config, key=batch_key, stop=jnp.int32(stop))
            jax.block_until_ready(state.step)
            advance(stop)
    return state


if __name__ == "__main__":
    sys.exit(main())
