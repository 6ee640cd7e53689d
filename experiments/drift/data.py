"""Data of the expert policies: tokens of a state and the action that led to it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dfplan.cli.common import console
from dfplan.data.store.listing import local_ids
from dfplan_envs.locomotion.collect import collect_expert
from experiments.common.commands import run_command
from experiments.drift.physics import Physics
from experiments.drift.study import (
    HELD_OUT_STEPS,
    STEPS,
    Study,
    dataset,
    env_id,
)


def prepare(study: Study) -> None:
    """Collect training data, and held-out data with another seed."""
    for robot in study.robots:
        _collect(dataset(robot, 0), robot, 0, STEPS)
        _collect(study.held_out(robot), robot, study.held_out_seed, HELD_OUT_STEPS)


def _collect(target: str, robot: str, seed: int, steps: int) -> None:
    """Collect a dataset, unless it exists."""
    if target in local_ids():
        console.print(f"{target}: already collected")
        return
    physics = Physics(env_id(robot))
    actions = []
    tokens = []
    for episode in collect_expert(env_id(robot), steps=steps, seed=seed)["buffer"]:
        actions.append(episode.actions)
        tokens.append(join_actions(physics.replay(episode.seed, actions[-1]), actions[-1]))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.npz"
        np.savez(
            path,
            observations=np.concatenate(tokens),
            actions=np.concatenate(actions),
            episode_lengths=[len(each) for each in actions],
        )
        run_command(["import", "numpy", str(path), "--dataset", target])


def join_actions(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Return tokens `[L+1, S+A]`: each state and the action before it; zero before the first.

    Args:
        states: `[L+1, S]` states of an episode.
        actions: `[L, A]` actions between them.
    """
    before = np.concatenate([np.zeros_like(actions[:1]), actions])
    return np.concatenate([states, before], axis=1)
