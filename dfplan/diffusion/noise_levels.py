"""Noise levels for training: what each paradigm draws for the tokens of a sequence."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.types import Array, UserError, check_choice

PARADIGMS = ("independent", "shared", "teacher_forcing", "regression")


@dataclasses.dataclass(frozen=True)
class NoiseLevelSampler:
    """Levels of a single stream, `[B, T]` in [0, 1].

    - "independent": each token has its own, uniform (Chen et al. 2024, algorithm 1).
    - "shared": one for all tokens of a sequence (full-sequence diffusion; Janner et al. 2022).
    - "teacher_forcing": clean up to a random token, which has a uniform level; pure noise after
      (next-token diffusion).
    - "regression": the same, with that token at pure noise too: its estimate is then the mean of
      what may follow (teacher-forced regression).

    On top of that a planner's known tokens are seen as a planner shows them: the goal clean,
    missing or noisy, and the present often nearly clean.

    Attributes:
        paradigm: see above.
        steps: K; levels are multiples of 1/K. 0 for continuous levels.
        goal_clean, goal_missing: probabilities that a goal token is clean, or pure noise; otherwise
            it is drawn uniformly.
        present_clean: probability that the first state token's level is drawn below `near`; not
            under "teacher_forcing" and "regression", whose history is clean.
        near: bound of a nearly clean level.

    Raises:
        UserError: when a value is unknown or out of range.
    """

    paradigm: str = "independent"
    steps: int = 0
    goal_clean: float = 0.75
    goal_missing: float = 0.15
    present_clean: float = 0.6
    near: float = 0.25

    def __post_init__(self):
        check_choice("paradigm", self.paradigm, PARADIGMS)
        _check(self, "goal_clean", "goal_missing", "present_clean", "near")

    def draw(self, key: Array, rows: int, tokens: int, has_goal: bool) -> Float[Array, "B T"]:
        """Levels of `rows` sequences of `tokens` tokens, the goal's among them."""
        k_level, k_goal, k_present, k_which = jax.random.split(key, 4)
        first = int(has_goal)
        level = self._paradigm(k_level, k_which, rows, tokens - first)
        if self.paradigm in ("independent", "shared"):
            level = level.at[:, 0].set(self._present(k_present, level[:, 0]))
        if has_goal:
            goal = goal_level(k_goal, rows, self.goal_clean, self.goal_missing)
            level = jnp.concatenate([goal[:, None], level], axis=1)
        return _discretise(level, self.steps)

    def _present(self, key: Array, level: Float[Array, "B"]) -> Float[Array, "B"]:
        k_kind, k_near = jax.random.split(key)
        near = self.near * jax.random.uniform(k_near, level.shape)
        return jnp.where(jax.random.uniform(k_kind, level.shape) < self.present_clean, near, level)

    def _paradigm(self, key: Array, k_which: Array, rows: int, tokens: int) -> Array:
        if self.paradigm == "independent":
            return jax.random.uniform(key, (rows, tokens))
        shared = jnp.broadcast_to(jax.random.uniform(key, (rows, 1)), (rows, tokens))
        if self.paradigm == "shared":
            return shared
        if self.paradigm == "regression":
            shared = jnp.ones_like(shared)
        which = jax.random.randint(k_which, (rows, 1), 0, tokens)
        here = jnp.arange(tokens)
        return jnp.where(here < which, 0.0, jnp.where(here == which, shared, 1.0))


