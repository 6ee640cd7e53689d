"""What a network predicts: the clean token x0, the noise eps, or the velocity v.

A noised token is `x = alpha x0 + sigma eps`, and `v = alpha eps - sigma x0` (Salimans and Ho 2022).
Arrays broadcast: alpha and sigma are usually `[B, T, 1]`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.types import Array, check_choice

PARAMETRIZATIONS = ("x0", "eps", "v")
WEIGHTS = ("uniform", "min_snr", "fused_min_snr")
MIN_ALPHA = 1e-3
MIN_SIGMA = 1e-6
MIN_SNR = 1e-8
SNR_CLIP = 5.0
FUSED_DECAY = 0.9


def target(kind: str, x0: Array, eps: Array, alpha: Array, sigma: Array) -> Array:
    """Return what the network has to predict; `kind` is one of `PARAMETRIZATIONS`."""
    check_choice("parametrization", kind, PARAMETRIZATIONS)
    return {"x0": x0, "eps": eps, "v": alpha * eps - sigma * x0}[kind]


def to_x0(kind: str, x: Array, output: Array, alpha: Array, sigma: Array) -> Array:
    """Return the clean token that a prediction implies.

    At pure noise, eps carries no information about x0; the estimate then tends to 0, the mean of
    normalized data, if eps is exact.
    """
    check_choice("parametrization", kind, PARAMETRIZATIONS)
    if kind == "x0":
        return output
    if kind == "v":
        return alpha * x - sigma * output
    return (x - sigma * output) / jnp.maximum(alpha, MIN_ALPHA)


def to_eps(x: Array, x0: Array, alpha: Array, sigma: Array) -> Array:
    """Return the noise in `x` if its clean token is `x0`; some finite value where sigma is 0."""
    return (x - alpha * x0) / jnp.maximum(sigma, MIN_SIGMA)


def loss_weight(
    name: str,
    kind: str,
    snr: Float[Array, "B T"],
    history: Float[Array, "B T"] | None = None,
) -> Float[Array, "B T"]:
    """Return the weight of each token's squared prediction error.

    - "uniform": 1.
    - "min_snr": errors of x0 count by min(SNR, 5) (Hang et al. 2023, section 3.4).
    - "fused_min_snr": as "min_snr", with a token's SNR fused with that of the tokens before it, as
      clean history is informative about a noisy token (Chen et al. 2024, appendix, fused SNR
      reweighting): S' = 1 - (1 - S)(1 - 0.9 H), with S = SNR / 5 and H an exponential average of
      min(S, 1) over the tokens before. As in the paper's code, the average starts at the first
      token's own value and decays by 0.9 per token; at the first token H is 0.

    Args:
        name: One of `WEIGHTS`.
        kind: Prediction of the network, "x0", "eps" or "v".
        snr: alpha**2 / sigma**2 of each token; time is the last axis.
        history: SNR of each token as later tokens see it; `snr` by default.
    """
    check_choice("weight", name, WEIGHTS)
    check_choice("parametrization", kind, PARAMETRIZATIONS)
    if name == "uniform":
        return jnp.ones_like(snr)
    snr = jnp.maximum(snr, MIN_SNR)
    clipped = jnp.minimum(snr, SNR_CLIP)
    if name == "min_snr":
        return clipped / _error_ratio(kind, snr)
    history = clipped if history is None else jnp.clip(history, MIN_SNR, SNR_CLIP)
    before = FUSED_DECAY * _history_snr(history / SNR_CLIP)
    fused = before + (1 - before) * (snr / SNR_CLIP)
    fused_clipped = before + (1 - before) * (clipped / SNR_CLIP)
    return SNR_CLIP * fused_clipped / _error_ratio(kind, SNR_CLIP * fused)


def _error_ratio(kind: str, snr: Array) -> Array:
    """Return the squared error of this prediction over the squared error of x0."""
    if kind == "x0":
        return jnp.ones_like(snr)
    return snr if kind == "eps" else snr + 1


def _history_snr(s: Float[Array, "B T"]) -> Float[Array, "B T"]:
    """Return the exponential average of `s` over the tokens before each one; 0 at the first."""

    def step(average: Array, s: Array) -> tuple[Array, Array]:
        average = FUSED_DECAY * average + (1 - FUSED_DECAY) * s
        return average, average

    by_token = jnp.moveaxis(s, -1, 0)
    averages = jax.lax.scan(step, by_token[0], by_token[:-1])[1]
    return jnp.moveaxis(jnp.concatenate([jnp.zeros_like(by_token[:1]), averages]), 0, -1)
