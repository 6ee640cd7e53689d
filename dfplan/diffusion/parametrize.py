"""What a network predicts: the clean token x0, the noise eps, or the velocity v.

A noised token is `x = alpha x0 + sigma eps`, and `v = alpha eps - sigma x0` (Salimans and Ho 2022).
Arrays broadcast: alpha and sigma are usually `[B, T, 1]`.
"""

from collections.abc import Callable

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
    """What the network has to predict."""
    check_choice("parametrization", kind, PARAMETRIZATIONS)
    return {"x0": x0, "eps": eps, "v": alpha * eps - sigma * x0}[kind]


def to_x0(kind: str, x: Array, output: Array, alpha: Array, sigma: Array) -> Array:
    """The clean token that a prediction stands for.

    At pure noise, eps says nothing of x0; the estimate there tends to 0, the mean of normalised
    data, when eps is exact.
    """
    check_choice("parametrization", kind, PARAMETRIZATIONS)
    if kind == "x0":
        return output
    if kind == "v":
        return alpha * x - sigma * output
    return (x - sigma * output) / jnp.maximum(alpha, MIN_ALPHA)


def to_eps(x: Array, x0: Array, alpha: Array, sigma: Array) -> Array:
    """The noise in `x` if its clean token is `x0`; any finite value where there is no noise."""
    return (x - alpha * x0) / jnp.maximum(sigma, MIN_SIGMA)


def _of_x0(kind: str) -> Callable[[Array], Array]:
    """Factor that turns a squared error of x0 into one of this prediction, by SNR."""
    return {
        "x0": lambda snr: jnp.ones_like(snr),
        "eps": lambda snr: snr,
        "v": lambda snr: snr + 1,
    }[kind]


def loss_weight(
    name: str,
    kind: str,
    snr: Float[Array, "B T"],
    history: Float[Array, "B T"] | None = None,
) -> Float[Array, "B T"]:
    """Weight of each token's squared error of a prediction of this kind.

    - "uniform": 1.
    - "min_snr": errors of x0 count by min(SNR, 5) (Hang et al. 2023, section 3.4).
    - "fused_min_snr": the same with a token's SNR fused with that of the tokens before it, since
      clean history tells of a noisy token (Chen et al. 2024, appendix, fused SNR reweighting):
      S' = 1 - (1 - S)(1 - 0.9 H), with S = SNR / 5 and H an exponential average of min(S, 1) over
      the tokens before. As in the paper's code, the average starts as the first token's own and
      decays by 0.9 a token; at the first token H is 0.

    Args:
        name: of the weighting.
        kind: "x0", "eps" or "v".
        snr: alpha**2 / sigma**2 of each token, time along the last axis.
        history: the same of each token as the tokens after it see it, where that differs.
    """
    check_choice("weight", name, WEIGHTS)
    check_choice("parametrization", kind, PARAMETRIZATIONS)
    if name == "uniform":
        return jnp.ones_like(snr)
    snr = jnp.maximum(snr, MIN_SNR)
    clipped = jnp.minimum(snr, SNR_CLIP)
    if name == "min_snr":
        return clipped / _of_x0(kind)(snr)
    seen = clipped if history is None else jnp.clip(history, MIN_SNR, SNR_CLIP)
    before = FUSED_DECAY * _history_snr(seen / SNR_CLIP)
    fused, fused_clipped = (before + (1 - before) * s for s in (snr / SNR_CLIP, clipped / SNR_CLIP))
    return SNR_CLIP * fused_clipped / _of_x0(kind)(SNR_CLIP * fused)


def _history_snr(s: Float[Array, "B T"]) -> Float[Array, "B T"]:
    """Exponential average of `s` over the tokens before each one; 0 at the first."""

    def step(average: Array, s: Array) -> tuple[Array, Array]:
        average = FUSED_DECAY * average + (1 - FUSED_DECAY) * s
        return average, average

    by_token = jnp.moveaxis(s, -1, 0)
    averages = jax.lax.scan(step, by_token[0], by_token[:-1])[1]
    return jnp.moveaxis(jnp.concatenate([jnp.zeros_like(by_token[:1]), averages]), 0, -1)