@dataclasses.dataclass(frozen=True)
class TwoStreamNoiseLevelSampler:
    """Levels of a history stream and of a target stream, drawn apart.

    Each target token is then learned at the history quality it meets when sampled: mostly nearly
    clean (token by token), sometimes independent, sometimes rising along the sequence (pyramids).

    Attributes:
        clean: probability of a nearly clean history, whose levels are below `near`.
        ramp: probability of a history whose levels rise; the rest is independent.
        near: bound of a nearly clean level.
        pure: targets are all pure noise, for regression.
        steps, goal_clean, goal_missing: as for `NoiseLevelSampler`.

    Raises:
        UserError: when a value is out of range.
    """

    clean: float = 0.6
    ramp: float = 0.2
    near: float = 0.1
    pure: bool = False
    steps: int = 0
    goal_clean: float = 0.75
    goal_missing: float = 0.15

    def __post_init__(self):
        _check(self, "clean", "ramp", "near", "goal_clean", "goal_missing")
        check_sum(self, "clean", "ramp")

    def draw_history(
        self, key: Array, rows: int, tokens: int, has_goal: bool
    ) -> Float[Array, "B T"]:
        """Levels that targets see their history at."""
        k_kind, k_level, k_start, k_slope, k_goal = jax.random.split(key, 5)
        kind = jax.random.uniform(k_kind, (rows, 1))
        level = jax.random.uniform(k_level, (rows, tokens))
        start = jax.random.uniform(k_start, (rows, 1), minval=-1.0)
        slope = jax.random.uniform(k_slope, (rows, 1), maxval=4.0 / tokens)
        rising = jnp.clip(start + slope * jnp.arange(tokens), 0.0, 1.0)
        level = jnp.where(
            kind < self.clean,
            self.near * level,
            jnp.where(kind < self.clean + self.ramp, rising, level),
        )
        if has_goal:
            level = level.at[:, 0].set(goal_level(k_goal, rows, self.goal_clean, self.goal_missing))
        return _discretise(level, self.steps)

    def draw_targets(self, key: Array, rows: int, tokens: int) -> Float[Array, "B T"]:
        """Levels of the targets: uniform, and spread evenly over each sequence (stratified)."""
        if self.pure:
            return jnp.ones((rows, tokens))
        k_place, k_order = jax.random.split(key)
        place = jax.random.uniform(k_place, (rows, tokens))
        order = jax.random.permutation(
            k_order, jnp.tile(jnp.arange(tokens), (rows, 1)), axis=1, independent=True
        )
        return _discretise((order + place) / tokens, self.steps)


def goal_level(key: Array, rows: int, clean: float, missing: float) -> Float[Array, "B"]:
    """Level of a goal token: clean, missing, or anything in between."""
    k_kind, k_level = jax.random.split(key)
    kind = jax.random.uniform(k_kind, (rows,))
    level = jax.random.uniform(k_level, (rows,))
    return jnp.where(kind < clean, 0.0, jnp.where(kind < clean + missing, 1.0, level))


def _check(draw: NoiseLevelSampler | TwoStreamNoiseLevelSampler, *shares: str) -> None:
    if draw.steps < 0:
        raise UserError(f"noise levels must be at least 0 in number, got {draw.steps}")
    check_shares(draw, *shares)
    check_sum(draw, "goal_clean", "goal_missing")


def check_shares(settings: Any, *names: str, prefix: str = "") -> None:
    """Check that fields of `settings` are in [0, 1].

    Raises:
        UserError: naming the first that is not, after `prefix`.
    """
    for name in names:
        if not 0 <= getattr(settings, name) <= 1:
            raise UserError(f"{prefix}{name} must be in [0, 1], got {getattr(settings, name)}")


def check_sum(settings: Any, a: str, b: str, prefix: str = "") -> None:
    """Check that fields `a` and `b` are probabilities of two cases that exclude each other.

    Raises:
        UserError: naming both, after `prefix`.
    """
    share_a, share_b = getattr(settings, a), getattr(settings, b)
    # A hair above 1 is what rounding makes of 0.9 + 0.1.
    if share_a + share_b > 1 + 1e-9:
        raise UserError(
            f"{prefix}{a} {share_a} and {prefix}{b} {share_b} must be probabilities of at most 1 "
            "in sum"
        )


def _discretise(level: Array, steps: int) -> Array:
    """Multiples of 1/K, each of the K + 1 equally likely where `level` is uniform; 0 and 1 stay."""
    return snap_to_levels(level, steps, rounding="uniform")
