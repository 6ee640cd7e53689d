"""Train on eight virtual devices and print what happened as JSON; run by `test_sharding.py`."""

import importlib.util
import json
import re

import jax
import numpy as np

from dfplan.config import Config
from dfplan.data.stream import Scale, WindowStream
from dfplan.data.training_arrays import fit_normalizers, make_training_arrays
from dfplan.data.trajectories import from_episodes
from dfplan.model import Model
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.training.sharding import MIN_SHARDED_BYTES, describe, make_mesh, replicate
from dfplan.training.step import TrainSpec, init_state, train_until
from dfplan.training.streamed import streamed
from experiments.scale.collectives import collectives
from tests.on_disk import on_disk

STEPS = 6
BATCH = 56
"""A size that no other dimension of the program has, neither as it is nor over 8 devices."""


def make_config(optimizer: str) -> Config:
    return Config().override(
        {
            "data.tokens": 6,
            "data.stride": 2,
            "net.width": 64,
            "net.layers": 1,
            "net.heads": 2,
            "training.steps": 20,
            "training.batch_size": BATCH,
            "training.optimizer.name": optimizer,
            "training.optimizer.warmup": 2,
        }
    )


def make_data():
    rng = np.random.default_rng(0)
    states = np.cumsum(rng.normal(size=(12, 40, 3)), axis=1).astype(np.float32)
    actions = rng.normal(size=(12, 40, 2)).astype(np.float32)
    return from_episodes(list(states), list(actions), Layout(3, 2, goal_dims=(0, 1)), "walk-v0")


def make_spec(config: Config):
    data = make_data()
    arrays = make_training_arrays(data, config.data, *fit_normalizers(data))
    model = Model(TokenLayout.create(data.layout, config.data), config.net, config.diffusion)
    return TrainSpec(model, config.data, config.training), arrays


def train(spec: TrainSpec, arrays) -> dict:
    """Return losses, collectives and placements of a short training."""
    arrays = replicate(spec.mesh, arrays)
    state = init_state(spec)
    placed = jax.tree.map(lambda leaf: leaf.sharding, state)
    steps = train_until.lower(spec, arrays, state, np.int32(STEPS)).compile()
    losses = []
    for stop in range(1, STEPS + 1):
        state, metrics = steps(arrays, state, np.int32(stop))
        losses.append([float(metrics[name]) for name in ("loss", "inverse_loss", "grad_norm")])
    same = jax.tree.map(lambda leaf, sharding: leaf.sharding == sharding, state, placed)
    leaves = jax.tree.leaves(state.params)
    program = steps.as_text()
    return {
        "losses": losses,
        "collectives": [operation._asdict() for operation in collectives(program)],
        "whole_batch": len(re.findall(rf"\[{BATCH}[,\]]", program)),
        "placed_as_before": all(jax.tree.leaves(same)),
        "parameters": [leaf.shape for leaf in leaves],
        "sharded": [leaf.shape for leaf in leaves if not leaf.sharding.is_fully_replicated],
        "shares": [
            leaf.addressable_shards[0].data.size / leaf.size
            for leaf in jax.tree.leaves(state)
            if leaf.nbytes >= MIN_SHARDED_BYTES
        ],
        "text": "" if spec.mesh is None else describe(spec.mesh, state, BATCH),
    }


def train_streamed(spec: TrainSpec) -> dict:
    """Return the losses of a short training whose windows are read while it runs."""
    data = make_data()
    stream = WindowStream(
        on_disk(data),
        spec.model.layout,
        config=spec.data,
        scale=Scale(*fit_normalizers(data)),
        batch=BATCH,
        seed=spec.training.seed,
    )
    state = init_state(spec)
    losses = []
    with streamed(spec, stream, 0, STEPS) as advance:
        for stop in range(1, STEPS + 1):
            state, metrics = advance(state, stop)
            losses.append([float(metrics[name]) for name in ("loss", "inverse_loss", "grad_norm")])
    return {"losses": losses}


def main() -> None:
    results = {}
    if importlib.util.find_spec("grain"):
        spec, _ = make_spec(make_config("adamw"))
        results["adamw, streamed"] = train_streamed(spec._replace(mesh=make_mesh(2, BATCH)))
    for optimizer, sizes in (("adamw", (1, 8)), ("muon", (2,))):
        spec, arrays = make_spec(make_config(optimizer))
        results[f"{optimizer} on one device"] = train(spec, arrays)
        for fsdp in sizes:
            mesh = make_mesh(fsdp, BATCH)
            results[f"{optimizer}, fsdp {fsdp}"] = train(spec._replace(mesh=mesh), arrays)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
