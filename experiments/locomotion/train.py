"""Train the policies from which the datasets are collected.

    python -m experiments.locomotion.train hopper

SBX, Stable-Baselines3's algorithms in JAX, trains the robot by TQC (Kuznetsov et al. 2020, arXiv
2005.04269). The folder of the training holds the actor at every 10,000 steps with its mean return,
and the replay buffer in the order in which it was filled.
"""

# SBX is not installed with dfplan; see the README.
# pyright: reportMissingImports=false

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dfplan_envs.locomotion.actor import Actor, Snapshot, stack_snapshots
from dfplan_envs.locomotion.tasks import ENVS
from experiments.locomotion.measure import play

RUNS = Path("runs/locomotion/policies")
SNAPSHOT_STEPS = 10_000
BUFFER_STEPS = 100_000
"""Steps between two copies of the replay buffer, which replace each other."""
ACTOR_WIDTHS = (128, 128)
UPDATES = 25
SETTINGS: dict[str, Any] = {
    "learning_starts": SNAPSHOT_STEPS,
    "batch_size": 128,
    # As many updates as steps, many at a time, which saves overhead.
    "train_freq": UPDATES,
    "gradient_steps": UPDATES,
}
NETWORKS = {
    # With the batches above, less than a quarter of the usual cost, which is that of width 256, 25
    # quantiles and batches of 256.
    "net_arch": {"pi": list(ACTOR_WIDTHS), "qf": [128, 128]},
    "n_quantiles": 10,
}
DROPPED_QUANTILES = {"hopper": 2, "walker2d": 1, "halfcheetah": 0}
"""Number of top quantiles of each critic that targets leave out, in proportion to the TQC paper."""
LAYER_NORM = {"hopper": False, "walker2d": True, "halfcheetah": False}
"""Whether the critics have layer normalization."""
EPISODES = 10
EVALUATION_SEED = 10_000


def train(robot: str, steps: int, seed: int) -> Iterator[tuple[Snapshot, Any]]:
    """Train by TQC; yield the actor and the SBX model after every `SNAPSHOT_STEPS` steps."""
    from sbx import TQC

    model: Any = TQC(
        "MlpPolicy",
        gym.make(ENVS[robot]),
        seed=seed,
        buffer_size=steps,
        top_quantiles_to_drop_per_net=DROPPED_QUANTILES[robot],
        policy_kwargs={**NETWORKS, "layer_norm": LAYER_NORM[robot]},
        **SETTINGS,
    )
    while model.num_timesteps < steps:
        model.learn(SNAPSHOT_STEPS, reset_num_timesteps=False)
        actor = read_actor(model)
        returns, _ = play(ENVS[robot], actor, episodes=EPISODES, seed=EVALUATION_SEED)
        yield Snapshot(actor, model.num_timesteps, float(returns.mean())), model


def read_actor(model: Any) -> Actor:
    """Return the actor of an SBX model."""
    params = model.policy.actor_state.params["params"]
    layers = [params[f"Dense_{k}"] for k in range(len(ACTOR_WIDTHS) + 2)]
    arrays = [(np.asarray(layer["kernel"]), np.asarray(layer["bias"])) for layer in layers]
    return Actor(tuple(arrays[:-2]), mean=arrays[-2], log_std=arrays[-1])


def replay_buffer(model: Any) -> dict[str, np.ndarray]:
    """Return the transitions of an SBX model in the order of the training, in single precision."""
    buffer = model.replay_buffer
    size = buffer.size()
    names = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
    return {
        name: getattr(buffer, name)[:size].reshape(size, -1).astype(np.float32) for name in names
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Train; write the snapshots and the evaluations so far after each of them."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.locomotion.train", description=__doc__
    )
    parser.add_argument("robot", choices=ENVS)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RUNS, help="folder of the trainings")
    args = parser.parse_args(argv)
    folder = args.out / args.robot
    folder.mkdir(parents=True, exist_ok=True)
    evaluations = []
    for snapshot, model in train(args.robot, args.steps, args.seed):
        arrays: dict[str, Any] = stack_snapshots([snapshot])
        np.savez(folder / f"actor-{snapshot.steps:07d}.npz", **arrays)
        evaluations.append({"steps": snapshot.steps, "mean_return": snapshot.mean_return})
        print(json.dumps(evaluations[-1]), flush=True)
        (folder / "evaluations.json").write_text(json.dumps(evaluations, indent=1) + "\n")
        if snapshot.steps % BUFFER_STEPS == 0 or snapshot.steps >= args.steps:
            transitions: dict[str, Any] = replay_buffer(model)
            np.savez(folder / "buffer.npz", **transitions)


if __name__ == "__main__":
    main()
