"""Model: the networks of a task, and the meaning of their inputs and outputs."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from jaxtyping import Float

from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.parametrize import to_x0
from dfplan.diffusion.schedules import Schedule
from dfplan.nets.config import NetConfig
from dfplan.nets.inverse import InverseDynamics
from dfplan.nets.network import Network
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, PyTree

INVERSE_WIDTH = 128


@dataclasses.dataclass(frozen=True)
class Model:
    """Static description of a task's networks; parameters are passed in.

    Hashable, so that it can be a static argument of `jax.jit`.

    Attributes:
        layout: Token layout.
        net: Kind and size of the denoiser.
        diffusion: Noise schedule and parametrization.
    """

    layout: TokenLayout
    net: NetConfig
    diffusion: DiffusionConfig

    def _make_denoiser(self, rngs: nnx.Rngs) -> Network:
        return self.net.make_network(self.layout.features, self.layout.has_goal, rngs=rngs)

    def _make_inverse(self, rngs: nnx.Rngs) -> InverseDynamics:
        return InverseDynamics(
            state_dim=self.layout.state_dim,
            action_dim=self.layout.action_dim,
            stride=self.layout.stride,
            width=INVERSE_WIDTH,
            plan_dims=self.layout.plan_dims,
            rngs=rngs,
        )

    @functools.cached_property
    def _graphs(self) -> dict[str, nnx.GraphDef]:
        makers = {"denoiser": self._make_denoiser, "inverse": self._make_inverse}
        return {name: _graph(make) for name, make in makers.items()}

    def init(self, seed: int) -> PyTree:
        """Return freshly initialized parameters, `{"denoiser": ..., "inverse": ...}`."""
        rngs = nnx.Rngs(seed)
        networks = {"denoiser": self._make_denoiser(rngs), "inverse": self._make_inverse(rngs)}
        return {name: nnx.state(network, nnx.Param) for name, network in networks.items()}

    def denoiser(self, params: PyTree) -> Network:
        """Return the denoiser with these parameters."""
        return nnx.merge(self._graphs["denoiser"], params["denoiser"])

    def inverse(self, params: PyTree) -> InverseDynamics:
        """Return the inverse dynamics with these parameters."""
        return nnx.merge(self._graphs["inverse"], params["inverse"])

    @functools.cached_property
    def schedule(self) -> Schedule:
        """Noise schedule."""
        return self.diffusion.make_schedule()

    def x0(
        self, x: Float[Array, "B T D"], output: Float[Array, "B T D"], level: Float[Array, "B T"]
    ) -> Float[Array, "B T D"]:
        """Return the clean estimate from the network's output for `x` at `level`."""
        alpha, sigma = self.schedule.alpha_sigma(level)
        return to_x0(
            self.diffusion.parametrization,
            x,
            output,
            alpha=alpha[..., None],
            sigma=sigma[..., None],
        )


def _graph(make: Callable[[nnx.Rngs], Any]) -> nnx.GraphDef:
    return nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))[0]


def plain_params(params: PyTree) -> PyTree:
    """Return parameters as nested dicts of arrays, which a model's networks take as well.

    A call of a compiled program flattens its arguments, dicts several times faster than Flax's
    states.
    """
    return jax.tree.map(
        lambda node: nnx.to_pure_dict(node) if isinstance(node, nnx.State) else node,
        params,
        is_leaf=lambda node: isinstance(node, nnx.State),
    )


def parameter_count(params: PyTree) -> int:
    """Return the number of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
