"""Sampling: walk tokens down a scheduling matrix, computing only the tokens in motion."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.matrix import ActiveWindows, all_tokens
from dfplan.diffusion.schedule import Schedule
from dfplan.diffusion.solver import Solver, SolverState
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
    windows: Sequence[ActiveWindows] = (),
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
        windows: what each step computes, a sequence of phases; all tokens when it is empty. For a
            causal denoiser with a cache `diffusion.matrix.windows` gives the smallest, one phase,
            and `windows_to_end` those for a gradient.
        stop: given the tokens and how many of the first ones are complete, whether to end early.
        trajectory: also return every intermediate state; it goes to the matrix's end.
    """
    count, features = len(matrix_levels) - 1, start.shape[2]
    levels = jnp.asarray(matrix_levels)
    complete = jnp.asarray(np.cumprod(matrix_levels == 0, axis=1).sum(axis=1), jnp.int32)
    windows = windows or (all_tokens(matrix_levels),)
    ends = np.cumsum([len(window.start) for window in windows])
    assert ends[-1] == count, f"windows for {ends[-1]} steps, and {count} in the matrix"

    def over(x: Array, row: Array) -> Array:
        return jnp.bool_(False) if stop is None else stop(x, complete[row])

    state, row, states = (start, SolverState.empty(start), carry), jnp.int32(0), [start[None]]
    for window, end in zip(windows, ends, strict=True):
        rows = np.arange(end - len(window.start), end)
        noise = _step_noise(keys, rows, window, features) if solver.noisy else None
        steps = jnp.asarray(window.start), levels[rows], levels[rows + 1], noise
        body = functools.partial(_step, denoise, schedule, solver, window.width)
        if trajectory:
            state, passed = jax.lax.scan(body, state, steps)
            states.append(passed)
        else:
            row, state = _walk(body, steps, int(rows[0]), over, row, state)
    x, _, carry = state
    if trajectory:
        return Sample(x, complete[count], carry, jnp.concatenate(states))
    return Sample(x, complete[row], carry, None)


def _walk(body: Callable, steps: PyTree, first: int, over: Callable, row: Array, state: PyTree):
    """The steps from row `first` on, until it is over; the row reached, and the state."""
    end = first + len(steps[0])

    def goes_on(loop):
        row, (x, *_) = loop
        return (row < end) & ~over(x, row)

    def advance(loop):
        row, state = loop
        return row + 1, body(state, jax.tree.map(lambda a: a[row - first], steps))[0]

    return jax.lax.while_loop(goes_on, advance, (row, state))


def _step(denoise: Denoiser, schedule: Schedule, solver: Solver, width: int, state, step):
    """One row of the matrix to the next; the new state, and the tokens."""
    x, memory, carry = state
    begin, levels_from, levels_to, noise = step

    def part(array: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(array, begin, width, axis=-1 if array.ndim == 1 else 1)

    def put(whole: Array, piece: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(whole, piece, begin, axis=1)

    here, there = (
        jnp.broadcast_to(part(levels), (len(x), width)) for levels in (levels_from, levels_to)
    )
    seen = part(x)
    x0, carry = denoise(carry, seen, here, begin)
    new, local = solver.step(schedule, seen, x0, jax.tree.map(part, memory), here, there, noise)
    x, memory = put(x, new), jax.tree.map(put, memory, local)
    return (x, memory, carry), x


def _step_noise(keys: Array, rows: np.ndarray, window: ActiveWindows, features: int) -> Array:
    """Noise of steps `[M, B, W, D]`: many draws at once cost little more than a few."""

    def one(row: Array, begin: Array) -> Array:
        step_keys = jax.vmap(lambda key: jax.random.fold_in(key, row))(keys)
        return token_noise(step_keys, begin + jnp.arange(window.width), features)

    return jax.vmap(one)(jnp.asarray(rows), jnp.asarray(window.start))
