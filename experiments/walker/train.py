"""Train an ant to walk in any direction: python -m experiments.walker.train.

OGBench (arXiv 2410.20092, appendix) collects its ant datasets with a policy that SAC has trained on
`online-ant-xy`: the observation ends with a direction, and the reward is the distance covered in
it. SBX, Stable-Baselines3's algorithms in JAX, does the same here, with a smaller network and
batch, and half of the episodes between the walls of a maze, where the policy is used.
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

from dfplan_envs.ogbench.walker import Layers, walk
from experiments.walker.practice import Practice

OUT = Path(__file__).parents[2] / "envs/dfplan_envs/ogbench/walker.npz"
RESULT = Path(__file__).parent / "result.json"
WIDTHS = (256, 256)
SETTINGS = {
    "learning_rate": 3e-4,
    "batch_size": 256,
    "learning_starts": 10_000,
    "ent_coef": "auto_0.1",
    "policy_kwargs": {"net_arch": list(WIDTHS)},
}
ENVS = 8
"""Ants that practice at once."""
UPDATES_PER_STEP = 0.5
EVALUATION_EPISODES = 100
EVALUATION_SEED = 10_000


def train(steps: int, seed: int, evaluate_every: int) -> Iterator[tuple[Layers, dict[str, float]]]:
    """Train by SAC; yield the policy and its evaluation after every `evaluate_every` steps."""
    from sbx import SAC
    from stable_baselines3.common.env_util import make_vec_env

    env = make_vec_env(Practice, n_envs=ENVS, seed=seed)
    updates = round(ENVS * UPDATES_PER_STEP)
    model: Any = SAC("MlpPolicy", env, seed=seed, gradient_steps=updates, **SETTINGS)
    while model.num_timesteps < steps:
        model.learn(min(evaluate_every, steps - model.num_timesteps), reset_num_timesteps=False)
        layers = actor_layers(model)
        yield layers, {"steps": model.num_timesteps, **evaluate(layers)}


def actor_layers(model: Any) -> Layers:
    """Return the layers of an SBX actor that compute the mean of its actions."""
    params = model.policy.actor_state.params["params"]
    dense = [params[f"Dense_{k}"] for k in range(len(WIDTHS) + 1)]
    return tuple((np.asarray(layer["kernel"]), np.asarray(layer["bias"])) for layer in dense)


def evaluate(layers: Layers) -> dict[str, float]:
    """Return means over episodes in the maze, with the noise of the collection of data."""
    env = Practice(in_maze=1.0)
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + EVALUATION_EPISODES)
    outcomes = np.array([_play(env, layers, seed) for seed in seeds])
    meters, length, is_overturned = outcomes.mean(axis=0).tolist()
    return {
        "meters_per_step": meters / length,
        "overturned_per_1000_steps": 1000 * is_overturned / length,
    }


def _play(env: gym.Env, layers: Layers, seed: int) -> tuple[float, int, bool]:
    """Return an episode's progress in meters, its length and whether the ant turned over."""
    observation, _ = env.reset(seed=seed)
    total = 0.0
    length = 0
    terminated = truncated = False
    while not (terminated or truncated):
        action = walk(layers, observation[None, :-2], observation[None, -2:])[0]
        observation, _, terminated, truncated, info = env.step(action)
        total += info["meters"]
        length += 1
    return total, length, terminated


def save(layers: Layers, path: Path) -> None:
    """Write a policy in the form that `dfplan_envs.ogbench.walker.load_walker` reads."""
    arrays: dict[str, np.ndarray] = {}
    for k, (kernel, bias) in enumerate(layers):
        arrays[f"kernel{k}"] = kernel
        arrays[f"bias{k}"] = bias
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]


def main(argv: Sequence[str] | None = None) -> None:
    """Train; write the policy and the evaluations so far after each evaluation."""
    parser = argparse.ArgumentParser(prog="python -m experiments.walker.train", description=__doc__)
    parser.add_argument("--steps", type=int, default=2_000_000)
    parser.add_argument("--evaluate-every", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT, help="file of the policy")
    parser.add_argument("--result", type=Path, default=RESULT, help="file of the evaluations")
    args = parser.parse_args(argv)
    evaluations = []
    for layers, evaluation in train(args.steps, args.seed, args.evaluate_every):
        evaluations.append(evaluation)
        print(json.dumps(evaluation), flush=True)
        save(layers, args.out)
        args.result.write_text(json.dumps(evaluations, indent=1) + "\n")


if __name__ == "__main__":
    main()
