"""What fits of small networks (`dfplan.nets.mlp`) share: optimizer, progress, checked settings."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax

from dfplan.types import Array
from dfplan.util.validate import check_integers, check_numbers

REPORTS = 20
"""Calls of the compiled program, after each of which progress is reported."""

Progress = Callable[[int], None]
"""Function that is called with the number of optimizer steps taken so far."""
State = TypeVar("State")


def check_fit_settings(settings: Any, prefix: str) -> None:
    """Check `width`, `steps`, `batch_size` and `learning_rate`.

    Args:
        settings: Dataclass that holds them.
        prefix: Path of the dataclass in messages, such as "policy.".

    Raises:
        UserError: If one is out of range.
    """
    check_integers(settings, prefix, minimum=1, names=["width"], maximum=16_384)
    check_integers(settings, prefix, minimum=1, names=["steps"])
    check_integers(settings, prefix, minimum=1, names=["batch_size"], maximum=1_000_000)
    check_numbers(settings, prefix, ["learning_rate"], high=1000.0, open_low=True)


def cosine_adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Return Adam with a learning rate that falls to 0 over the steps."""
    rate = optax.cosine_decay_schedule(learning_rate, steps)
    # A float count, as JAX in 64-bit mode divides integers in double precision.
    return optax.adam(lambda count: rate(jnp.asarray(count, jnp.float32)))


def advance_to_end(
    advance: Callable[[State, Array], State],
    state: State,
    steps: int,
    progress: Progress | None,
) -> State:
    """Return the state after all optimizer steps.

    Args:
        advance: Function that takes optimizer steps from a state until a step.
        state: State before the first step.
        steps: Number of steps.
        progress: See `Progress`.
    """
    chunk = -(-steps // REPORTS)
    for first in range(0, steps, chunk):
        stop = min(first + chunk, steps)
        state = advance(state, jnp.int32(stop))
        if progress is not None:
            jax.block_until_ready(state)
            progress(stop)
    return state
