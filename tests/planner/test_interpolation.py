"""Plans between tokens, and plans held from a token on."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.interpolation import hold_after, interpolate


@pytest.mark.parametrize("xp", [jnp, np])
def test_steps_between_tokens_are_on_a_line(xp):
    plan = xp.asarray([[[0.0, 1.0], [4.0, 1.0], [4.0, -3.0]]])
    expected = [[0, 1], [1, 1], [2, 1], [3, 1], [4, 1], [4, 0], [4, -1], [4, -2], [4, -3]]
    np.testing.assert_allclose(interpolate(plan, 4, xp), [expected])


def test_one_token_is_one_step():
    plan = jnp.ones((2, 1, 3))
    np.testing.assert_array_equal(interpolate(plan, 8), plan)


@pytest.mark.parametrize(
    ("count", "last"), [(0.0, 0), (1.0, 1), (1.2, 2), (3.0, 3), (9.0, 3), (-1.0, 0)]
)
def test_a_plan_stays_at_the_token_after_the_count(count, last):
    plan = jnp.arange(4.0)[None, :, None] + jnp.array([[[0.0]], [[10.0]]])  # two plans
    held = hold_after(plan, jnp.float32(count))
    np.testing.assert_array_equal(held[0, :, 0], np.minimum(np.arange(4), last))
    np.testing.assert_array_equal(held[1, :, 0], held[0, :, 0] + 10)


def test_each_plan_has_its_own_count():
    plan = jnp.broadcast_to(jnp.arange(4.0)[:, None], (2, 4, 1))
    held = hold_after(plan, jnp.array([0.5, 2.0]))
    np.testing.assert_array_equal(held[..., 0], [[0, 1, 1, 1], [0, 1, 2, 2]])
