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
    NoiseLevelSampler,
    TwoStreamNoiseLevelSampler,
    check_shares,
    check_sum,
)
from dfplan.diffusion.parametrize import WEIGHTS, loss_weight, target, to_eps
from dfplan.model import Model
from dfplan.nets.bidirectional import BidirectionalTransformer, two_streams_need_causality
from dfplan.nets.network import Network
from dfplan.training.consistency import lower_estimate
from dfplan.types import Array, PyTree, UserError, check_choice

LOSSES = ("denoising", "consistency")


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """What one training step learns.

    Attributes:
        paradigm: noise levels "independent" per token (Diffusion Forcing), "shared" by all
            (full-sequence diffusion), "teacher_forcing" (next-token diffusion: clean history) or
            "regression" (clean history, and nothing of the next token: it is planned in 1 step).
        two_stream: Whether the noise levels of history and target are drawn separately, at twice
            the tokens (`Network.two_streams`), which planning token by token profits from. If not,
            each token is learned at the level that it is shown with. Invalid with the paradigm
            "shared".
        weight: of a token by its signal-to-noise ratio: "uniform", "min_snr" or "fused_min_snr".
        loss: what a token's estimate is to be: the clean token ("denoising"), or the network's own
            estimate of the same token at a lower level ("consistency"), so that few sampling
            steps do what many do. That takes two streams, and a run that was trained by denoising
            to begin with.
        consistency_steps: K; under "consistency" that level is lower by 1 / K.
        history_clean, history_ramp: of two streams, the shares of histories that are nearly clean,
            as sampling token by token meets them, and whose levels rise, as pyramids do; the rest
            is independent (`TwoStreamNoiseLevelSampler`). Without effect on a single stream, and under
            "teacher_forcing" and "regression", whose history is clean.
        history_near: bound of a nearly clean level; likewise.

    Raises:
        UserError: on an unknown choice, two streams with shared levels, or a value out of range.
    """

    paradigm: str = "independent"
    two_stream: bool = True
    weight: str = "uniform"
    loss: str = "denoising"
    consistency_steps: int = 8
    history_clean: float = 0.6
    history_ramp: float = 0.2
    history_near: float = 0.1

    def __post_init__(self):
        check_choice("training.objective.paradigm", self.paradigm, PARADIGMS)
        check_choice("training.objective.weight", self.weight, WEIGHTS)
        check_choice("training.objective.loss", self.loss, LOSSES)
        if self.two_stream and self.paradigm == "shared":
            raise UserError(
                "training.objective.two_stream draws the noise levels of history and target "
                "separately, and the paradigm 'shared' has one level for all; valid here: false"
            )
        if self.paradigm == "regression" and self.weight != "uniform":
            raise UserError(
                f"training.objective.weight {self.weight!r} is 0 at pure noise, all that the "
                "paradigm 'regression' learns from; valid here: uniform"
            )
        if self.loss == "consistency":
            self._check_consistency()
        prefix = "training.objective."
        check_shares(self, "history_clean", "history_ramp", "history_near", prefix=prefix)
        check_sum(self, "history_clean", "history_ramp", prefix)

    def _check_consistency(self) -> None:
        if not self.two_stream:
            raise UserError(
                "training.objective.loss 'consistency' compares a token's estimates after one and "
                "the same history, which needs training.objective.two_stream true"
            )
        if self.paradigm == "regression":
            raise UserError(
                "training.objective.loss 'consistency' compares levels, and the paradigm "
                "'regression' has one; valid here: independent, teacher_forcing"
            )
        if self.consistency_steps < 2:
            raise UserError(
                "training.objective.consistency_steps must be at least 2, "
                f"got {self.consistency_steps}"
            )

    def two_stream_noise_levels(self, steps: int) -> TwoStreamNoiseLevelSampler:
        """Levels of history and target apart, of `steps` discrete levels (0: continuous)."""
        if self.next_token:
            pure = self.paradigm == "regression"
            return TwoStreamNoiseLevelSampler(clean=1.0, ramp=0.0, near=0.0, pure=pure, steps=steps)
        shares = self.history_clean, self.history_ramp, self.history_near
        return TwoStreamNoiseLevelSampler(*shares, steps=steps)

    @property
    def next_token(self) -> bool:
        """Whether each token is learned after clean history alone."""
        return self.paradigm in ("teacher_forcing", "regression")


def check_model(config: ObjectiveConfig, model: Model) -> None:
    """Check that a model can learn what is asked of it.

    Raises:
        UserError: when it cannot, naming the settings that do not go together.
    """
    if config.two_stream and not model.net.causal:
        raise UserError(two_streams_need_causality())
    if config.next_token and not model.net.causal:
        raise UserError(
            f"training.objective.paradigm {config.paradigm!r} predicts a token from those before "
            "it, and net.attention 'bidirectional' sees what comes after; valid here: independent, "
            "shared"
        )
    if config.paradigm == "regression" and model.diffusion.parametrization == "eps":
        raise UserError(
            "diffusion.parametrization 'eps' says nothing of a token at pure noise, all that the "
            "paradigm 'regression' learns from; valid here: x0, v"
        )


