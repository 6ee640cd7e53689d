"""Data of the expert policies: tokens of a state and the action that led to it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from minari.data_collector import EpisodeBuffer

from dfplan.cli.common import console
from dfplan.data.store.listing import local_ids
from dfplan_envs.locomotion.actor import LOG_STD_BOUNDS, Actor, load_snapshots
from dfplan_envs.locomotion.simulate import Stage, simulate
from experiments.common.commands import run_command
from experiments.drift.physics import Physics
from experiments.drift.study import QUIET, STEPS, Study, dataset, env_id, robot


def prepare(study: Study) -> None:
    """Collect training data and held-out data, whose episodes are others."""
    for source in study.sources:
        _collect(source, seed=0, steps=STEPS["training"])
        _collect(source, seed=study.held_out_seed, steps=STEPS["held out"])


def _collect(source: str, seed: int, steps: int) -> None:
    """Collect a dataset, unless it exists."""
    target = dataset(source, seed)
    if target in local_ids():
        console.print(f"{target}: already collected")
        return
    physics = Physics(env_id(source))
    episodes = _simulate(source, seed, steps)
    tokens = [
        join_actions(physics.replay(episode.seed, episode.actions), episode.actions)
        for episode in episodes
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.npz"
        np.savez(
            path,
            observations=np.concatenate(tokens),
            actions=np.concatenate([episode.actions for episode in episodes]),
            episode_lengths=[len(episode.actions) for episode in episodes],
        )
        run_command(["import", "numpy", str(path), "--dataset", target])


def _simulate(source: str, seed: int, steps: int) -> list[EpisodeBuffer]:
    """Return the episodes of the robot's expert."""
    actor = load_snapshots(robot(source))[-1].actor
    if source.endswith(QUIET):
        actor = silence(actor)
    episodes = simulate(
        env_id(source),
        [Stage(actor, steps)],
        seed=np.random.SeedSequence(seed).spawn(1)[0],
        env_kwargs={},
        progress=lambda done: None,
    )
    return list(episodes)


def silence(actor: Actor) -> Actor:
    """Return an actor that takes the mean actions of another one."""
    kernel, bias = actor.log_std
    return actor._replace(log_std=(np.zeros_like(kernel), np.full_like(bias, LOG_STD_BOUNDS[0])))


def join_actions(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Return tokens `[L+1, S+A]`: each state and the action before it; zero before the first.

    Args:
        states: `[L+1, S]` states of an episode.
        actions: `[L, A]` actions between them.
    """
    before = np.concatenate([np.zeros_like(actions[:1]), actions])
    return np.concatenate([states, before], axis=1)
