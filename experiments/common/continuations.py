"""Rollouts of trained networks: observed trajectories continued beyond the training windows."""

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.forecast.sample import sample_futures
from dfplan.planner.diffusion_planner import as_diffusion_planner
from dfplan.planner.plan import History
from dfplan.runs.run import load_weights
from experiments.common.trained import Trained


def continue_histories(trained: Trained, history: History, *, seed: int, tokens: int) -> np.ndarray:
    """Sample one continuation of each history.

    Args:
        trained: Trained run, whose planner sets how many of the latest tokens are seen and the
            noise level that they are declared to have.
        history: Histories `[R, H, ...]`.
        seed: PRNG seed.
        tokens: Tokens to sample, P.

    Returns:
        States `[R, P+1, S]`, the observed present first.
    """
    run = trained.run.with_planner({"candidates": 1})
    planner = as_diffusion_planner(run.make_planner())
    latest: History = jax.tree.map(lambda a: a[:, -planner.config.history.tokens :], history)
    level = jnp.full(latest.level.shape, planner.config.history.level)
    weights = load_weights(run, trained.directory)
    samples = sample_futures(
        planner, weights, history=latest._replace(level=level), seed=seed, tokens=tokens
    )
    present = np.asarray(latest.frames)[:, -1:, -1]
    return np.concatenate([present, samples[:, 0]], axis=1)
