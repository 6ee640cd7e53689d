"""Train an ant to walk in any direction: python -m experiments.walker.train.

OGBench (arXiv 2410.20092, appendix) collects its ant datasets with a policy that SAC has trained
for 400,000 steps on `online-ant-xy`: the observation ends with a direction that changes every 100
steps, and the reward is the distance covered in it. SBX, Stable-Baselines3's algorithms in JAX,
does the same here, with a smaller network and batch than OGBench's.
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

OUT = Path(__file__).parents[2] / "envs/dfplan_envs/ogbench/walker.npz"
RESULT = Path(__file__).parent / "result.json"
RESAMPLE_INTERVAL = 100
"""Control steps between directions, as in OGBench."""
WIDTHS = (256, 256)
SETTINGS = {
    "learning_rate": 3e-4,
    "batch_size": 256,
    "learning_starts": 10_000,
    "ent_coef": "auto_0.1",
    "policy_kwargs": {"net_arch": list(WIDTHS)},
}
EVALUATION_EPISODES = 20
EVALUATION_SEED = 10_000


def make_env() -> gym.Env:
    """Make the ant that is rewarded for walking in the direction at the end of its observation."""
    import ogbench.online_locomotion  # noqa: F401
    from ogbench.online_locomotion.wrappers import GymXYWrapper

    return GymXYWrapper(gym.make("online-ant-v0"), resample_interval=RESAMPLE_INTERVAL)


def train(steps: int, seed: int, evaluate_every: int) -> Iterator[tuple[Layers, dict[str, float]]]:
    """Train by SAC; yield the policy and its evaluation after every `evaluate_every` steps."""
    from sbx import SAC

    np.random.seed(seed)  # noqa: NPY002  The environment draws directions from it.
    model: Any = SAC("MlpPolicy", make_env(), seed=seed, **SETTINGS)
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
    """Return means over episodes of the policy without noise.

    An episode of 1,000 steps ends early if the torso is lower than 0.2 m or higher than 1 m.
    """
    env = make_env()
    np.random.seed(EVALUATION_SEED)  # noqa: NPY002
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + EVALUATION_EPISODES)
    outcomes = np.array([_play(env, layers, seed) for seed in seeds])
    mean_return, mean_length = outcomes.mean(axis=0).tolist()
    return {"mean_return": mean_return, "mean_length": mean_length}


def _play(env: gym.Env, layers: Layers, seed: int) -> tuple[float, int]:
    """Return an episode's return, in meters, and its length."""
    observation, _ = env.reset(seed=seed)
    total = 0.0
    length = 0
    ended = False
    while not ended:
        action = walk(layers, observation[None, :-2], observation[None, -2:])[0]
        observation, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        length += 1
        ended = terminated or truncated
    return total, length


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
    parser.add_argument("--steps", type=int, default=400_000)
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
