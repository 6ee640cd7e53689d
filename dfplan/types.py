"""Array aliases, errors and protocols shared by several parts of dfplan."""

import importlib
import itertools
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import jax
    import numpy as np

    Array = jax.Array
    ArrayLike = jax.Array | np.ndarray

XpArray = Any
"""Array of the library that a function is called with, `xp`: NumPy's or JAX's."""
PyTree = Any
Environment = Any
"""Gymnasium id, environment (`gymnasium.Env`), or function that makes one."""


MAX_MESSAGE = 600
"""Maximum length of an error message; names in a file could fill pages."""

MAX_LISTED = 30

MAX_SHOWN = 60
"""Maximum length of a value in an error message."""


class UserError(Exception):
    """An error in the user's input, with one line that says what is valid instead.

    The command line prints it without a traceback and exits with code 2. If a message is too long,
    its middle is left out. Control characters, which names in files may contain, become spaces.
    """

    def __str__(self) -> str:
        return shorten(super().__str__(), MAX_MESSAGE)


def shorten(text: str, limit: int) -> str:
    """Return printable text of at most `limit` characters, without its middle if it is longer."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if len(text) <= limit:
        return text
    end = limit // 4
    return f"{text[: limit - end - 5]} ... {text[-end:]}"


def check_choice(what: str, value: str, choices) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        UserError: If it is not; the message names `what`, the value and the valid choices.
    """
    if value not in choices:
        raise UserError(f"unknown {what} {value!r}; valid: {', '.join(map(str, choices))}")
    return value


def listed(names: Collection[str]) -> str:
    """Return names separated by commas; "none" if empty, and only the first if there are many."""
    text = ", ".join(itertools.islice(names, MAX_LISTED)) or "none"
    rest = len(names) - MAX_LISTED
    return f"{text} and {rest} more" if rest > 0 else text


def one_line(error: BaseException) -> str:
    """Return an error's message, shortened to one line that fits into a `UserError`."""
    return shorten(" ".join(str(error).split()), 200) or type(error).__name__


def short_repr(value: Any) -> str:
    """Return the representation of a value, shortened to fit into a `UserError`."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # Python does not print integers of thousands of digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


class Denoiser(Protocol):
    """One evaluation of a causal denoiser inside a sampler.

    Args:
        carry: Whatever the denoiser keeps between evaluations, such as a KV cache.
        x: Noised tokens of the window, `[B, W, D]`.
        level: Their noise levels in [0, 1], `[B, W]`.
        start: Index of the window's first token, int32 scalar.

    Returns:
        The clean estimate E[x0 | x] of the window, `[B, W, D]`, and the new carry.
    """

    def __call__(
        self, carry: PyTree, x: "Array", level: "Array", start: "Array"
    ) -> tuple["Array", PyTree]:
        """See the class."""
        ...


class Cost(Protocol):
    """A differentiable cost of plans.

    Args:
        states: States of the plans, `[B, T, S]`, SI units.
        goal: Goals, `[B, G]`, SI units; None for a task without goals.

    Returns:
        The cost of each plan, `[B]`.
    """

    def __call__(self, states: "Array", goal: "Array | None") -> "Array":
        """See the class."""
        ...


Tracker = Callable[..., Any]
"""`track(states [B,T,S], stride, elapsed [B], state [B,S], goal [B,G] | None, **settings)`.

Returns the action `[B, A]` that follows a plan of states, in SI units. States and goals are in the
layout's local coordinates. The arrays are NumPy's. A tracker with a parameter `xp` also gets JAX's
arrays, and then `xp=jax.numpy`: `dfplan serve` compiles it, and so does
`dfplan.control.closed_loop`.
"""


def __getattr__(name: str) -> Any:
    """Import JAX only when an array type is first used: making a dataset needs no JAX."""
    if name not in ("Array", "ArrayLike"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    array = importlib.import_module("jax").Array
    return array if name == "Array" else array | importlib.import_module("numpy").ndarray
