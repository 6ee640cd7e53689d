"""Building blocks of the denoisers: features of levels and values, rotary positions, modulation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float, Int

from dfplan.types import Array, ArrayLike
from dfplan.util.rank import to_rank

LEVEL_FREQUENCIES = 16


def level_features(level: Float[Array, "*b"]) -> Float[Array, "*b {2*LEVEL_FREQUENCIES+1}"]:
    """Return the level, and its sines and cosines with half a period to 64 periods over [0, 1]."""
    frequency = jnp.geomspace(0.5, 64.0, LEVEL_FREQUENCIES, dtype=jnp.float32) * 2 * jnp.pi
    angle = level[..., None] * to_rank(frequency, level.ndim + 1)
    return jnp.concatenate([level[..., None], jnp.sin(angle), jnp.cos(angle)], axis=-1)


def value_features(x: Float[Array, "*b D"], fourier_octaves: int) -> Float[Array, "*b F"]:
    """Return `x` with sines and cosines of its features, each octave at twice the frequency.

    Coordinates matter at scales far below the data's spread (a wall is thinner than a maze), which
    a linear map of the coordinate alone learns slowly (Tancik et al. 2020).
    """
    if fourier_octaves == 0:
        return x
    octave = jnp.float32(2.0) ** jnp.arange(fourier_octaves, dtype=jnp.int32)
    angle = x[..., None] * to_rank(jnp.pi / 2 * octave, x.ndim + 1)
    waves = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
    return jnp.concatenate([x, waves.reshape(*x.shape[:-1], -1)], axis=-1)


@jax.custom_vjp
def bfloat16_product(x: Float[Array, "N I"], kernel: Float[Array, "I O"]) -> Float[Array, "N O"]:
    """Return `x @ kernel` of float32 arrays, rounded to bfloat16 and summed in float32.

    So is its gradient: plain JAX's backward products would mix types and run at float32's speed.
    """
    x = x.astype(jnp.bfloat16)
    kernel = kernel.astype(jnp.bfloat16)
    return jnp.dot(x, kernel, preferred_element_type=jnp.float32)


def _product_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    x = x.astype(jnp.bfloat16)
    kernel = kernel.astype(jnp.bfloat16)
    return jnp.dot(x, kernel, preferred_element_type=jnp.float32), (x, kernel)


def _product_backward(saved: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = saved
    grad = grad.astype(jnp.bfloat16)
    grad_x = jnp.dot(grad, kernel.T, preferred_element_type=jnp.float32)
    return grad_x, jnp.dot(x.T, grad, preferred_element_type=jnp.float32)


bfloat16_product.defvjp(_product_forward, _product_backward)

PRODUCTS = {"float32": jnp.dot, "bfloat16": bfloat16_product}


class Linear(nnx.Module):
    """Dense layer of float32 arrays, whose product may be computed in bfloat16.

    Only products are faster in bfloat16; sums, norms and the residual stream stay exact.

    Args:
        inputs: Input features.
        outputs: Output features.
        dtype: Type of the product, "float32" or "bfloat16".
        rngs: Random streams for initialization.
        bias: Whether to add a bias.
        kernel_init: Initializer of the kernel.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        dtype: str,
        rngs: nnx.Rngs,
        bias: bool = True,
        kernel_init: nnx.Initializer = nnx.initializers.lecun_normal(),
    ):
        self.dtype = dtype
        self.kernel = nnx.Param(kernel_init(rngs.params(), (inputs, outputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(outputs, jnp.float32)) if bias else None

    def __call__(self, x: Float[Array, "*b I"]) -> Float[Array, "*b O"]:
        """Apply the layer to the last axis, in one product of matrices for a faster gradient."""
        return self.part(x, slice(None))

    def part(self, x: Float[Array, "*b I"], outputs: slice) -> Float[Array, "*b O"]:
        """Return only some of the outputs."""
        flat = PRODUCTS[self.dtype](x.reshape(-1, x.shape[-1]), self.kernel[...][:, outputs])
        y = flat.reshape(*x.shape[:-1], -1)
        return y if self.bias is None else y + to_rank(self.bias[...][outputs], y.ndim)


class Rotation(NamedTuple):
    """Cosines and sines of rotary positions, `[T, 1, dim]`, computed once for all layers."""

    cos: Float[ArrayLike, "T 1 dim"]
    sin: Float[ArrayLike, "T 1 dim"]

    @classmethod
    def at(cls, position: Int[ArrayLike, "T"], dim: int, base: float = 1000.0) -> "Rotation":
        """Return the rotation at these positions, for heads of `dim` features (even).

        For a NumPy array the result is a constant of the program that uses it.
        """
        xp = position.__array_namespace__()
        rate = np.tile(base ** (-np.arange(dim // 2) / (dim // 2)), 2).astype(np.float32)
        angle = position.astype(np.float32)[:, None, None] * rate[None, None]
        return cls(xp.cos(angle), xp.sin(angle))

    def window(self, start: Array, width: int) -> "Rotation":
        """Return the rotation of `width` positions from `start` on."""
        return Rotation(*(jax.lax.dynamic_slice_in_dim(jnp.asarray(a), start, width) for a in self))

    def after(self, drop: int) -> "Rotation":
        """Return the rotation of all but the first `drop` positions."""
        return Rotation(self.cos[drop:], self.sin[drop:])


def rotate(x: Float[Array, "*b T heads dim"], rotation: Rotation) -> Float[Array, "*b T heads dim"]:
    """Apply rotary position embedding (Su et al. 2021), halves convention; `dim` must be even.

    The halves are swapped by a product with a constant matrix, which on CPUs takes half the time of
    slices and a concatenation, forward and backward.
    """
    dim = x.shape[-1]
    swap = jnp.asarray(np.kron([[0.0, 1.0], [-1.0, 0.0]], np.eye(dim // 2)), x.dtype)
    swapped = jnp.dot(x.reshape(-1, dim), swap, precision="highest").reshape(x.shape)
    return x * to_rank(rotation.cos, x.ndim) + swapped * to_rank(rotation.sin, x.ndim)


def rms_norm(x: Float[Array, "*b C"]) -> Float[Array, "*b C"]:
    """Divide by the root mean square over features; scale and shift come from the modulation."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


class Modulation(nnx.Module):
    """Adaptive layer norm (adaLN-single): shift, scale and gate of both branches, per token.

    One map of the level serves all layers, and each layer adds its own offsets (PixArt-alpha, Chen
    et al. 2023, section 2.3); a map per layer would cost as much as the layer's MLP.

    Args:
        width: Features per token, C.
        layers: Number of layers.
        dtype: Type of the products, "float32" or "bfloat16".
        rngs: Random streams for initialization.
    """

    def __init__(self, width: int, layers: int, *, dtype: str, rngs: nnx.Rngs):
        small = nnx.initializers.normal(0.02)
        self.embed = Linear(2 * LEVEL_FREQUENCIES + 1, width, dtype=dtype, rngs=rngs)
        self.project = Linear(width, 6 * width, dtype=dtype, rngs=rngs, kernel_init=small)
        gate_open = jnp.zeros((layers, 6, width), jnp.float32).at[:, 2].set(1.0).at[:, 5].set(1.0)
        self.offset = nnx.Param(gate_open)

    def shared(self, level: Float[Array, "*b"]) -> Float[Array, "*b {6*C}"]:
        """Return the part of the modulation that all layers share, for each level."""
        return self.project(nnx.silu(self.embed(level_features(level))))

    def per_layer(self, shared: Float[Array, "*b {6*C}"]) -> list[list[Array]]:
        """Return each layer's shift, scale and gate of token mixing, then of the MLP, `[*b, C]`."""
        # Split, not indexed: the gradient is then one concatenation instead of six padded sums.
        parts = jnp.split(shared, 6, axis=-1)
        return [
            [part + to_rank(o, part.ndim) for part, o in zip(parts, offsets, strict=True)]
            for offsets in self.offset[...]
        ]
