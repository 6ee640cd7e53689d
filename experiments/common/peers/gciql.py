"""GCIQL, goal-conditioned implicit Q-learning, as OGBench runs it, in compact form.

Kostrikov et al. 2022 (arXiv 2110.06169) with goals: a value V(s, g) is regressed to an expectile of
action values Q(s, a, g), and these to the reward and the next value. The policy maximizes the
action value and stays close to the data (DDPG+BC, Fujimoto & Gu 2021). There is no planning.
"""

import dataclasses

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
    negative_log_likelihood,
)

SMALL = 1e-6
"""Keeps the scale of the policy's loss finite where all action values are zero."""


@dataclasses.dataclass(frozen=True)
class GCIQL:
    """The algorithm; the defaults are OGBench's for its manipulation suite.

    Attributes:
        settings: Settings that all algorithms have.
        expectile: Expectile of the value's regression.
        cloning: Weight of behavior cloning, alpha in OGBench.
        averaged: Name of the networks that have a target network.
    """

    settings: Settings = Settings()
    expectile: float = 0.9
    cloning: float = 1.0
    averaged: str = dataclasses.field(default="critic", init=False)

    def init(self, key: Array, state_dim: int, action_dim: int) -> Networks:
        """Return untrained networks."""
        keys = jax.random.split(key, 4)
        sizes = self.settings.sizes
        critic_sizes = sizes(2 * state_dim + action_dim, 1)
        return {
            "policy": init_layers(keys[0], sizes(2 * state_dim, action_dim)),
            "value": init_layers(keys[1], sizes(2 * state_dim, 1)),
            "critic": [init_layers(k, critic_sizes) for k in keys[2:]],
        }

    def loss(self, networks: Networks, target: Networks, batch: Batch) -> Array:
        """Return the sum of the losses of value, critic and policy.

        Each control step before the goal costs 1.
        """
        frozen = jax.lax.stop_gradient(networks)
        goal = batch.value_goal
        best = _values(target["critic"], batch.state, goal, batch.action).min(axis=0)
        error = best - mlp(networks["value"], batch.state, goal, norm=True)[:, 0]
        value_loss = jnp.mean(expectile_weight(error, self.expectile) * error**2)

        not_reached = 1.0 - batch.is_reached
        following = mlp(frozen["value"], batch.next_state, goal, norm=True)[:, 0]
        backup = -not_reached + self.settings.discount * not_reached * following
        predicted = _values(networks["critic"], batch.state, goal, batch.action)
        critic_loss = jnp.mean(jnp.sum((backup - predicted) ** 2, axis=0))

        mean = self.act(networks, batch.state, batch.policy_goal)
        action = jnp.clip(mean, -1.0, 1.0)
        q = _values(frozen["critic"], batch.state, batch.policy_goal, action).min(axis=0)
        scale = jax.lax.stop_gradient(jnp.abs(q).mean()) + SMALL
        cloning_loss = jnp.mean(negative_log_likelihood(mean, batch.action))
        policy_loss = -jnp.mean(q) / scale + self.cloning * cloning_loss
        return value_loss + critic_loss + policy_loss

    def act(self, networks: Networks, state: Array, goal: Array) -> Array:
        """Return the mean action."""
        return mlp(networks["policy"], state, goal, norm=False)


def _values(critic: list[Layers], state: Array, goal: Array, action: Array) -> Array:
    """Return the action values `[2, B]` of both networks."""
    return jnp.stack([mlp(layers, state, goal, action, norm=True)[:, 0] for layers in critic])
