"""Sampling: walk tokens down a scheduling matrix, computing only the tokens in motion."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.matrix import Windows
from dfplan.diffusion.schedule import Schedule
from dfplan.diffusion.solver import Memory, Solver
from dfplan.types import Array, Denoiser, PyTree


class Sample(NamedTuple):
    """What sampling returns.

    Attributes:
        tokens: `[B, T, D]` at level 0.
        complete: int32, how many of the first tokens are at level 0; all but where `stop` ended it.
        carry: the denoiser's, after the last evaluation.
        trajectory: `[M+1, B, T, D]` the tokens before the first and after each step, or None.
    """

    tokens: Float[Array, "B T D"]
    complete: Array
    carry: PyTree
    trajectory: Float[Array, "M B T D"] | None


def token_noise(keys: Key[Array, "B"], tokens: Array, features: int) -> Float[Array, "B W D"]:
    """Standard normal noise whose row depends on the row's key and the token's index alone.

    So a token's noise is the same in any batch, any window and any horizon.

    Args:
        keys: one per row.
        tokens: `[W]` indices.
        features: D.
    """

    def one(key: Array, token: Array) -> Array:
        return jax.random.normal(jax.random.fold_in(key, token), (features,))

    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(keys, tokens)


def sample(
    denoise: Denoiser,
    carry: PyTree,
    start: Float[Array, "B T D"],
    matrix_levels: Float[np.ndarray, "M T"],
    *,
    schedule: Schedule,
    solver: Solver,
    keys: Key[Array, "B"],
    window: Windows | None = None,
    stop: Callable[[Array, Array], Array] | None = None,
    trajectory: bool = False,
) -> Sample:
    """Denoise `start` along a scheduling matrix (Chen et al. 2024, algorithm 2).

    Args:
        denoise: evaluates a window of tokens; see `Denoiser`.
        carry: what the denoiser keeps, with the history in it.
        start: tokens at the matrix's first row, usually pure noise.
        matrix_levels: the matrix as levels in [0, 1].
        schedule: of the noise.
        solver: of one step.
        keys: one per row, for the solver's noise.
        window: what each step computes; all tokens when None. `diffusion.matrix.windows` gives
            the smallest for a causal denoiser with a cache.
        stop: given the tokens and how many of the first ones are complete, whether to end early.
        trajectory: also return every intermediate state; it goes to the matrix's end.
    """
    rows, tokens, features = start.shape
    if window is None:
        window = Windows(np.zeros(len(matrix_levels) - 1, np.int32), tokens)
    width = window.width

    def part(array: Array, begin: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(array, begin, width, axis=-1 if array.ndim == 1 else 1)

    def body(state, step):
        x, memory, carry = state
        begin, levels_from, levels_to, noise = step
        here, there = (
            jnp.broadcast_to(part(levels, begin), (rows, width))
            for levels in (levels_from, levels_to)
        )
        seen = part(x, begin)
        x0, carry = denoise(carry, seen, here, begin)
        local = jax.tree.map(lambda array: part(array, begin), memory)
        new, local = solver.step(schedule, seen, x0, local, here, there, noise)
        put = _writer(begin)
        x, memory = put(x, new), jax.tree.map(put, memory, local)
        return (x, memory, carry), x

    count = len(matrix_levels) - 1
    levels = jnp.asarray(matrix_levels)
    complete = jnp.asarray(np.cumprod(matrix_levels == 0, axis=1).sum(axis=1), jnp.int32)
    begins = jnp.asarray(window.start)
    noise = _step_noise(keys, begins, width, features) if solver.noisy else None
    steps = (begins, levels[:-1], levels[1:], noise)
    state = (start, Memory.empty(start), carry)
    if trajectory:
        (x, _, carry), states = jax.lax.scan(body, state, steps)
        return Sample(x, complete[count], carry, jnp.concatenate([start[None], states]))

    def goes_on(loop):
        index, (x, *_) = loop
        over = jnp.bool_(False) if stop is None else stop(x, complete[index])
        return (index < count) & ~over

    def advance(loop):
        index, state = loop
        return index + 1, body(state, jax.tree.map(lambda a: a[index], steps))[0]

    index, (x, _, carry) = jax.lax.while_loop(goes_on, advance, (jnp.int32(0), state))
    return Sample(x, complete[index], carry, None)


def _step_noise(keys: Array, begins: Array, width: int, features: int) -> Array:
    """Noise of every step `[M, B, W, D]`: many draws at once cost little more than a few."""

    def one(index: Array, begin: Array) -> Array:
        step_keys = jax.vmap(lambda key: jax.random.fold_in(key, index))(keys)
        return token_noise(step_keys, begin + jnp.arange(width), features)

    return jax.vmap(one)(jnp.arange(len(begins)), begins)


def _writer(begin: Array) -> Callable[[Array, Array], Array]:
    def put(whole: Array, piece: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(whole, piece, begin, axis=1)

    return put
