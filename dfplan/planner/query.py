"""Query of a planner, and sampled tokens decoded to its candidate plans."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.planner.plan import Weights
from dfplan.planner.select import candidate_costs, hold
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, Cost
from dfplan.value.dataset import expected_return


@dataclasses.dataclass(frozen=True)
class Query:
    """What a planning call asks for; decodes tokens `[BN, P, D]` to the candidates of `B` robots.

    Attributes:
        layout: Token layout.
        weights: Trained weights.
        goal: `[B, G]` goals in SI units, or None.
        extra_cost: Cost on top of the ranker's, or None.
        present: `[B, S]` present states, SI units.
        extra_candidate: `[B, P, D]` tokens of one more candidate that is not sampled, or None.
    """

    layout: TokenLayout
    weights: Weights
    goal: Float[Array, "B G"] | None
    extra_cost: Cost | None
    present: Float[Array, "B S"]
    extra_candidate: Float[Array, "B P D"] | None

    def candidates(
        self, tokens: Float[Array, "BN P D"], complete: Array
    ) -> Float[Array, "B N T S"]:
        """Return all candidates; sampled ones are held from their last complete token on.

        Args:
            tokens: Sampled tokens.
            complete: Number of leading tokens that are completely denoised.
        """
        sampled = hold(self.with_present(tokens), complete)
        if self.extra_candidate is None:
            return sampled
        extra = self.with_present(self.extra_candidate)
        return jnp.concatenate([sampled, extra], axis=1)

    def with_present(self, tokens: Float[Array, "BN P D"]) -> Float[Array, "B N T S"]:
        """Decode tokens to plans in SI units that begin with the present: T = P + 1."""
        batch, dim = self.present.shape
        states = decode_states(self.layout, self.weights, tokens)
        states = states.reshape(batch, -1, tokens.shape[1], dim)
        present = jnp.broadcast_to(self.present[:, None, None], (*states.shape[:2], 1, dim))
        return jnp.concatenate([present, states], axis=2)

    def actions(self, tokens: Float[Array, "BN P D"]) -> Float[Array, "B N L A"] | None:
        """Return the candidates' actions, L = P * stride, or None if tokens hold none."""
        layout = self.layout
        if not layout.actions:
            return None
        batch = len(self.present)
        tokens = tokens.reshape(batch, -1, *tokens.shape[1:])
        if self.extra_candidate is not None:
            tokens = jnp.concatenate([tokens, self.extra_candidate[:, None]], axis=1)
        chunks = self.weights.actions.decode(layout.action_chunk(tokens))
        return chunks.reshape(batch, tokens.shape[1], -1, layout.action_dim)

    def extra_costs(self, candidates: Float[Array, "B N T S"]) -> Float[Array, "B N"]:
        """Return the extra cost of each candidate."""
        assert self.extra_cost is not None
        return candidate_costs(self.extra_cost, candidates, self.goal, stride=self.layout.stride)

    def scaled_returns(self, tokens: Float[Array, "BN P D"]) -> Float[Array, "BN"]:
        """Return the expected return of clean tokens, in units of the critic's scale."""
        critic = self.weights.critic
        assert critic is not None
        candidates = self.with_present(tokens)
        returns = expected_return(critic, self.weights.states, candidates)
        return returns.reshape(-1) / critic.scale


def decode_states(
    layout: TokenLayout, weights: Weights, tokens: Float[Array, "*b T D"]
) -> Float[Array, "*b T S"]:
    """Return the state at each token's own control step, SI units."""
    return weights.states.decode(layout.states(tokens)[..., -1, :])
