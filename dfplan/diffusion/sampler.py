"""Sampling: denoise tokens down a scheduling matrix, computing only those that need it."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.active_windows import ActiveWindows, all_tokens
from dfplan.diffusion.schedules import Schedule
from dfplan.diffusion.solvers import Solver
from dfplan.types import Array, Denoiser, PyTree


class Sample(NamedTuple):
    """Result of sampling.

    Attributes:
        tokens: Denoised tokens, `[B, T, D]`.
        complete: Number of leading tokens at level 0, int32; all unless `stop` ended it early.
        carry: The denoiser's carry after the last evaluation.
        trajectory: Tokens before the first and after each step, `[M+1, B, T, D]`, or None.
    """

    tokens: Float[Array, "B T D"]
    complete: Array
    carry: PyTree
    trajectory: Float[Array, "M B T D"] | None


class SamplerState(NamedTuple):
    """Sampling between two rows of the matrix.

    Attributes:
        tokens: Tokens at the levels of the row, `[B, T, D]`.
        solver: State of the solver.
        carry: The denoiser's carry.
        row: Row that has been reached, int32.
    """

    tokens: Float[Array, "B T D"]
    solver: PyTree
    carry: PyTree
    row: Array


def token_noise(keys: Key[Array, "B"], tokens: Array, features: int) -> Float[Array, "B W D"]:
    """Draw standard normal noise that depends only on the row's key and the token's index.

    So a token's noise is the same in any batch, any window and any horizon.

    Args:
        keys: One PRNG key per row.
        tokens: Token indices, `[W]`.
        features: Features per token, D.
    """

    def one(key: Array, token: Array) -> Array:
        return jax.random.normal(jax.random.fold_in(key, token), (features,), jnp.float32)

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
        denoise: Evaluates a window of tokens; see `Denoiser`.
        carry: Initial carry of the denoiser, which holds the history.
        start: Tokens at the matrix's first row, usually pure noise.
        matrix_levels: Scheduling matrix as levels in [0, 1].
        schedule: Noise schedule.
        solver: Solver of one step.
        keys: One PRNG key per row, for the solver's noise.
        windows: Tokens that each step computes, in one or more phases; empty for all tokens. For a
            causal denoiser with a cache, `active_windows.windows` gives the smallest, in one phase,
            and `windows_to_end` those for gradient guidance.
        stop: Called with the tokens and the number of complete leading ones; returns whether to
            end early.
        trajectory: Whether to return every intermediate state; `stop` is ignored then.
    """
    sampler = Sampler(
        denoise=denoise,
        matrix_levels=matrix_levels,
        schedule=schedule,
        solver=solver,
        keys=keys,
        windows=windows or (all_tokens(matrix_levels),),
        stop=stop,
    )
    state = sampler.begin(start, carry)
    if trajectory:
        return sampler.record(state)
    return sampler.result(sampler.finish(state))


