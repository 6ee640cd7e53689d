"""The training loss: denoise each token at its own noise level (Chen et al. 2024, algorithm 1)."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.data.windows import Batch
from dfplan.diffusion.loss import diffuse, masked_mse
from dfplan.diffusion.noise_levels import (
    PARADIGMS,
    HistoryNoiseConfig,
    NoiseLevelSampler,
    TwoStreamNoiseLevelSampler,
    sample_prefix,
)
from dfplan.diffusion.parametrize import WEIGHTS, loss_weight, target, to_eps
from dfplan.model import Model
from dfplan.nets.network import Network
from dfplan.training.consistency import lower_estimate
from dfplan.types import Array, PyTree, UserError, check_choice
from dfplan.util.validate import check_integers

LOSSES = ("denoising", "consistency")
MAX_PREFIX = 10_000
PREFIX_STREAM = 2
"""Number of the PRNG stream of clean prefixes, apart from those of the noise levels."""


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """What a training step learns.

    Attributes:
        paradigm: How noise levels are sampled: "independent" per token (Diffusion Forcing),
            "shared" by all tokens (full-sequence diffusion), "teacher_forcing" (next-token
            diffusion: clean history) or "regression" (clean history and pure noise, so the next
            token is predicted in 1 step).
        two_stream: Whether the noise levels of history and target are sampled separately, at twice
            the tokens (`Network.two_streams`), which benefits autoregressive planning. If not, a
            token is learned at the same level at which later tokens see it. Invalid with the
            paradigm "shared".
        weight: Weight of a token by its signal-to-noise ratio: "uniform", "min_snr" or
            "fused_min_snr".
        loss: Target of a token's estimate: the clean token ("denoising"), or the network's own
            estimate of the same token at a lower level ("consistency"), so that few sampling steps
            do the work of many. The latter needs two streams and weights that were trained by
            denoising to start from.
        consistency_steps: Steps K of "consistency", whose lower level is lower by 1 / K.
        history: Noise levels of the history stream; ignored with a single stream, and by
            "teacher_forcing" and "regression", whose history is clean.
        prefix_tokens: Longest clean prefix, for real-time chunking: the first tokens after the
            present, a random number from 0 to this one in each sequence, are clean, and only those
            after them are learned (arXiv 2512.05964). 0 for none.

    Raises:
        UserError: If a value is unknown or out of range, or settings exclude each other.
    """

    paradigm: str = "independent"
    two_stream: bool = True
    weight: str = "uniform"
    loss: str = "denoising"
    consistency_steps: int = 8
    history: HistoryNoiseConfig = HistoryNoiseConfig()
    prefix_tokens: int = 0

    def __post_init__(self):
        check_choice("training.objective.paradigm", self.paradigm, PARADIGMS)
        check_choice("training.objective.weight", self.weight, WEIGHTS)
        check_choice("training.objective.loss", self.loss, LOSSES)
        if self.two_stream and self.paradigm == "shared":
            raise UserError(
                "training.objective.two_stream samples the noise levels of history and target "
                "separately, but the paradigm 'shared' has one level for all tokens; valid: false"
            )
        if self.paradigm == "regression" and self.weight != "uniform":
            raise UserError(
                f"training.objective.weight {self.weight!r} is 0 at pure noise, the only level of "
                "the paradigm 'regression'; valid: uniform"
            )
        if self.loss == "consistency":
            self._check_consistency()
        names = ["prefix_tokens"]
        check_integers(self, "training.objective.", minimum=0, names=names, maximum=MAX_PREFIX)

    def _check_consistency(self) -> None:
        if not self.two_stream:
            raise UserError(
                "training.objective.loss 'consistency' compares estimates of a token given the "
                "same history, which needs training.objective.two_stream true"
            )
        if self.paradigm == "regression":
            raise UserError(
                "training.objective.loss 'consistency' compares noise levels, but the paradigm "
                "'regression' has only one; valid: independent, teacher_forcing"
            )
        check_integers(
            self, "training.objective.", minimum=2, names=["consistency_steps"], maximum=10**6
        )

    def two_stream_noise_levels(self, num_levels: int) -> TwoStreamNoiseLevelSampler:
        """Return the sampler of noise levels for two streams.

        Args:
            num_levels: Number of discrete levels; 0 for continuous ones.
        """
        if not self.next_token:
            return TwoStreamNoiseLevelSampler(self.history, num_levels=num_levels)
        clean = HistoryNoiseConfig(clean=1.0, ramp=0.0, near=0.0)
        pure = self.paradigm == "regression"
        return TwoStreamNoiseLevelSampler(clean, pure=pure, num_levels=num_levels)

    @property
    def next_token(self) -> bool:
        """Whether each token is learned only after a clean history."""
        return self.paradigm in ("teacher_forcing", "regression")


def check_model(config: ObjectiveConfig, model: Model) -> None:
    """Check that a model can be trained with an objective.

    Raises:
        UserError: If it cannot; the message names the settings that exclude each other.
    """
    kind = model.net.kind
    if config.two_stream and not model.net.network.supports_two_stream:
        reason = "does not support it" if model.net.causal else "sees later tokens"
        raise UserError(
            "training.objective.two_stream learns each token from the history before it, but "
            f"net.kind {kind!r} {reason}; valid: false"
        )
    if config.next_token and not model.net.causal:
        raise UserError(
            f"training.objective.paradigm {config.paradigm!r} predicts a token from those before "
            f"it, but net.kind {kind!r} sees later tokens; valid: independent, shared"
        )
    if config.paradigm == "regression" and model.diffusion.parametrization == "eps":
        raise UserError(
            "diffusion.parametrization 'eps' carries no information about a token at pure noise, "
            "the only level of the paradigm 'regression'; valid: x0, v"
        )


class Noised(NamedTuple):
    """The network's input for one batch: S = T tokens, or S = 2T for history and target.

    Attributes:
        clean: Tokens of all streams; the last T are targets.
        level: Their noise levels.
    """

    clean: Float[Array, "B S D"]
    level: Float[Array, "B S"]


def denoising_loss(
    params: PyTree,
    model: Model,
    config: ObjectiveConfig,
    key: Array,
    batch: Batch,
    teacher: PyTree | None = None,
) -> Float[Array, ""]:
    """Return the mean squared error of the network's prediction over the noised tokens.

    Padding is pure noise, from which nothing can be learned: after the end of an episode, where it
    cannot influence a causal network and is masked in a bidirectional one, and before the start, as
    in a planner's history. It is left out of the mean. So are clean tokens, which have no noise to
    remove, and the goal, which is given or missing but never sampled.

    Args:
        params: Parameters of the model.
        model: Description of the networks.
        config: Objective.
        key: PRNG key for noise levels and noise.
        batch: Windows of training data.
        teacher: Parameters of the teacher, whose `lower_estimate` replaces the clean tokens as the
            target; None for denoising.
    """
    k_level, k_noise = jax.random.split(key)
    noised = _sample_levels(k_level, model, config, batch=batch)
    x, eps = diffuse(k_noise, model.schedule, noised.clean, level=noised.level)
    denoiser = model.denoiser(params)
    output = _evaluate(denoiser, config, x, level=noised.level, valid=batch.valid)
    tokens = batch.tokens.shape[1]
    level = noised.level[:, -tokens:]
    clean = batch.tokens
    eps = eps[:, -tokens:]
    alpha, sigma = (a[..., None] for a in model.schedule.alpha_sigma(level))
    if teacher is not None:
        clean = lower_estimate(
            student=denoiser,
            teacher=model.denoiser(teacher),
            model=model,
            steps=config.consistency_steps,
            x=x,
            level=noised.level,
        )
        eps = to_eps(x[:, -tokens:], clean, alpha=alpha, sigma=sigma)
    prediction_target = target(
        model.diffusion.parametrization, clean, eps, alpha=alpha, sigma=sigma
    )
    is_state = jnp.arange(tokens, dtype=jnp.int32)[None] >= int(model.layout.has_goal)
    learned = batch.valid & (level > 0) & is_state
    if config.next_token and not config.two_stream:
        # Only the first noisy token is learned; those after it are not sampled yet.
        learned &= jnp.cumsum(learned, axis=1) == 1
    weight = _weight(model, config, level, history=noised.level[:, :tokens])
    return masked_mse(output, prediction_target, weight, valid=learned)


def inverse_loss(params: PyTree, model: Model, batch: Batch) -> Float[Array, ""]:
    """Return the mean squared error of the inverse dynamics, in normalized action units."""
    action = model.inverse(params)(batch.state, batch.next_state, batch.gap)
    return jnp.mean((action - batch.action) ** 2)


def _sample_levels(key: Array, model: Model, config: ObjectiveConfig, batch: Batch) -> Noised:
    """Sample the paradigm's noise levels; padding is pure noise in all of them."""
    rows, length = batch.tokens.shape[:2]
    has_goal = model.layout.has_goal
    num_levels = model.diffusion.num_levels
    if not config.two_stream:
        sampler = NoiseLevelSampler(config.paradigm, num_levels)
        level = sampler.sample(key, rows, length, has_goal=has_goal)
        streams = 1
    else:
        k_history, k_target = jax.random.split(key)
        sampler = config.two_stream_noise_levels(num_levels)
        history_level = sampler.sample_history(k_history, rows, length, has_goal=has_goal)
        target_level = sampler.sample_targets(k_target, rows, length)
        level = jnp.concatenate([history_level, target_level], axis=1)
        streams = 2
    if config.prefix_tokens:
        is_known = sample_prefix(
            jax.random.fold_in(key, PREFIX_STREAM),
            rows,
            length,
            first=int(has_goal),
            longest=config.prefix_tokens,
        )
        level = jnp.where(jnp.tile(is_known, streams), 0.0, level)
    valid = jnp.tile(batch.valid, streams)
    return Noised(jnp.tile(batch.tokens, (1, streams, 1)), jnp.where(valid, level, 1.0))


def _evaluate(
    denoiser: Network, config: ObjectiveConfig, x: Array, level: Array, valid: Array
) -> Array:
    if config.two_stream:
        return denoiser.two_streams(x, level)
    return denoiser(x, level, valid)


def _weight(
    model: Model, config: ObjectiveConfig, level: Float[Array, "B T"], history: Float[Array, "B T"]
) -> Float[Array, "B T"]:
    """Return loss weights by the states' levels only: a clean goal does not reveal the start."""
    first = int(model.layout.has_goal)
    weight = loss_weight(
        config.weight,
        model.diffusion.parametrization,
        snr=_snr(model, level[:, first:]),
        history=_snr(model, history[:, first:]),
    )
    return jnp.pad(weight, ((0, 0), (first, 0)))


def _snr(model: Model, level: Float[Array, "B T"]) -> Float[Array, "B T"]:
    alpha, sigma = model.schedule.alpha_sigma(level)
    return (alpha / jnp.maximum(sigma, 1e-4)) ** 2
