"""Noise levels for training: what each paradigm samples for the tokens of a sequence."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.types import Array, UserError, check_choice
from dfplan.util.validate import check_integers, check_numbers

PARADIGMS = ("independent", "shared", "teacher_forcing", "regression")


def _check_sum(settings: Any, a: str, b: str, prefix: str = "") -> None:
    """Check that fields `a` and `b` are probabilities of two exclusive cases."""
    share_a = getattr(settings, a)
    share_b = getattr(settings, b)
    # Rounding may put a sum such as 0.9 + 0.1 slightly above 1.
    if share_a + share_b > 1 + 1e-9:
        raise UserError(
            f"{prefix}{a} and {prefix}{b} must sum to at most 1, got {share_a} and {share_b}"
        )


@dataclasses.dataclass(frozen=True)
class NoiseLevelSampler:
    """Samples the levels of a single stream, `[B, T]` in [0, 1].

    - "independent": each token has its own uniform level (Chen et al. 2024, algorithm 1).
    - "shared": all tokens of a sequence have the same level (full-sequence diffusion; Janner et al.
      2022).
    - "teacher_forcing": clean up to a random token, which has a uniform level; pure noise after it
      (next-token diffusion).
    - "regression": as "teacher_forcing", but that token is pure noise too, so its estimate is the
      mean of what may follow (teacher-forced regression).

    On top of that, the tokens that a planner knows get the levels at which a planner shows them:
    the goal clean, missing or noisy, and the present often nearly clean.

    Attributes:
        paradigm: One of `PARADIGMS`.
        num_levels: Number K of discrete levels above 0, multiples of 1/K; 0 for continuous levels.
        goal_clean: Probability that a goal token is clean.
        goal_missing: Probability that a goal token is pure noise; otherwise its level is uniform.
        present_clean: Probability that the first state token's level is below `near`; ignored by
            "teacher_forcing" and "regression", whose history is clean.
        near: Upper bound of a nearly clean level.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    paradigm: str = "independent"
    num_levels: int = 0
    goal_clean: float = 0.75
    goal_missing: float = 0.15
    present_clean: float = 0.6
    near: float = 0.25

    def __post_init__(self):
        check_choice("paradigm", self.paradigm, PARADIGMS)
        check_numbers(self, "", ["present_clean", "near"], high=1.0)
        _check_goal_and_grid(self)

    def sample(self, key: Array, rows: int, tokens: int, has_goal: bool) -> Float[Array, "B T"]:
        """Sample the levels of `rows` sequences of `tokens` tokens, including the goal's."""
        k_level, k_goal, k_present, k_current = jax.random.split(key, 4)
        level = self._state_levels(k_level, k_current, rows, tokens=tokens - int(has_goal))
        if self.paradigm in ("independent", "shared"):
            level = level.at[:, 0].set(self._present_level(k_present, level[:, 0]))
        if has_goal:
            goal = sample_goal_level(k_goal, rows, clean=self.goal_clean, missing=self.goal_missing)
            level = jnp.concatenate([goal[:, None], level], axis=1)
        return snap_to_levels(level, self.num_levels, rounding="uniform")

    def _present_level(self, key: Array, level: Float[Array, "B"]) -> Float[Array, "B"]:
        k_kind, k_near = jax.random.split(key)
        near = self.near * jax.random.uniform(k_near, level.shape, jnp.float32)
        return jnp.where(
            jax.random.uniform(k_kind, level.shape, jnp.float32) < self.present_clean, near, level
        )

    def _state_levels(self, key: Array, k_current: Array, rows: int, tokens: int) -> Array:
        if self.paradigm == "independent":
            return jax.random.uniform(key, (rows, tokens), jnp.float32)
        shared = jnp.broadcast_to(jax.random.uniform(key, (rows, 1), jnp.float32), (rows, tokens))
        if self.paradigm == "shared":
            return shared
        if self.paradigm == "regression":
            shared = jnp.ones_like(shared)
        current = jax.random.randint(k_current, (rows, 1), 0, tokens, dtype=jnp.int32)
        token = jnp.arange(tokens, dtype=jnp.int32)
        return jnp.where(token < current, 0.0, jnp.where(token == current, shared, 1.0))


@dataclasses.dataclass(frozen=True)
class HistoryNoiseConfig:
    """Noise levels of the history stream in two-stream training.

    Attributes:
        clean: Probability of a nearly clean history, as in autoregressive sampling.
        ramp: Probability of a history whose levels rise along the sequence, as in pyramid sampling;
            other histories have independent levels.
        near: Upper bound of a nearly clean level.

    Raises:
        UserError: If a value is out of range.
    """

    clean: float = 0.6
    ramp: float = 0.2
    near: float = 0.1

    def __post_init__(self):
        check_numbers(self, "training.objective.history.", ["clean", "ramp", "near"], high=1.0)
        _check_sum(self, "clean", "ramp", prefix="training.objective.history.")


