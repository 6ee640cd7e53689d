"""GCBC, goal-conditioned behavior cloning, as OGBench runs it."""

import dataclasses

import jax.numpy as jnp

from dfplan.types import Array
from experiments.common.peers.goals import Batch
from experiments.common.peers.learner import Settings
from experiments.common.peers.networks import (
    Networks,
    init_layers,
    mlp,
    negative_log_likelihood,
)


@dataclasses.dataclass(frozen=True)
class GCBC:
    """The algorithm.

    Attributes:
        settings: Settings that all algorithms have.
        averaged: Empty, as there is no target network.
    """

    settings: Settings = Settings()
    averaged: str = dataclasses.field(default="", init=False)

    def init(self, key: Array, state_dim: int, action_dim: int) -> Networks:
        """Return untrained networks."""
        return {"policy": init_layers(key, self.settings.sizes(2 * state_dim, action_dim))}

    def loss(self, networks: Networks, target: Networks, batch: Batch) -> Array:
        """Return the loss of a batch."""
        mean = self.act(networks, batch.state, batch.policy_goal)
        return jnp.mean(negative_log_likelihood(mean, batch.action))

    def act(self, networks: Networks, state: Array, goal: Array) -> Array:
        """Return the mean action."""
        return mlp(networks["policy"], state, goal, norm=False)
