"""Train a peer on an exported dataset and play episodes, in the peers' virtual environment.

    python experiments/locomotion/peers/run.py iql hopper.npz Hopper-v5 --out iql.json

The file imports nothing of this repository. Settings are those of the papers, as d3rlpy's examples
have them: https://github.com/takuseno/d3rlpy/tree/master/reproductions/offline
"""

# d3rlpy is not installed with dfplan; see requirements.txt.
# pyright: reportMissingImports=false

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

STEPS = 500_000
"""Optimizer steps of the papers."""
CURVE_POINTS = 6
"""Largest number of evaluations during training, at equal distances; the last is at the end."""
CURVE_EPISODES = 5
"""Episodes of each evaluation during training."""

Policy = Callable[[np.ndarray, float], np.ndarray]
"""From an observation and the reward of the last control step to an action."""


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


def make_decision_transformer() -> Any:
    """Return Decision Transformer (Chen et al. 2021, arXiv 2106.01345)."""
    import d3rlpy

    return d3rlpy.algos.DecisionTransformerConfig(
        batch_size=64,
        learning_rate=1e-4,
        optim_factory=d3rlpy.optimizers.AdamWFactory(weight_decay=1e-4, clip_grad_norm=0.25),
        encoder_factory=d3rlpy.models.VectorEncoderFactory([128], exclude_last_activation=True),
        observation_scaler=d3rlpy.preprocessing.StandardObservationScaler(),
        reward_scaler=d3rlpy.preprocessing.MultiplyRewardScaler(0.001),
        position_encoding_type=d3rlpy.PositionEncodingType.GLOBAL,
        context_size=20,
    )


PEERS: dict[str, Callable[[], Any]] = {
    "bc": make_bc,
    "td3+bc": make_td3_bc,
    "iql": make_iql,
    "dt": make_decision_transformer,
}


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


class BatchedSampling:
    """A dataset of d3rlpy that draws a batch at once, from the same transitions.

    d3rlpy draws a batch one transition after the other in Python, which takes as long as an
    optimizer step on one core. The algorithms here do not use returns to go, which batches of this
    class lack.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        from d3rlpy.dataset import TransitionMiniBatch

        pick = dataset.transition_picker
        everything = [pick(*dataset.buffer[i]) for i in range(dataset.transition_count)]
        batch = TransitionMiniBatch.from_transitions(everything)
        names = [field.name for field in dataclasses.fields(batch) if field.name != "transitions"]
        self._columns = {name: getattr(batch, name) for name in names}
        self._dataset = dataset
        self._rng = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def sample_transition_batch(self, batch_size: int) -> Any:
        """Return transitions drawn uniformly with replacement, as d3rlpy does."""
        from d3rlpy.dataset import TransitionMiniBatch

        index = self._rng.integers(self._dataset.transition_count, size=batch_size)
        columns = {name: values[index] for name, values in self._columns.items()}
        return TransitionMiniBatch(**columns, transitions=[])


def make_policy(algorithm: Any, target_return: float) -> Policy:
    """Return the policy of an algorithm for one episode.

    Args:
        algorithm: Trained algorithm.
        target_return: Return that Decision Transformer is asked for; others ignore it.
    """
    if is_sequence_model(algorithm):
        return algorithm.as_stateful_wrapper(target_return).predict
    return lambda observation, reward: algorithm.predict(observation[None])[0]


def is_sequence_model(algorithm: Any) -> bool:
    """Return whether an algorithm acts on the whole episode so far, as Decision Transformer."""
    return hasattr(algorithm, "as_stateful_wrapper")


def play(algorithm: Any, args: argparse.Namespace, episodes: int) -> list[float]:
    """Return the return of each episode; episode i has the first one's seed + i."""
    env = gym.make(args.env)
    returns = []
    for i in range(episodes):
        policy = make_policy(algorithm, args.target_return)
        observation, _ = env.reset(seed=args.episode_seed + i)
        reward = 0.0
        total = 0.0
        ended = False
        while not ended:
            action = policy(observation.astype(np.float32), reward)
            observation, step_reward, terminated, truncated, _ = env.step(np.clip(action, -1, 1))
            reward = float(step_reward)
            total += reward
            ended = terminated or truncated
        returns.append(total)
    env.close()
    return returns


