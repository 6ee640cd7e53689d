"""One process of `experiments.scale.sharding`: measures its devices and prints JSON."""

import argparse
import json
import time
from typing import Any

import jax
import numpy as np

from dfplan.config import Config
from dfplan.evaluation.bench import random_training_arrays
from dfplan.model import Model, parameter_count
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.training.sharding import make_mesh, replicate
from dfplan.training.step import TrainSpec, init_state, train_until
from experiments.scale.collectives import by_kind, collectives

STATES = 4
ACTIONS = 2
GOAL_DIMS = (0, 1)


def main() -> None:
    """Measure the layout that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fsdp-devices", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    args = parser.parse_args()
    settings = {
        "net.width": args.width,
        "training.optimizer.name": "adamw",
        "training.fsdp_devices": args.fsdp_devices,
    }
    print(json.dumps(measure(Config().override(settings), args.steps)))


def measure(config: Config, steps: int) -> dict[str, Any]:
    """Return step time, losses, and what the compiled step sends and holds."""
    model = make_model(config)
    mesh = make_mesh(config.training.fsdp_devices, config.training.batch_size)
    spec = TrainSpec(model, config.data, config.training, mesh)
    arrays = replicate(mesh, random_training_arrays(model))
    state = init_state(spec)
    train = train_until.lower(spec, arrays, state, np.int32(1)).compile()
    state, first = train(arrays, state, np.int32(1))
    jax.block_until_ready(state)
    start_time = time.perf_counter()
    state, last = train(arrays, state, np.int32(1 + steps))
    jax.block_until_ready(state)
    seconds = time.perf_counter() - start_time
    leaves = jax.tree.leaves(state)
    return {
        "devices": jax.device_count(),
        "fsdp_devices": config.training.fsdp_devices,
        "parameters": parameter_count(state.params),
        "batch_size": config.training.batch_size,
        "ms_per_step": 1000 * seconds / steps,
        "losses": [float(first["loss"]), float(last["loss"])],
        "state_bytes": sum(leaf.nbytes for leaf in leaves),
        "state_bytes_per_device": sum(leaf.addressable_shards[0].data.nbytes for leaf in leaves),
        "collectives": by_kind(collectives(train.as_text() or "")),
    }


def make_model(config: Config) -> Model:
    """Return the networks of a planar robot with these settings."""
    tokens = TokenLayout.create(Layout(STATES, ACTIONS, goal_dims=GOAL_DIMS), config.data)
    return Model(tokens, config.net, config.diffusion)


if __name__ == "__main__":
    main()
