"""Other futures differ in the tokens at pure noise alone, and are each row's own."""

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.diffusion.resample_noise import resample_noise

KEYS = jax.random.split(jax.random.key(0), 3)
LEVEL = jnp.array([[0.0, 0.5, 1.0, 1.0], [0.2, 1.0, 0.9, 1.0], [0.0, 0.0, 0.0, 0.3]])


def copies(level=LEVEL, count=4, features=2, rows=slice(None), start=0):
    x = jax.random.normal(jax.random.key(1), (3, 4, features))
    found = resample_noise(KEYS[rows], x[rows], level[rows], jnp.int32(start), count)
    return np.asarray(found), np.asarray(x[rows])


def test_copies_differ_where_there_is_pure_noise_alone():
    found, x = copies()
    np.testing.assert_array_equal(found[0], x)
    noise = np.asarray(LEVEL) == 1
    for i in range(4):
        np.testing.assert_array_equal(found[i][~noise], x[~noise])
        for j in range(i):
            assert (found[i][noise] != found[j][noise]).all()


def test_their_noise_is_standard_normal():
    found, _ = copies(count=3, features=20_000)
    drawn = found[1:, np.asarray(LEVEL) == 1].astype(np.float64)
    np.testing.assert_allclose(drawn.mean(axis=-1), 0, atol=0.04)
    np.testing.assert_allclose(drawn.std(axis=-1), 1, atol=0.03)
    correlation = np.corrcoef(drawn.reshape(-1, drawn.shape[-1]))
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.04


def test_a_row_has_the_same_copies_in_any_batch():
    together, _ = copies()
    for row in range(3):
        alone, _ = copies(rows=slice(row, row + 1))
        np.testing.assert_array_equal(alone[:, 0], together[:, row])


def test_every_step_has_its_own_noise_and_the_same_step_the_same():
    first, _ = copies()
    np.testing.assert_array_equal(first, copies()[0])
    later, _ = copies(LEVEL.at[0, 1].set(0.3))  # of the first row alone
    assert (first[1:, 0, 2:] != later[1:, 0, 2:]).all()
    np.testing.assert_array_equal(first[:, 1:], later[:, 1:])


def test_a_token_has_its_own_noise_wherever_the_window_begins():
    level = jnp.ones((3, 4))
    here, moved = copies(level)[0][1:], copies(level, start=2)[0][1:]
    np.testing.assert_array_equal(here[:, :, 2:], moved[:, :, :2])
