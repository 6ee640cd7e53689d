"""A tiny model with random parameters, and planners of it that tests share."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.diffusion.config import DiffusionConfig
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History, Weights
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout

STRIDE = 2
HORIZON = 5
HISTORY = 3
STEPS = 4
CANDIDATES = 2
BATCH = 2
LAYOUT = Layout(4, 2, goal_dims=(0, 1))
NET = NetConfig(width=16, layers=1, heads=2, mlp_ratio=2, fourier_octaves=2)
STATES = Normalizer(jnp.array([1.0, -1.0, 0.5, 0.0]), jnp.array([2.0, 1.0, 0.5, 3.0]))
ACTIONS = Normalizer(jnp.array([0.2, -0.1]), jnp.array([0.5, 2.0]))


def make_model(layers: int = NET.layers, **data) -> Model:
    config = DataConfig(**{"stride": STRIDE, "tokens": 8, **data})
    net = dataclasses.replace(NET, layers=layers)
    return Model(TokenLayout.create(LAYOUT, config), net, DiffusionConfig("cosine"))


@functools.cache
def make_weights(model: Model, seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)

    def draw(leaf):  # matrices that preserve the scale of their input; all else around 1
        x = rng.normal(size=leaf.shape)
        return jnp.asarray(x / leaf.shape[0] ** 0.5 if leaf.ndim == 2 else 1 + 0.3 * x, jnp.float32)

    shapes = jax.eval_shape(lambda: model.init(0))
    return Weights(jax.tree.map(draw, shapes), STATES, ACTIONS)


def make_planner(model: Model | None = None, **config) -> DiffusionPlanner:
    """Return a planner with three history tokens, by default of the model without actions."""
    defaults = {"history.tokens": HISTORY, "sampling.steps": STEPS, "candidates": CANDIDATES}
    return DiffusionPlanner(
        model or make_model(), planner_config(**{**defaults, **config}), HORIZON
    )


def planner_config(**settings) -> PlannerConfig:
    """Return planner settings from dotted names: `planner_config(**{"sampling.steps": 2})`."""
    return change_config(PlannerConfig(), settings)


def change_config(config: PlannerConfig, settings) -> PlannerConfig:
    """Change settings without the type checks of `dfplan.config.override`."""
    groups = {}
    for name, value in settings.items():
        group, _, field = name.rpartition(".")
        groups.setdefault(group, {})[field] = value
    changes = groups.pop("", {})
    for group, fields in groups.items():
        changes[group] = dataclasses.replace(getattr(config, group), **fields)
    return dataclasses.replace(config, **changes)


def make_keys(seed: int = 0, batch: int = BATCH) -> jax.Array:
    return jax.random.split(jax.random.key(seed), batch)


def make_history(model: Model, seed: int = 0) -> History:
    """Return random readings of two robots; one lacks its first token, one its last two."""
    rng = np.random.default_rng(seed)
    layout = model.layout

    def draw(norm, *shape):
        return norm.decode(rng.normal(size=(BATCH, HISTORY, *shape)).astype(np.float32))

    return History(
        frames=draw(STATES, layout.frame_count, layout.state_dim),
        actions=draw(ACTIONS, layout.stride, layout.action_dim),
        level=jnp.array([[1.0, 0.3, 0.0], [0.1, 1.0, 1.0]]),
    )


def row(tree, i: int):
    """Return robot `i` alone, as a batch of one."""
    return jax.tree.map(lambda a: a[i : i + 1], tree)


def changed(planner: DiffusionPlanner, **config) -> DiffusionPlanner:
    return dataclasses.replace(planner, config=change_config(planner.config, config))


GOAL = jnp.array([[2.0, 0.5], [-1.0, -2.0]])
