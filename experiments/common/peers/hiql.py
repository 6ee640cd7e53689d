"""HIQL (Park et al. 2023, arXiv 2307.11949) as OGBench runs it, in compact form.

A value V(s, φ(s, g)) is learned by expectile regression; φ is a representation of goals. A
high-level policy predicts the representation of a subgoal some steps ahead, and a low-level policy
the action toward it; both are advantage-weighted regressions. There is no planning.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from dfplan.types import Array
from experiments.common.peers.goals import Batch
from experiments.common.peers.learner import Settings
from experiments.common.peers.networks import (
    Layers,
    Networks,
    expectile_weight,
    init_layers,
    mlp,
)

MAX_WEIGHT = 100.0
"""Limit of the weight of an action or subgoal."""


@dataclasses.dataclass(frozen=True)
class HIQL:
    """The algorithm; the defaults are OGBench's.

    Attributes:
        settings: Settings that all algorithms have.
        expectile: Expectile of the value's regression.
        temperature: Inverse temperature of both policies' weights.
        representation: Dimensions of a goal's representation.
        averaged: Name of the networks that have a target network.
    """

    settings: Settings = Settings()
    expectile: float = 0.7
    temperature: float = 3.0
    representation: int = 10
    averaged: str = dataclasses.field(default="value", init=False)

    def init(self, key: Array, state_dim: int, action_dim: int) -> Networks:
        """Return untrained networks."""
        keys = jax.random.split(key, 5)
        sizes = self.settings.sizes
        features = state_dim + self.representation
        return {
            "goal": init_layers(keys[2], sizes(2 * state_dim, self.representation)),
            "value": [init_layers(keys[k], sizes(features, 1)) for k in range(2)],
            "low": init_layers(keys[3], sizes(features, action_dim)),
            "high": init_layers(keys[4], sizes(2 * state_dim, self.representation)),
        }

    def loss(self, networks: Networks, target: Networks, batch: Batch) -> Array:
        """Return the sum of the losses of value, low-level and high-level policy."""
        frozen = jax.lax.stop_gradient(networks)
        value = functools.partial(_values, frozen, frozen["value"])
        low_target = represent(frozen, batch.state, batch.low_goal)
        low_gain = value(batch.next_state, batch.low_goal) - value(batch.state, batch.low_goal)
        low_action = mlp(networks["low"], batch.state, low_target, norm=False)
        low_error = jnp.sum((low_action - batch.action) ** 2, -1)
        goal = batch.policy_goal
        high_gain = value(batch.subgoal, goal) - value(batch.state, goal)
        subgoal = represent(frozen, batch.state, batch.subgoal)
        predicted = mlp(networks["high"], batch.state, goal, norm=False)
        high_error = jnp.sum((predicted - subgoal) ** 2, -1)
        policies = self._weight(low_gain) * low_error + self._weight(high_gain) * high_error
        return self._value_loss(networks, frozen, target, batch) + 0.5 * jnp.mean(policies)

    def _weight(self, gain: Array) -> Array:
        return jnp.minimum(jnp.exp(self.temperature * gain.mean(0)), MAX_WEIGHT)

    def _value_loss(
        self, networks: Networks, frozen: Networks, target: Networks, batch: Batch
    ) -> Array:
        """Return the expectile loss of the value; each step before the goal costs 1."""
        discount = self.settings.discount
        not_reached = 1.0 - batch.is_reached
        after = _values(frozen, target["value"], batch.next_state, batch.value_goal)
        before = _values(frozen, target["value"], batch.state, batch.value_goal)
        backup = -not_reached + discount * not_reached * after
        worst = -not_reached + discount * not_reached * after.min(0)
        weight = expectile_weight(worst - before.mean(0), self.expectile)
        predicted = _values(networks, networks["value"], batch.state, batch.value_goal)
        return jnp.mean(weight * jnp.sum((backup - predicted) ** 2, 0))

    def act(self, networks: Networks, state: Array, goal: Array) -> Array:
        """Return the mean action toward the mean subgoal."""
        subgoal = _to_length(mlp(networks["high"], state, goal, norm=False))
        return mlp(networks["low"], state, subgoal, norm=False)


def represent(networks: Networks, state: Array, goal: Array) -> Array:
    """Return representations `[B, R]` of goals as seen from states."""
    return _to_length(mlp(networks["goal"], state, goal, norm=True))


def _to_length(x: Array) -> Array:
    """Return vectors of length √d, as representations of goals are."""
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True) * jnp.sqrt(x.shape[-1])


def _values(networks: Networks, value: list[Layers], state: Array, goal: Array) -> Array:
    """Return the values `[2, B]` of both networks."""
    target = represent(networks, state, goal)
    return jnp.stack([mlp(layers, state, target, norm=True)[:, 0] for layers in value])
