"""The plan's history: the network's estimates of noisy and missing tokens."""

import jax
import jax.numpy as jnp
import numpy as np

from .test_diffusion_planner import MODEL, known_tokens, make_weights, plan
from .tiny import BATCH, GOAL, HISTORY, STATES, make_history, make_keys, make_planner


def test_each_state_is_estimated_from_the_tokens_up_to_it():
    planner = make_planner(MODEL)
    keys = make_keys()
    history = make_history(MODEL)
    filtered = np.asarray(plan(planner, keys, history).history)
    tokens, level = known_tokens(planner, [jax.random.split(k, 4)[0] for k in keys], history, GOAL)
    net = MODEL.denoiser(make_weights(MODEL).params)

    @jax.jit
    def estimate_last(x, noise):
        return STATES.decode(MODEL.x0(x, net(x, noise), noise)[:, -1])

    clean = np.asarray(history.level) == 0
    assert clean.any() and not clean.all()
    for last in range(HISTORY):  # one by one, so that no later token can leak in
        x, noise = (jnp.asarray(a[:, : last + 2], jnp.float32) for a in (tokens, level))
        estimate = estimate_last(x, noise)
        for b in range(BATCH):
            expected = history.frames[b, last, -1] if clean[b, last] else estimate[b]
            np.testing.assert_allclose(filtered[b, last], expected, rtol=1e-4, atol=1e-4)


def test_missing_values_may_be_nan():
    planner = make_planner(MODEL)
    history = make_history(MODEL)
    with_nan = history._replace(
        frames=jnp.where((history.level >= 1)[..., None, None], jnp.nan, history.frames)
    )
    assert np.isnan(with_nan.frames).any()
    jax.tree.map(
        np.testing.assert_array_equal,
        plan(planner, history=history),
        plan(planner, history=with_nan),
    )
