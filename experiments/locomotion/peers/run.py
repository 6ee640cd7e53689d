"""Train a peer on an exported dataset and play episodes, in the peers' virtual environment.

    python experiments/locomotion/peers/run.py iql hopper.npz Hopper-v5 --out iql.json

The file imports nothing of this repository. Settings are those of the papers, as d3rlpy's examples
have them: https://github.com/takuseno/d3rlpy/tree/master/reproductions/offline
"""

# d3rlpy is not installed with dfplan; see requirements.txt.
# pyright: reportMissingImports=false

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

STEPS = 500_000
"""Optimizer steps of the papers."""


def make_bc() -> Any:
    """Return behavior cloning with d3rlpy's defaults and IQL's network."""
    import d3rlpy

    return d3rlpy.algos.BCConfig(batch_size=256, learning_rate=3e-4)


def make_td3_bc() -> Any:
    """Return TD3+BC (Fujimoto and Gu 2021, arXiv 2106.06860)."""
    import d3rlpy

    return d3rlpy.algos.TD3PlusBCConfig(
        actor_learning_rate=3e-4,
        critic_learning_rate=3e-4,
        batch_size=256,
        target_smoothing_sigma=0.2,
        target_smoothing_clip=0.5,
        alpha=2.5,
        update_actor_interval=2,
        observation_scaler=d3rlpy.preprocessing.StandardObservationScaler(),
    )


def make_iql() -> Any:
    """Return IQL (Kostrikov et al. 2021, arXiv 2110.06169); its rewards are scaled below."""
    import d3rlpy

    return d3rlpy.algos.IQLConfig(
        actor_learning_rate=3e-4,
        critic_learning_rate=3e-4,
        batch_size=256,
        weight_temp=3.0,
        max_weight=100.0,
        expectile=0.7,
        reward_scaler=d3rlpy.preprocessing.ReturnBasedRewardScaler(multiplier=1000.0),
    )


PEERS: dict[str, Callable[[], Any]] = {"bc": make_bc, "td3+bc": make_td3_bc, "iql": make_iql}


def load(path: Path) -> Any:
    """Return the dataset of a file of `experiments.locomotion.export`."""
    import d3rlpy

    with np.load(path) as file:
        return d3rlpy.dataset.MDPDataset(
            observations=file["observations"],
            actions=file["actions"],
            rewards=file["rewards"],
            terminals=file["terminals"].astype(np.float32),
            timeouts=file["timeouts"].astype(np.float32),
        )


def play(algorithm: Any, env_id: str, episodes: int, seed: int) -> list[float]:
    """Return the return of each episode; episode i has `seed` + i, as in `dfplan eval`."""
    env = gym.make(env_id)
    returns = []
    for i in range(episodes):
        observation, _ = env.reset(seed=seed + i)
        total = 0.0
        ended = False
        while not ended:
            action = algorithm.predict(observation[None].astype(np.float32))[0]
            observation, reward, terminated, truncated, _ = env.step(np.clip(action, -1, 1))
            total += float(reward)
            ended = terminated or truncated
        returns.append(total)
    env.close()
    return returns


def main() -> None:
    """Train and play; write the returns."""
    import d3rlpy

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("data", type=Path, help="file of experiments.locomotion.export")
    parser.add_argument("env", help="Gymnasium id")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps")
    parser.add_argument("--seed", type=int, default=0, help="training seed")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--episode-seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    d3rlpy.seed(args.seed)
    algorithm = PEERS[args.peer]().create(device="cpu:0")
    begin = time.perf_counter()
    algorithm.fit(
        load(args.data),
        n_steps=args.steps,
        n_steps_per_epoch=args.steps,
        logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
        show_progress=False,
    )
    seconds = time.perf_counter() - begin
    returns = play(algorithm, args.env, args.episodes, args.episode_seed)
    record = {
        "peer": args.peer,
        "data": args.data.name,
        "steps": args.steps,
        "seed": args.seed,
        "episode_seed": args.episode_seed,
        "train_seconds": seconds,
        "returns": returns,
        "mean_return": float(np.mean(returns)),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({k: v for k, v in record.items() if k != "returns"}))


if __name__ == "__main__":
    main()