class Noised(NamedTuple):
    """The network's input for one batch: S = T tokens, or 2T where history and target are apart.

    Attributes:
        clean: `[B, S, D]` tokens of all streams; the last T are targets.
        level: `[B, S]` theirs.
    """

    clean: Float[Array, "B S D"]
    level: Float[Array, "B S"]


def _streams(key: Array, model: Model, config: ObjectiveConfig, batch: Batch) -> Noised:
    """Levels as the paradigm draws them; tokens that are not there are pure noise in any."""
    tokens = batch.tokens
    rows, length = tokens.shape[:2]
    has_goal, steps = model.layout.has_goal, model.diffusion.num_levels
    if not config.two_stream:
        draw = NoiseLevelSampler(config.paradigm, steps)
        level = draw.draw(key, rows, length, has_goal)
        return Noised(tokens, jnp.where(batch.valid, level, 1.0))
    k_history, k_target = jax.random.split(key)
    draw = config.two_stream_noise_levels(steps)
    history = draw.draw_history(k_history, rows, length, has_goal)
    level = jnp.concatenate([history, draw.draw_targets(k_target, rows, length)], axis=1)
    both, valid = (jnp.concatenate([a, a], axis=1) for a in (tokens, batch.valid))
    return Noised(both, jnp.where(valid, level, 1.0))


def denoising_loss(
    params: PyTree,
    model: Model,
    config: ObjectiveConfig,
    key: Array,
    batch: Batch,
    teacher: PyTree | None = None,
) -> Float[Array, ""]:
    """Mean squared error of the network's prediction over the tokens that have noise to remove.

    Padding is pure noise, of which nothing can be learned: past the end of an episode, where a
    causal network lets it influence nothing and a bidirectional one is told not to see it, and
    before its start as in a planner's history. It is left out of the mean. So are clean tokens,
    which have nothing to learn from, and the goal, which is given or missing but never sampled.

    With the weights of a `teacher` the clean tokens are those of `lower_estimate`.
    """
    k_level, k_noise = jax.random.split(key)
    noised = _streams(k_level, model, config, batch)
    x, eps = diffuse(k_noise, model.schedule, noised.clean, noised.level)
    denoiser = model.denoiser(params)
    output = _evaluate(denoiser, config, x, noised.level, batch.valid)
    tokens = batch.tokens.shape[1]
    level = noised.level[:, -tokens:]
    clean, eps = batch.tokens, eps[:, -tokens:]
    alpha, sigma = (a[..., None] for a in model.schedule.alpha_sigma(level))
    if teacher is not None:
        steps, taught = config.consistency_steps, model.denoiser(teacher)
        clean = lower_estimate(denoiser, taught, model, steps, x, noised.level)
        eps = to_eps(x[:, -tokens:], clean, alpha, sigma)
    wanted = target(model.diffusion.parametrization, clean, eps, alpha, sigma)
    learned = batch.valid & (level > 0) & (jnp.arange(tokens) >= int(model.layout.has_goal))
    if config.next_token and not config.two_stream:
        # The tokens after the first noisy one are not there yet.
        learned &= jnp.cumsum(learned, axis=1) == 1
    weight = _weight(model, config, level, noised.level[:, :tokens])
    return masked_mse(output, wanted, weight, learned)


def _evaluate(
    denoiser: Network, config: ObjectiveConfig, x: Array, level: Array, valid: Array
) -> Array:
    if config.two_stream:
        return denoiser.two_streams(x, level)
    if isinstance(denoiser, BidirectionalTransformer):
        return denoiser(x, level, valid)
    return denoiser(x, level)


def _weight(
    model: Model, config: ObjectiveConfig, level: Float[Array, "B T"], history: Float[Array, "B T"]
) -> Float[Array, "B T"]:
    """Weights by the states' levels alone: a goal tells where to, and nothing of the start."""
    first = int(model.layout.has_goal)
    snr, seen = (_snr(model, a[:, first:]) for a in (level, history))
    weight = loss_weight(config.weight, model.diffusion.parametrization, snr, seen)
    return jnp.pad(weight, ((0, 0), (first, 0)))


def _snr(model: Model, level: Float[Array, "B T"]) -> Float[Array, "B T"]:
    alpha, sigma = model.schedule.alpha_sigma(level)
    return (alpha / jnp.maximum(sigma, 1e-4)) ** 2


def inverse_loss(params: PyTree, model: Model, batch: Batch) -> Float[Array, ""]:
    """Mean squared error of the inverse dynamics, normalised action units."""
    action = model.inverse(params)(batch.state, batch.next_state, batch.gap)
    return jnp.mean((action - batch.action) ** 2)
