"""Consistency distillation: training targets that let few sampling steps do the work of many."""

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
    """Return the student's own estimate of each target, one step further down the teacher's path.

    Consistency distillation (Song et al. 2023, algorithm 2), each target conditioned on its own
    history, and with the student itself instead of its average (Song and Dhariwal 2023, section
    3.2). The step is deterministic DDIM. No gradient flows through any of it.

    Args:
        student: Network that is trained.
        teacher: Network that the student was initialized from, trained by denoising.
        model: Description of both networks.
        steps: Steps from pure noise to clean; a step lowers the level by at most 1 / `steps`.
        x: Streams [history, target], as the loss shows them to the student.
        level: Noise levels of the streams.
    """
    history, target = jnp.split(x, 2, axis=1)
    history_level, level_from = jnp.split(level, 2, axis=1)
    x0 = model.x0(target, teacher.two_streams(x, level), level_from)
    level_to = _lower(level_from, steps, model.diffusion.num_levels)
    solver = DDIM()
    state = solver.init_state(target)
    lower, _ = solver.step(
        model.schedule, target, x0, state=state, level_from=level_from, level_to=level_to
    )
    lower_x = jnp.concatenate([history, lower], axis=1)
    lower_level = jnp.concatenate([history_level, level_to], axis=1)
    estimate = model.x0(lower, student.two_streams(lower_x, lower_level), level_to)
    return jax.lax.stop_gradient(estimate)


def _lower(level: Float[Array, "B T"], steps: int, num_levels: int) -> Float[Array, "B T"]:
    """Return the levels one step down; multiples of 1 / `num_levels` if the model is discrete."""
    lower = jnp.maximum(level - 1 / steps, 0.0)
    return snap_to_levels(lower, num_levels, rounding="down")
