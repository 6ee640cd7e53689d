"""Copies differ only in the tokens at pure noise, and depend only on their row."""

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.diffusion.resample_noise import resample_noise

KEYS = jax.random.split(jax.random.key(0), 3)
LEVEL = jnp.array([[0.0, 0.5, 1.0, 1.0], [0.2, 1.0, 0.9, 1.0], [0.0, 0.0, 0.0, 0.3]])


def copies(level=LEVEL, count=4, features=2, rows=slice(None), start=0):
    x = jax.random.normal(jax.random.key(1), (3, 4, features))
    windows = resample_noise(KEYS[rows], x[rows], level[rows], jnp.int32(start), count)
    return np.asarray(windows), np.asarray(x[rows])


def test_copies_differ_only_at_pure_noise():
    windows, x = copies()
    np.testing.assert_array_equal(windows[0], x)
    noise = np.asarray(LEVEL) == 1
    for i in range(4):
        np.testing.assert_array_equal(windows[i][~noise], x[~noise])
        for j in range(i):
            assert (windows[i][noise] != windows[j][noise]).all()


def test_noise_is_standard_normal():
    windows, _ = copies(count=3, features=20_000)
    drawn = windows[1:, np.asarray(LEVEL) == 1].astype(np.float64)
    np.testing.assert_allclose(drawn.mean(axis=-1), 0, atol=0.04)
    np.testing.assert_allclose(drawn.std(axis=-1), 1, atol=0.03)
    correlation = np.corrcoef(drawn.reshape(-1, drawn.shape[-1]))
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.04


def test_a_row_has_the_same_copies_in_any_batch():
    together, _ = copies()
    for row in range(3):
        alone, _ = copies(rows=slice(row, row + 1))
        np.testing.assert_array_equal(alone[:, 0], together[:, row])


def test_noise_depends_on_the_step():
    first, _ = copies()
    np.testing.assert_array_equal(first, copies()[0])
    later, _ = copies(LEVEL.at[0, 1].set(0.3))  # only of the first row
    assert (first[1:, 0, 2:] != later[1:, 0, 2:]).all()
    np.testing.assert_array_equal(first[:, 1:], later[:, 1:])


def test_a_token_has_the_same_noise_in_any_window():
    level = jnp.ones((3, 4))
    first = copies(level)[0][1:]
    moved = copies(level, start=2)[0][1:]
    np.testing.assert_array_equal(first[:, :, 2:], moved[:, :, :2])