@dataclasses.dataclass(frozen=True)
class TwoStreamNoiseLevelSampler:
    """Samples the levels of a history stream and of a target stream independently.

    So each target is learned with histories as noisy as those that it is sampled with.

    Attributes:
        history: Noise levels of the history.
        pure: Whether all targets are pure noise, for regression.
        num_levels: See `NoiseLevelSampler`.
        goal_clean: See `NoiseLevelSampler`.
        goal_missing: See `NoiseLevelSampler`.

    Raises:
        UserError: If a value is out of range.
    """

    history: HistoryNoiseConfig = HistoryNoiseConfig()
    pure: bool = False
    num_levels: int = 0
    goal_clean: float = 0.75
    goal_missing: float = 0.15

    def __post_init__(self):
        _check_goal_and_grid(self)

    def sample_history(
        self, key: Array, rows: int, tokens: int, has_goal: bool
    ) -> Float[Array, "B T"]:
        """Sample the levels at which targets see their history."""
        k_kind, k_level, k_start, k_slope, k_goal = jax.random.split(key, 5)
        kind = jax.random.uniform(k_kind, (rows, 1), jnp.float32)
        level = jax.random.uniform(k_level, (rows, tokens), jnp.float32)
        start = jax.random.uniform(k_start, (rows, 1), minval=-1.0, dtype=jnp.float32)
        slope = jax.random.uniform(k_slope, (rows, 1), maxval=4.0 / tokens, dtype=jnp.float32)
        rising = jnp.clip(start + slope * jnp.arange(tokens, dtype=jnp.int32)[None], 0.0, 1.0)
        level = jnp.where(
            kind < self.history.clean,
            self.history.near * level,
            jnp.where(kind < self.history.clean + self.history.ramp, rising, level),
        )
        if has_goal:
            goal = sample_goal_level(k_goal, rows, clean=self.goal_clean, missing=self.goal_missing)
            level = level.at[:, 0].set(goal)
        return snap_to_levels(level, self.num_levels, rounding="uniform")

    def sample_targets(self, key: Array, rows: int, tokens: int) -> Float[Array, "B T"]:
        """Sample the levels of the targets: uniform, and stratified over each sequence."""
        if self.pure:
            return jnp.ones((rows, tokens), jnp.float32)
        k_offset, k_order = jax.random.split(key)
        offset = jax.random.uniform(k_offset, (rows, tokens), jnp.float32)
        order = jax.random.permutation(
            k_order,
            jnp.tile(jnp.arange(tokens, dtype=jnp.int32), (rows, 1)),
            axis=1,
            independent=True,
        )
        return snap_to_levels((order + offset) / tokens, self.num_levels, rounding="uniform")


def sample_prefix(
    key: Array, rows: int, tokens: int, *, first: int, longest: int
) -> Bool[Array, "B T"]:
    """Draw the length of a clean prefix for each sequence, and return which tokens are in it.

    Args:
        key: PRNG key.
        rows: Number of sequences.
        tokens: Tokens of a sequence, including the goal's.
        first: Index of the present, which a prefix begins with.
        longest: Largest number of tokens after the present; the number is uniform from 0, and a
            prefix of none is empty.
    """
    length = jax.random.randint(key, (rows, 1), 0, longest + 1, dtype=jnp.int32)
    after_present = jnp.arange(tokens, dtype=jnp.int32) - first
    return (length > 0) & (after_present >= 0) & (after_present <= length)


def sample_goal_level(key: Array, rows: int, clean: float, missing: float) -> Float[Array, "B"]:
    """Sample the level of a goal token: clean, missing, or uniform.

    Args:
        key: PRNG key.
        rows: Number of sequences.
        clean: Probability of level 0.
        missing: Probability of level 1.
    """
    k_kind, k_level = jax.random.split(key)
    kind = jax.random.uniform(k_kind, (rows,), jnp.float32)
    level = jax.random.uniform(k_level, (rows,), jnp.float32)
    return jnp.where(kind < clean, 0.0, jnp.where(kind < clean + missing, 1.0, level))


def _check_goal_and_grid(sampler: NoiseLevelSampler | TwoStreamNoiseLevelSampler) -> None:
    check_integers(sampler, "", minimum=0, names=["num_levels"])
    check_numbers(sampler, "", ["goal_clean", "goal_missing"], high=1.0)
    _check_sum(sampler, "goal_clean", "goal_missing")