@dataclasses.dataclass(frozen=True)
class Sampler:
    """Denoises tokens along a scheduling matrix, some rows at a time; see `sample`.

    Attributes:
        denoise: Evaluates a window of tokens.
        matrix_levels: Scheduling matrix as levels in [0, 1].
        schedule: Noise schedule.
        solver: Solver of one step.
        keys: One PRNG key per row of the batch.
        windows: Tokens that each step computes, in one or more phases.
        stop: Called with the tokens and the number of complete leading ones, or None.
    """

    denoise: Denoiser
    matrix_levels: Float[np.ndarray, "M T"]
    schedule: Schedule
    solver: Solver
    keys: Key[Array, "B"]
    windows: Sequence[ActiveWindows]
    stop: Callable[[Array, Array], Array] | None = None

    def __post_init__(self):
        steps = sum(len(window.start) for window in self.windows)
        count = len(self.matrix_levels) - 1
        assert steps == count, f"windows for {steps} steps, but the matrix has {count}"

    def begin(self, start: Float[Array, "B T D"], carry: PyTree) -> SamplerState:
        """Return the state at the matrix's first row."""
        return SamplerState(start, self.solver.init_state(start), carry, row=jnp.int32(0))

    def advance(self, state: SamplerState, last: int, first: int = 0) -> SamplerState:
        """Go from row `first` to row `last`, unless `stop` ends sampling before.

        Several calls take the same steps as one, to the last bit: each draws the noise of all
        steps, as the rounding of a draw may depend on its size.
        """

        def should_stop(x: Array, row: Array) -> Array:
            return jnp.bool_(False) if self.stop is None else self.stop(x, self._complete[row])

        row = state.row
        inner = (state.tokens, state.solver, state.carry)
        for phase in self._phases(state):
            if phase.end > first and phase.begin < last:
                end = min(phase.end, last)
                row, inner = _run_phase(phase, end, should_stop=should_stop, row=row, state=inner)
        return SamplerState(*inner, row=row)

    def finish(self, state: SamplerState, first: int = 0) -> SamplerState:
        """Go from row `first` to the last row, unless `stop` ends sampling before."""
        return self.advance(state, last=len(self.matrix_levels) - 1, first=first)

    def record(self, state: SamplerState) -> Sample:
        """Go to the last row, and return the tokens of every row."""
        trajectories = [state.tokens[None]]
        inner = (state.tokens, state.solver, state.carry)
        for phase in self._phases(state):
            inner, intermediate = jax.lax.scan(phase.step, inner, phase.inputs)
            trajectories.append(intermediate)
        end = SamplerState(*inner, row=jnp.int32(len(self.matrix_levels) - 1))
        return self.result(end)._replace(trajectory=jnp.concatenate(trajectories))

    def result(self, state: SamplerState) -> Sample:
        """Return the sample that a state holds."""
        complete = self._complete[state.row]
        return Sample(state.tokens, complete=complete, carry=state.carry, trajectory=None)

    @property
    def _complete(self) -> Array:
        """Number of complete leading tokens at each row."""
        is_clean = self.matrix_levels == 0
        return jnp.asarray(np.cumprod(is_clean, axis=1).sum(axis=1), jnp.int32)

    def _phases(self, state: SamplerState) -> Iterator["_Phase"]:
        """Yield the phases, one for each kind of windows."""
        levels = jnp.asarray(self.matrix_levels)
        end = 0
        for window in self.windows:
            begin = end
            end += len(window.start)
            rows = np.arange(begin, end)
            noise = None
            if self.solver.needs_noise:
                noise = _step_noise(self.keys, rows, window, features=state.tokens.shape[2])
            yield _Phase(
                begin=begin,
                end=end,
                step=functools.partial(
                    _step, self.denoise, self.schedule, self.solver, window.width
                ),
                inputs=(jnp.asarray(window.start), levels[rows], levels[rows + 1], noise),
            )


class _Phase(NamedTuple):
    """Successive steps that compute the same number of tokens.

    Attributes:
        begin: First row.
        end: Last row.
        step: Function that goes from one row to the next.
        inputs: Its inputs at each step.
    """

    begin: int
    end: int
    step: Callable
    inputs: PyTree


def _run_phase(
    phase: _Phase, end: int, *, should_stop: Callable, row: Array, state: PyTree
) -> tuple[Array, PyTree]:
    """Take the steps of a phase up to row `end` or `should_stop`; return the row and the state."""

    def continues(loop):
        row, (x, *_) = loop
        return (row < end) & ~should_stop(x, row)

    def advance(loop):
        row, state = loop
        inputs = jax.tree.map(lambda a: a[row - phase.begin], phase.inputs)
        return row + 1, phase.step(state, inputs)[0]

    return jax.lax.while_loop(continues, advance, (row, state))


def _step(denoise: Denoiser, schedule: Schedule, solver: Solver, width: int, state, step):
    """Go from one row of the matrix to the next; return the new state, and the tokens."""
    x, solver_state, carry = state
    begin, row_from, row_to, noise = step

    def read(array: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(array, begin, width, axis=1)

    def write(array: Array, window: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(array, window, begin, axis=1)

    def window_levels(row: Array) -> Array:
        return jnp.broadcast_to(
            jax.lax.dynamic_slice_in_dim(row, begin, width, axis=-1), (len(x), width)
        )

    level_from = window_levels(row_from)
    level_to = window_levels(row_to)
    window = read(x)
    x0, carry = denoise(carry, window, level_from, begin)
    new_window, new_solver_state = solver.step(
        schedule,
        window,
        x0,
        state=jax.tree.map(read, solver_state),
        level_from=level_from,
        level_to=level_to,
        noise=noise,
    )
    x = write(x, new_window)
    solver_state = jax.tree.map(write, solver_state, new_solver_state)
    return (x, solver_state, carry), x


def _step_noise(keys: Array, rows: np.ndarray, window: ActiveWindows, features: int) -> Array:
    """Draw the noise of all steps, `[M, B, W, D]`, as one large draw is faster than many small."""

    def one(row: Array, begin: Array) -> Array:
        step_keys = jax.vmap(lambda key: jax.random.fold_in(key, row))(keys)
        return token_noise(step_keys, begin + jnp.arange(window.width, dtype=jnp.int32), features)

    return jax.vmap(one)(jnp.asarray(rows), jnp.asarray(window.start))
