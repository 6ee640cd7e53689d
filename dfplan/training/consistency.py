"""Consistency: what a token's estimate is to be, so that few sampling steps do what many do."""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.diffusion.solvers import DDIM
from dfplan.model import Model
from dfplan.nets.network import Network
from dfplan.types import Array


def lower_estimate(
    student: Network,
    teacher: Network,
    model: Model,
    steps: int,
    x: Float[Array, "B {2*T} D"],
    level: Float[Array, "B {2*T}"],
) -> Float[Array, "B T D"]:
    """The student's own estimate of each target, a step further down the teacher's way.

    Consistency distillation (Song et al. 2023, algorithm 2), each target after its own history, and
    with the student itself in place of its average (Song and Dhariwal 2023, section 3.2). The step
    is DDIM's without noise. No gradient flows through any of it.

    Args:
        student: the network that is trained.
        teacher: the one that it began as, trained by denoising.
        model: of both.
        steps: from pure noise down; a step is at most 1 / `steps` of the levels.
        x, level: [history, target] streams, as the loss shows them to the student.
    """
    history, target = jnp.split(x, 2, axis=1)
    seen, here = jnp.split(level, 2, axis=1)
    x0 = model.x0(target, teacher.two_streams(x, level), here)
    there = _lower(here, steps, model.diffusion.num_levels)
    solver = DDIM()
    state = solver.init_state(target)
    lower, _ = solver.step(model.schedule, target, x0, state, here, there)
    both = jnp.concatenate([history, lower], axis=1), jnp.concatenate([seen, there], axis=1)
    estimate = model.x0(lower, student.two_streams(*both), there)
    return jax.lax.stop_gradient(estimate)


def _lower(level: Float[Array, "B T"], steps: int, grid: int) -> Float[Array, "B T"]:
    """Levels one step down; multiples of 1 / `grid` where the model knows no others."""
    lower = jnp.maximum(level - 1 / steps, 0.0)
    return snap_to_levels(lower, grid, rounding="down")
