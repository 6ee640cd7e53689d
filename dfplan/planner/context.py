"""Context of a plan: what the denoiser sees before the tokens that are sampled.

That is the goal, the history and the tokens of a committed prefix.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.model import Model
from dfplan.nets.cache import repeat
from dfplan.nets.network import Network
from dfplan.planner.config import PlannerConfig
from dfplan.planner.noised_history import noised_histories
from dfplan.planner.plan import History, Weights
from dfplan.planner.prefix import Prefix
from dfplan.planner.query import decode_states
from dfplan.representation.normalizer import bound_input
from dfplan.types import Array, PyTree


@dataclasses.dataclass(frozen=True)
class ContextEncoder:
    """Shows goal, history and committed tokens to a denoiser.

    Attributes:
        model: Networks, token layout and noise schedule.
        config: Planner settings.
        horizon: Future tokens per plan, P, for which the cache has space.
        net: Denoiser network.
        weights: Trained weights.
        prefix: Committed prefix, or None.
    """

    model: Model
    config: PlannerConfig
    horizon: int
    net: Network
    weights: Weights
    prefix: Prefix | None = None

    def encode(
        self, keys: Key[Array, "B"], history: History, goal: Array | None, *, count: int
    ) -> tuple[PyTree, Float[Array, "B C D"]]:
        """Return the denoiser's carry after the context, and clean estimates of its tokens.

        With history guidance, the carry of each noised history is stacked on that of the observed
        one.

        Args:
            keys: PRNG keys, one per robot.
            history: Observed tokens.
            goal: Goals in SI units, or None.
            count: Candidates per robot, for each of which the carry is repeated.
        """
        cache, estimates = self._encode_tokens(keys, history, goal)
        carry = repeat(cache, count)
        if not self.config.history.guided:
            return carry, estimates
        noised_carries = []
        for noised in noised_histories(
            self.model, self.config, self.weights, keys=keys, history=history
        ):
            noised_cache, _ = self._encode_tokens(keys, noised, goal)
            noised_carries.append(repeat(noised_cache, count))
        return jax.tree.map(lambda *arrays: jnp.stack(arrays), carry, *noised_carries), estimates

    def filter(self, history: History, estimates: Float[Array, "B C D"]) -> Float[Array, "B H S"]:
        """Return the history's states: observed values where clean or not planned, else estimates.

        A causal network's estimate of a token uses the tokens up to it, so this is filtering.

        Args:
            history: Observed tokens.
            estimates: Clean estimates of the context's tokens, from `encode`.
        """
        first = int(self.model.layout.has_goal)
        tokens = estimates[:, first : first + history.level.shape[1]]
        states = decode_states(self.model.layout, self.weights, tokens)
        is_planned = np.isin(np.arange(states.shape[-1]), self.model.layout.planned_dims)
        is_estimated = (history.level[..., None] > 0) & is_planned[None, None]
        return jnp.where(is_estimated, states, history.frames[:, :, -1])

    def _encode_tokens(
        self, keys: Key[Array, "B"], history: History, goal: Array | None
    ) -> tuple[PyTree, Float[Array, "B C D"]]:
        """Extend an empty cache by the context; return it with the clean estimates."""
        layout = self.model.layout
        weights = self.weights
        tokens = layout.encode(
            weights.states.encode(history.frames), weights.actions.encode(history.actions)
        )
        level = snap_to_levels(history.level, self.model.diffusion.num_levels)
        if layout.has_goal:
            goal_token, is_shown = self._goal_token(goal, len(level))
            goal_level = jnp.full((len(level), 1), 0.0 if is_shown else 1.0, jnp.float32)
            tokens = jnp.concatenate([goal_token[:, None], tokens], 1)
            level = jnp.concatenate([goal_level, level], axis=1)
        horizon = self.horizon
        if self.prefix is not None:
            committed = self.prefix.encode(layout, weights)
            tokens = jnp.concatenate([tokens, committed], axis=1)
            level = jnp.pad(level, ((0, 0), (0, committed.shape[1])))
            horizon -= committed.shape[1]
        alpha, _ = self.model.schedule.alpha_sigma(level)
        noise = jax.vmap(lambda key: jax.random.normal(key, tokens.shape[1:], jnp.float32))(keys)
        # A sensor's reading already carries the noise declared for it, so it is only scaled to the
        # network's input at that level. A missing token is pure noise.
        is_missing = (level >= 1.0)[..., None]
        # The bound comes last, as a token declared noisy may lie far outside the data.
        noisy = jnp.where(is_missing, noise, bound_input(alpha[..., None] * tokens))
        cache = self.net.init_cache(len(tokens), tokens.shape[1] + horizon)
        output, cache = self.net.extend(cache, noisy, level, start=jnp.int32(0))
        return cache, self.model.x0(noisy, output, level)

    def _goal_token(self, goal: Array | None, batch: int) -> tuple[Float[Array, "B D"], bool]:
        """Return the first token of the sequence, and whether the network is shown it."""
        layout = self.model.layout
        is_shown = self.config.goal.as_token
        if layout.reward_conditioned:
            quantile = jnp.full(batch, self.config.goal.return_quantile, jnp.float32)
            return layout.return_quantile_token(quantile), is_shown
        if goal is None:
            return jnp.zeros((batch, layout.features), jnp.float32), False
        return layout.goal_token(goal, self.weights.states), is_shown
