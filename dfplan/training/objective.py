"""The training loss: denoise each token at its own noise level (Chen et al. 2024, algorithm 1)."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.data.windows import Batch
from dfplan.diffusion.draws import PARADIGMS, LevelDraw, TwoStreamDraw
from dfplan.diffusion.loss import diffuse, masked_mse
from dfplan.diffusion.parametrize import WEIGHTS, loss_weight, target
from dfplan.model import Model
from dfplan.types import Array, PyTree, UserError, check_choice

STREAMS = ("single", "two")


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """What one training step learns.

    Attributes:
        paradigm: noise levels "independent" per token (Diffusion Forcing), "shared" by all
            (full-sequence diffusion) or "teacher_forcing" (clean history).
        streams: "single" trains each token at the level it is shown with; "two" draws the levels
            of history and target apart, at twice the tokens (see `two_stream_mask`); it goes with
            the paradigms "independent" and "teacher_forcing".
        weight: of a token by its signal-to-noise ratio: "uniform", "min_snr" or "fused_min_snr".

    Raises:
        UserError: on an unknown choice, or two streams with shared levels.
    """

    paradigm: str = "independent"
    streams: str = "single"
    weight: str = "uniform"

    def __post_init__(self):
        check_choice("training.objective.paradigm", self.paradigm, PARADIGMS)
        check_choice("training.objective.streams", self.streams, STREAMS)
        check_choice("training.objective.weight", self.weight, WEIGHTS)
        if self.streams == "two" and self.paradigm == "shared":
            raise UserError(
                "training.objective.streams 'two' draws history and target apart, which the "
                "paradigm 'shared' forbids; valid here: single"
            )


def two_stream_mask(tokens: int) -> Bool[Array, "{2*tokens} {2*tokens}"]:
    """Who attends to whom among [history, target], both at positions 0..tokens-1.

    A history token sees history up to itself; a target token sees the history before it and
    itself. Each target then learns at the history quality and own level drawn for it, where one
    stream ties the two together.
    """
    here = jnp.arange(tokens)
    causal, before = here <= here[:, None], here < here[:, None]
    history = jnp.concatenate([causal, jnp.zeros_like(causal)], axis=1)
    own = jnp.concatenate([before, jnp.eye(tokens, dtype=bool)], axis=1)
    return jnp.concatenate([history, own], axis=0)


class Noised(NamedTuple):
    """The network's input for one batch, and what it is asked for; the last T tokens are targets.

    Attributes:
        clean: `[B, S, D]` tokens of all streams. level: `[B, S]` theirs.
        position: `[S]`. mask: `[1, S, S]`, or None for a causal one.
    """

    clean: Float[Array, "B S D"]
    level: Float[Array, "B S"]
    position: Array
    mask: Array | None


def _streams(
    key: Array, model: Model, config: ObjectiveConfig, tokens: Float[Array, "B T D"]
) -> Noised:
    rows, length = tokens.shape[:2]
    has_goal, steps = model.layout.has_goal, model.diffusion.levels
    position = jnp.arange(length)
    if config.streams == "single":
        draw = LevelDraw(config.paradigm, steps)
        return Noised(tokens, draw.draw(key, rows, length, has_goal), position, None)
    k_history, k_target = jax.random.split(key)
    draw = TwoStreamDraw(steps=steps)
    if config.paradigm == "teacher_forcing":
        draw = TwoStreamDraw(clean=1.0, ramp=0.0, near=0.0, steps=steps)
    history = draw.draw_history(k_history, rows, length, has_goal)
    level = jnp.concatenate([history, draw.draw_targets(k_target, rows, length)], axis=1)
    both = jnp.concatenate([tokens, tokens], axis=1)
    return Noised(both, level, jnp.tile(position, 2), two_stream_mask(length)[None])


def denoising_loss(
    params: PyTree, model: Model, config: ObjectiveConfig, key: Array, batch: Batch
) -> Float[Array, ""]:
    """Mean squared error of the network's prediction over the tokens that have noise to remove.

    Padding stands at the end of a sequence, where a causal network lets it influence nothing, so
    it needs no attention mask; it is left out of the mean. So are clean tokens, which have nothing
    to learn from, and the goal, which is given or missing but never sampled.
    """
    k_level, k_noise = jax.random.split(key)
    noised = _streams(k_level, model, config, batch.tokens)
    x, eps = diffuse(k_noise, model.schedule, noised.clean, noised.level)
    output = model.denoiser(params)(x, noised.level, position=noised.position, mask=noised.mask)
    tokens = batch.tokens.shape[1]
    level, output, eps = (a[:, -tokens:] for a in (noised.level, output, eps))
    alpha, sigma = model.schedule.alpha_sigma(level)
    wanted = target(
        model.diffusion.parametrization, batch.tokens, eps, alpha[..., None], sigma[..., None]
    )
    learned = batch.valid & (level > 0) & (jnp.arange(tokens) >= int(model.layout.has_goal))
    if config.paradigm == "teacher_forcing":
        learned &= level < 1  # the tokens after the one being learned are not there yet
    weight = _weight(model, config, level, noised.level[:, :tokens])
    return masked_mse(output, wanted, weight, learned)


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
