"""Array aliases, errors and Protocols that several parts of dfplan share."""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np

Array = jax.Array
ArrayLike = jax.Array | np.ndarray
XpArray = Any
"""Array of the library that a function is called with, `xp`: NumPy's or JAX's."""
PyTree = Any
Environment = Any
"""A Gymnasium id, an environment (`gymnasium.Env`), or a function that makes one."""


class UserError(Exception):
    """What the user gave cannot be used; the message is one line that says what can be.

    The command line prints it without a traceback and exits with code 2.
    """


def check_choice(what: str, value: str, choices) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        UserError: naming `what`, the value and the valid choices.
    """
    if value not in choices:
        raise UserError(f"unknown {what} {value!r}; valid: {', '.join(map(str, choices))}")
    return value


def one_line(error: BaseException) -> str:
    """What an error says, cut to one line that fits into a `UserError`."""
    return " ".join(str(error).split())[:200] or type(error).__name__


class Denoiser(Protocol):
    """One evaluation of a causal denoiser inside a sampler.

    Args:
        carry: whatever the denoiser keeps between evaluations (a KV cache).
        x: noised tokens of the window, `[B, W, D]`.
        level: their noise levels in [0, 1], `[B, W]`.
        start: index of the window's first token, int32 scalar.

    Returns:
        The clean estimate E[x0 | x] of the window, `[B, W, D]`, and the new carry.
    """

    def __call__(self, carry: PyTree, x: Array, level: Array, start: Array) -> tuple[Array, PyTree]:
        """See the class."""
        ...


class Cost(Protocol):
    """A differentiable price of plans.

    Args:
        states: `[B, T, S]`, SI units.
        goal: `[B, G]`, SI units; None for a task without goals.

    Returns:
        The price of each plan, `[B]`.
    """

    def __call__(self, states: Array, goal: Array | None) -> Array:
        """See the class."""
        ...


Tracker = Callable[..., Any]
"""`track(states [B,T,S], stride, elapsed [B], state [B,S], goal [B,G] | None, **settings)`.

Returns the action `[B, A]` that follows a plan of states, in SI units; NumPy arrays, or JAX arrays
for `dfplan.control.closed_loop`.
"""
