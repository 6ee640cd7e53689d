"""FLOPs of plans, as XLA counts them."""

from typing import Any

import jax
import jax.numpy as jnp

from dfplan.model import Model
from dfplan.planner.diffusion_planner import DiffusionPlanner


def plan_flops(planner: DiffusionPlanner, batch: int, guided: bool = False) -> float:
    """Return the FLOPs of the network evaluations in plans sampled to the end of the horizon.

    XLA counts the FLOPs of one evaluation; it would count the body of a loop only once.

    Args:
        planner: Planner.
        batch: Number of robots.
        guided: Whether a gradient guides the sampling. It is counted too, and needs all tokens to
            the end of the horizon at every step.
    """
    matrix = planner.config.sampling.make_matrix(planner.horizon)
    prefix = planner.config.history.tokens + planner.model.layout.has_goal
    capacity = prefix + planner.horizon
    rows = batch * planner.config.candidates
    prefill = _extend_flops(planner.model, batch, prefix, capacity=capacity)
    return prefill + sum(
        len(phase.start)
        * _extend_flops(planner.model, rows, phase.width, capacity=capacity, gradient=guided)
        for phase in planner.windows(matrix, guided)
    )


def _extend_flops(
    model: Model, rows: int, width: int, capacity: int, gradient: bool = False
) -> float:
    """Return the FLOPs of one evaluation, without the modulation: a plan computes that only once.

    Args:
        model: Model.
        rows: Batch size of the evaluation.
        width: Tokens that are evaluated.
        capacity: Tokens that the cache has room for.
        gradient: Whether to count the gradient with respect to the tokens too.
    """

    def extend(params, x, level, modulation):
        net = model.denoiser(params)
        cache = net.init_cache(rows, capacity)
        return net.extend(cache, x, level, start=jnp.int32(0), modulation=lambda _: modulation)[0]

    def extend_with_gradient(*args):
        return jax.value_and_grad(lambda *args: jnp.sum(extend(*args)), argnums=1)(*args)

    def precompute(params, level):
        return model.denoiser(params).precompute_modulation(jnp.zeros(1))(level)

    params = jax.eval_shape(lambda: model.init(0))
    x = jax.ShapeDtypeStruct((rows, width, model.layout.features), jnp.float32)
    level = jax.ShapeDtypeStruct((rows, width), jnp.float32)
    modulation = jax.eval_shape(precompute, params, level)
    function = extend_with_gradient if gradient else extend
    return count_flops(jax.jit(function).lower(params, x, level, modulation))


def count_flops(lowered: Any) -> float:
    """Return the FLOPs of a lowered program; XLA counts the body of a loop once."""
    return float(lowered.cost_analysis()["flops"])
