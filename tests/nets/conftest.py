"""Small networks with random parameters, so that nothing is zero by initialization."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dfplan.nets.config import NetConfig
from dfplan.nets.network import Network
from dfplan.nets.transformer import causal_mask

FEATURES = 3


def random_like(shape, rng):
    """Return matrices that preserve the norm of their input, and other parameters around 1."""
    if len(shape) == 2:
        return rng.normal(size=shape) / shape[0] ** 0.5
    return 1 + 0.3 * rng.normal(size=shape)


def make_net(has_goal: bool = True, **config) -> Network:
    sizes = {"width": 24, "layers": 2, "heads": 2, "mlp_ratio": 2, "fourier_octaves": 2} | config
    graph, shapes = nnx.split(
        nnx.eval_shape(
            lambda: NetConfig(**sizes).make_network(FEATURES, has_goal, rngs=nnx.Rngs(0))
        )
    )
    rng = np.random.default_rng(0)
    return nnx.merge(
        graph, jax.tree.map(lambda s: jnp.asarray(random_like(s.shape, rng), s.dtype), shapes)
    )


@pytest.fixture(scope="session")
def net():
    return make_net()


@pytest.fixture(scope="session")
def full(net):
    """The compiled full pass, (x, level, position, mask) -> output; causal from 0 by default."""
    jitted = jax.jit(lambda x, level, position, mask: net(x, level, position=position, mask=mask))

    def run(x, level, position=None, mask=None):
        position = jnp.arange(x.shape[1]) if position is None else position
        mask = causal_mask(x.shape[1])[None] if mask is None else mask
        mask = jnp.broadcast_to(mask, (len(x), *mask.shape[1:]))
        return np.asarray(jitted(x, level, position, mask))

    return run


@pytest.fixture(scope="session")
def extend(net):
    return jax.jit(net.extend)


@pytest.fixture
def tokens():
    """Two sequences of eight noised tokens and their levels."""
    rng = np.random.default_rng(1)
    return (
        jnp.asarray(rng.normal(size=(2, 8, FEATURES)), jnp.float32),
        jnp.asarray(rng.uniform(size=(2, 8)), jnp.float32),
    )
