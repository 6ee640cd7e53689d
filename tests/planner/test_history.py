"""The plan's history: what the network makes of noisy and missing tokens."""

import jax
import jax.numpy as jnp
import numpy as np

from .test_planner import MODEL, known_tokens, make_weights, plan
from .tiny import BATCH, GOAL, HISTORY, STATES, make_history, make_keys, make_planner


def test_it_is_the_networks_estimate_given_the_tokens_up_to_each():
    planner, keys, history = make_planner(MODEL), make_keys(), make_history(MODEL)
    found = np.asarray(plan(planner, keys, history).history)
    tokens, level = known_tokens(planner, [jax.random.split(k, 4)[0] for k in keys], history, GOAL)
    net = MODEL.denoiser(make_weights(MODEL).params)
    clean = np.asarray(history.level) == 0
    assert clean.any() and not clean.all()
    for last in range(HISTORY):  # one by one, so that no later token can be seen
        x, noise = (jnp.asarray(a[:, : last + 2], jnp.float32) for a in (tokens, level))
        estimate = STATES.decode(MODEL.x0(x, net(x, noise), noise)[:, -1])
        for b in range(BATCH):
            wanted = history.frames[b, last, -1] if clean[b, last] else estimate[b]
            np.testing.assert_allclose(found[b, last], wanted, rtol=1e-4, atol=1e-4)


def test_what_is_missing_may_be_nan():
    planner, history = make_planner(MODEL), make_history(MODEL)
    gone = history._replace(
        frames=jnp.where((history.level >= 1)[..., None, None], jnp.nan, history.frames)
    )
    assert np.isnan(gone.frames).any()
    there, imputed = (plan(planner, history=h) for h in (history, gone))
    for a, b in zip(jax.tree.leaves(there), jax.tree.leaves(imputed), strict=True):
        np.testing.assert_array_equal(a, b)
