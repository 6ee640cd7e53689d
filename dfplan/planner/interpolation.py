"""Interpolate plans between tokens, and hold plans from a token on."""

from types import ModuleType

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, ArrayLike
from dfplan.util.rank import to_rank


def interpolate(
    plan: Float[ArrayLike, "*b T S"], stride: int, xp: ModuleType = jnp
) -> Float[Array, "*b L S"]:
    """Return the plan at every control step, linear between tokens: L = (T-1) stride + 1.

    Args:
        plan: States, one per token.
        stride: Control steps per token.
        xp: Array library, `jax.numpy` or `numpy`.
    """
    fraction = xp.arange(1, stride + 1, dtype=plan.dtype) / stride
    fraction = fraction.reshape(*(1,) * (plan.ndim - 1), stride, 1)
    start = plan[..., :-1, None, :]
    end = plan[..., 1:, None, :]
    steps = (start + fraction * (end - start)).reshape(*plan.shape[:-2], -1, plan.shape[-1])
    return xp.concatenate([plan[..., :1, :], steps], axis=-2)


def hold_after(plan: Float[Array, "*b T S"], count: Float[Array, "#*b"]) -> Float[Array, "*b T S"]:
    """Return the plan with all tokens after token `count` (rounded up) equal to that token."""
    tokens = plan.shape[-2]
    count = jnp.broadcast_to(count, plan.shape[:-2])
    last = jnp.clip(jnp.ceil(count), 0, tokens - 1).astype(jnp.int32)
    token = to_rank(jnp.arange(tokens, dtype=jnp.int32), plan.ndim - 1)
    index = jnp.minimum(token, last[..., None])
    return jnp.take_along_axis(plan, index[..., None], axis=-2)