def train(algorithm: Any, args: argparse.Namespace) -> tuple[list[dict[str, float]], float]:
    """Train an algorithm.

    Returns:
        Its mean return during training, and the seconds of training without these evaluations.
    """
    import d3rlpy

    curve: list[dict[str, float]] = []
    begin = time.perf_counter()
    evaluating = 0.0
    # d3rlpy trains whole epochs only and leaves out the steps of a fraction.
    epochs = next(n for n in range(CURVE_POINTS, 0, -1) if args.steps % n == 0)
    epoch_steps = args.steps // epochs

    def evaluate(algorithm: Any, epoch: int, step: int) -> None:
        del epoch
        nonlocal evaluating
        if step % epoch_steps:
            return
        started = time.perf_counter()
        returns = play(algorithm, args, CURVE_EPISODES)
        seconds = started - begin - evaluating
        curve.append({"step": step, "seconds": seconds, "mean_return": float(np.mean(returns))})
        evaluating += time.perf_counter() - started

    data = load(args.data)
    algorithm.fit(
        data if is_sequence_model(algorithm) else BatchedSampling(data, args.seed),
        n_steps=args.steps,
        n_steps_per_epoch=epoch_steps,
        logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
        show_progress=False,
        callback=evaluate,
    )
    return curve, time.perf_counter() - begin - evaluating


def actor_arrays(algorithm: Any, observations: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights of an algorithm's policy, a network with two hidden layers.

    The action is the hyperbolic tangent of its output. Observations have "mean" subtracted and are
    divided by "std" first.

    Args:
        algorithm: Trained algorithm.
        observations: `[N, S]` observations on which the weights are checked.

    Raises:
        ValueError: If the weights do not give the algorithm's actions.
    """
    modules = algorithm.impl.modules
    policy = getattr(modules, "policy", None) or modules.imitator
    parameters = {name: value.numpy() for name, value in policy.state_dict().items()}
    scaler = algorithm.observation_scaler
    size = observations.shape[1]
    arrays = {
        "mean": np.zeros(size) if scaler is None else np.asarray(scaler.mean),
        "std": np.ones(size) if scaler is None else np.asarray(scaler.std) + scaler.eps,
    }
    head = "_mu" if "_mu.weight" in parameters else "_fc"
    for i, layer in enumerate(("_encoder._layers.0", "_encoder._layers.2", head)):
        arrays[f"{i}/kernel"] = parameters[f"{layer}.weight"].T
        arrays[f"{i}/bias"] = parameters[f"{layer}.bias"]
    if not np.allclose(act(arrays, observations), algorithm.predict(observations), atol=1e-4):
        raise ValueError("the weights do not give the algorithm's actions")
    return arrays


def act(arrays: dict[str, np.ndarray], observations: np.ndarray) -> np.ndarray:
    """Return the actions of the policy with the weights of `actor_arrays`, `[N, A]`."""
    hidden = (observations - arrays["mean"]) / arrays["std"]
    for i in range(2):
        hidden = np.maximum(hidden @ arrays[f"{i}/kernel"] + arrays[f"{i}/bias"], 0)
    return np.tanh(hidden @ arrays["2/kernel"] + arrays["2/bias"])


def main() -> None:
    """Train and play; write the returns, and the weights of a policy that is one network."""
    import d3rlpy

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("data", type=Path, help="file of experiments.locomotion.export")
    parser.add_argument("env", help="Gymnasium id")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps")
    parser.add_argument("--seed", type=int, default=0, help="training seed")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--episode-seed", type=int, default=1000)
    parser.add_argument(
        "--target-return", type=float, default=0.0, help="return that Decision Transformer seeks"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    d3rlpy.seed(args.seed)
    algorithm = PEERS[args.peer]().create(device="cpu:0")
    curve, seconds = train(algorithm, args)
    returns = play(algorithm, args, args.episodes)
    record = {
        "peer": args.peer,
        "data": args.data.name,
        "steps": args.steps,
        "seed": args.seed,
        "episode_seed": args.episode_seed,
        "train_seconds": seconds,
        "curve": curve,
        "returns": returns,
        "mean_return": float(np.mean(returns)),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1) + "\n")
    if not is_sequence_model(algorithm):
        write_actor(algorithm, args)
    print(json.dumps({k: v for k, v in record.items() if k != "returns"}))


def write_actor(algorithm: Any, args: argparse.Namespace) -> None:
    """Write the weights of an algorithm's policy next to its returns."""
    with np.load(args.data) as file:
        observations = file["observations"][:100].astype(np.float32)
    weights: dict[str, Any] = {**actor_arrays(algorithm, observations)}
    np.savez(args.out.with_suffix(".npz"), **weights)


if __name__ == "__main__":
    main()
