"""Model: the networks of a task with what is needed to read their numbers."""

import dataclasses
import functools

import jax
from flax import nnx
from jaxtyping import Float

from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.parametrize import to_x0
from dfplan.nets.config import NetConfig
from dfplan.nets.inverse import InverseDynamics
from dfplan.nets.network import Network, make_network
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, PyTree

INVERSE_WIDTH = 128


@dataclasses.dataclass(frozen=True)
class Model:
    """Static description of a task's networks; parameters are passed in.

    Hashable, so it can be a static argument of `jax.jit`.

    Attributes:
        layout: what a token holds.
        net: kind and size of the denoiser.
        diffusion: schedule and parametrisation.
    """

    layout: TokenLayout
    net: NetConfig
    diffusion: DiffusionConfig

    def _denoiser(self, rngs: nnx.Rngs) -> nnx.Module:
        return make_network(self.net, self.layout.features, self.layout.has_goal, rngs=rngs)

    def _inverse(self, rngs: nnx.Rngs) -> InverseDynamics:
        return InverseDynamics(
            self.layout.state_dim,
            self.layout.action_dim,
            self.layout.stride,
            INVERSE_WIDTH,
            rngs=rngs,
        )

    @functools.cached_property
    def _graphs(self) -> dict[str, nnx.GraphDef]:
        make = {"denoiser": self._denoiser, "inverse": self._inverse}
        return {
            k: nnx.split(nnx.eval_shape(lambda f=f: f(nnx.Rngs(0))))[0] for k, f in make.items()
        }

    def init(self, seed: int) -> PyTree:
        """Fresh parameters, `{"denoiser": ..., "inverse": ...}`."""
        rngs = nnx.Rngs(seed)
        parts = {"denoiser": self._denoiser(rngs), "inverse": self._inverse(rngs)}
        return {name: nnx.state(part, nnx.Param) for name, part in parts.items()}

    def denoiser(self, params: PyTree) -> Network:
        """The denoiser with these parameters."""
        return nnx.merge(self._graphs["denoiser"], params["denoiser"])

    def inverse(self, params: PyTree) -> InverseDynamics:
        """The inverse dynamics with these parameters."""
        return nnx.merge(self._graphs["inverse"], params["inverse"])

    @functools.cached_property
    def schedule(self):
        """The noise schedule."""
        return self.diffusion.make_schedule()

    def x0(
        self, x: Float[Array, "B T D"], output: Float[Array, "B T D"], level: Float[Array, "B T"]
    ) -> Float[Array, "B T D"]:
        """Clean estimate from the network's output for `x` at `level`."""
        alpha, sigma = self.schedule.alpha_sigma(level)
        return to_x0(self.diffusion.parametrization, x, output, alpha[..., None], sigma[..., None])


def parameter_count(params: PyTree) -> int:
    """Number of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
