"""Train on eight virtual devices and print what happened as JSON; run by `test_sharding.py`."""

import dataclasses
import json
import re

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.config import Config
from dfplan.data.minari_io import from_episodes
from dfplan.data.windows import fit_normalizers, make_training_arrays
from dfplan.model import Model
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.training.sharding import describe, make_mesh, replicate
from dfplan.training.step import TrainSpec, init_state, train_until

STEPS = 6
BATCH = 56
"""A size that no other dimension of the program has, neither as it is nor over 8 devices."""
COLLECTIVE = re.compile(
    r"= \(?(\w+)\[([\d,]*)\][^=]*? (all-gather|all-reduce|reduce-scatter|all-to-all|"
    r"collective-permute)(?:-start)?\("
)


def make_config(optimizer: str) -> Config:
    return Config().override(
        {
            "data.tokens": 6,
            "data.stride": 2,
            "net.width": 128,
            "net.layers": 1,
            "net.heads": 2,
            "training.steps": 20,
            "training.batch_size": BATCH,
            "training.optimizer.name": optimizer,
            "training.optimizer.warmup": 2,
        }
    )


def make_spec(config: Config):
    rng = np.random.default_rng(0)
    states = np.cumsum(rng.normal(size=(12, 40, 3)), axis=1).astype(np.float32)
    actions = rng.normal(size=(12, 40, 2)).astype(np.float32)
    data = from_episodes(list(states), list(actions), Layout(3, 2, goal_dims=(0, 1)), "walk-v0")
    arrays = make_training_arrays(data, config.data, *fit_normalizers(data))
    model = Model(TokenLayout.create(data.layout, config.data), config.net, config.diffusion)
    return TrainSpec(model, config.data, config.training), arrays


def train(spec: TrainSpec, arrays) -> dict:
    """Return losses, collectives and placements of a short training."""
    arrays = replicate(spec.mesh, arrays)
    state = init_state(spec)
    compiled = train_until.lower(spec, arrays, state, np.int32(STEPS)).compile()
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    losses = []
    for stop in range(1, STEPS + 1):
        state, metrics = train_until(spec, arrays, state, np.int32(stop))
        losses.append([float(metrics[name]) for name in ("loss", "inverse_loss", "grad_norm")])
    text = compiled.as_text()
    same = jax.tree.map(lambda leaf, sharding: leaf.sharding == sharding, state, shardings)
    return {
        "losses": losses,
        "collectives": [[kind, dtype, shape] for dtype, shape, kind in COLLECTIVE.findall(text)],
        "whole_batch": len(re.findall(rf"\[{BATCH}[,\]]", text)),
        "kept": all(jax.tree.leaves(same)),
        "sharded": [
            list(leaf.shape)
            for leaf in jax.tree.leaves(state.params)
            if not leaf.sharding.is_fully_replicated
        ],
        "largest_shard": [
            leaf.addressable_shards[0].data.size / leaf.size
            for leaf in jax.tree.leaves(state)
            if leaf.size >= 2**14
        ],
        "text": "" if spec.mesh is None else describe(spec.mesh, state, BATCH),
        "hlo": text,
    }


def main() -> None:
    results = {}
    for optimizer in ("adamw", "muon"):
        spec, arrays = make_spec(make_config(optimizer))
        results[f"{optimizer} single"] = train(spec, arrays)
        for fsdp in (1, 2, 8) if optimizer == "adamw" else (4,):
            mesh = make_mesh(fsdp, BATCH)
            results[f"{optimizer} {fsdp}"] = train(spec._replace(mesh=mesh), arrays)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
