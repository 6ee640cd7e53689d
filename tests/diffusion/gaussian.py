"""Correlated Gaussian tokens, their exact denoiser, and the distribution that DDIM ends with."""

import dataclasses

import jax.numpy as jnp
import numpy as np

TOKENS = 6
FEATURES = 2
SIZE = TOKENS * FEATURES


def _correlated() -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance; neighbors in time and features of a token are correlated."""
    time = np.arange(TOKENS)
    between_tokens = 0.8 ** np.abs(time[:, None] - time) * (
        1 + 0.1 * np.minimum(time[:, None], time)
    )
    covariance = np.kron(between_tokens, [[1.0, 0.5], [0.5, 0.7]])
    return np.linspace(-1, 1.5, SIZE), covariance


MEAN, COVARIANCE = _correlated()


def posterior(alpha, sigma, xp=np):
    """Return the gain G of E[x0 | x] = MEAN + G (x - alpha MEAN), with alpha, sigma per feature."""
    covariance = xp.asarray(COVARIANCE)
    signal = alpha[..., :, None] * covariance
    observed = signal * alpha[..., None, :] + sigma[..., None] ** 2 * xp.eye(SIZE)
    return xp.swapaxes(xp.linalg.solve(observed, signal), -1, -2)


@dataclasses.dataclass(frozen=True)
class Exact:
    """A denoiser that returns E[x0 | x], or E[x0_t | x_0..x_t] for each token if `causal`."""

    schedule: object
    causal: bool = False

    def __call__(self, carry, x, level, start):
        """Evaluate all tokens; every row must have the same levels."""
        alpha, sigma = (jnp.repeat(a, FEATURES) for a in self.schedule.alpha_sigma(level[0]))
        if self.causal:
            gain = jnp.concatenate(
                [self._gain_of_token(t, alpha, sigma) for t in range(TOKENS)], axis=0
            )
        else:
            gain = posterior(alpha, sigma, jnp)
        mean = jnp.asarray(MEAN, x.dtype)
        off = x.reshape(len(x), SIZE) - (alpha * mean)[None]
        return (mean[None] + off @ gain.T).reshape(x.shape), carry

    @staticmethod
    def _gain_of_token(t, alpha, sigma):
        # A token with alpha 0 carries no information, which hides the later ones.
        later = jnp.arange(SIZE) >= (t + 1) * FEATURES
        gain = posterior(jnp.where(later, 0, alpha), jnp.where(later, 1, sigma), jnp)
        return gain[t * FEATURES : (t + 1) * FEATURES]


def end_law(schedule, levels, eta):
    """Return mean and covariance of DDIM's result from N(0, 1), in double precision.

    A step samples x_t given x_s and the estimate of x0 by equation 12 of Song et al. 2021, which
    at eta 1 is the posterior of Ho et al. 2020.
    """
    mean = np.zeros(SIZE)
    covariance = np.eye(SIZE)
    alphas, sigmas = (np.repeat(np.float64(a), FEATURES, 1) for a in schedule.alpha_sigma(levels))
    gains = posterior(alphas, sigmas)
    for m, gain in enumerate(gains[:-1]):
        (a_s, a_t) = alphas[m : m + 2]
        (s_s, s_t) = sigmas[m : m + 2]
        moves = (a_s != a_t) | (s_s != s_t)
        a_t1 = np.where(moves, a_t, 1)  # avoids division by 0 where nothing moves
        fresh = eta * s_t / np.where(moves, s_s, 1) * np.sqrt(np.maximum(1 - (a_s / a_t1) ** 2, 0))
        by_eps = np.sqrt(np.maximum(s_t**2 - fresh**2, 0)) / np.where(moves, s_s, 1)
        by_x = np.where(moves, by_eps, 1)
        by_x0 = np.where(moves, a_t - a_s * by_eps, 0)
        step = np.diag(by_x) + by_x0[:, None] * gain
        mean = step @ mean + by_x0 * (MEAN - gain @ (a_s * MEAN))
        covariance = step @ covariance @ step.T + np.diag(np.where(moves, fresh, 0) ** 2)
    return mean, covariance


def distance(mean, covariance):
    """Return the largest error of mean and covariance, in units whitened by COVARIANCE."""
    white = np.linalg.inv(np.linalg.cholesky(COVARIANCE))
    error = np.abs(white @ (mean - MEAN)).max()
    return max(error, np.abs(white @ covariance @ white.T - np.eye(SIZE)).max())
