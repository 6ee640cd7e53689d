"""Query of a planner, and sampled tokens decoded to its candidate plans."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.planner.interpolation import hold_after
from dfplan.planner.measures import candidate_costs
from dfplan.planner.plan import Weights
from dfplan.planner.prefix import Prefix
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, Cost
from dfplan.value.dataset import expected_return


@dataclasses.dataclass(frozen=True)
class Query:
    """What a planning call asks for; decodes sampled tokens to the candidates of `B` robots.

    Attributes:
        layout: Token layout.
        weights: Trained weights.
        goal: `[B, G]` goals in SI units, or None.
        extra_cost: Cost on top of the ranker's, or None.
        present: `[B, S]` present states, SI units.
        prefix: Committed prefix, or None. The tokens are those that follow its whole tokens.
        extra_candidate: `[B, P-q, D]` tokens of one more candidate that is not sampled, or None.
        pessimism: Pessimism of expected returns, see `Critic.expected_return`.
    """

    layout: TokenLayout
    weights: Weights
    goal: Float[Array, "B G"] | None
    extra_cost: Cost | None
    present: Float[Array, "B S"]
    prefix: Prefix | None
    extra_candidate: Float[Array, "B P D"] | None
    pessimism: float = 0.0

    @property
    def committed(self) -> int:
        """Number of tokens q that are committed whole."""
        return 0 if self.prefix is None else self.prefix.whole_tokens(self.layout)

    def candidates(
        self, tokens: Float[Array, "BN R D"], complete: Array
    ) -> Float[Array, "B N T S"]:
        """Return all candidates; sampled ones are held from their last complete token on.

        Args:
            tokens: Sampled tokens, R = P - q.
            complete: Number of leading tokens of the plan that are clean.
        """
        sampled = hold_after(self.with_present(tokens), complete)
        if self.extra_candidate is None:
            return sampled
        extra = self.with_present(self.extra_candidate)
        return jnp.concatenate([sampled, extra], axis=1)

    def with_present(self, tokens: Float[Array, "BN R D"]) -> Float[Array, "B N T S"]:
        """Decode tokens to plans in SI units: the present, the prefix, the tokens; T = P + 1."""
        batch, dim = self.present.shape
        states = decode_states(self.layout, self.weights, tokens)
        states = states.reshape(batch, -1, tokens.shape[1], dim)
        known = self.present[:, None]
        if self.prefix is not None:
            known = jnp.concatenate([known, self.prefix.token_states(self.layout)], axis=1)
        known = jnp.broadcast_to(known[:, None], (*states.shape[:2], *known.shape[1:]))
        return jnp.concatenate([known, states], axis=2)

    def actions(self, tokens: Float[Array, "BN R D"]) -> Float[Array, "B N L A"] | None:
        """Return the candidates' actions, L = P * stride, or None if tokens hold none."""
        layout = self.layout
        if not layout.actions:
            return None
        batch = len(self.present)
        tokens = tokens.reshape(batch, -1, *tokens.shape[1:])
        if self.extra_candidate is not None:
            tokens = jnp.concatenate([tokens, self.extra_candidate[:, None]], axis=1)
        chunks = self.weights.actions.decode(layout.action_chunk(tokens))
        actions = chunks.reshape(batch, tokens.shape[1], -1, layout.action_dim)
        if self.prefix is None:
            return actions
        assert self.prefix.actions is not None
        known = jnp.asarray(self.prefix.actions)[:, None]
        known = jnp.broadcast_to(known, (*actions.shape[:2], *known.shape[2:]))
        return jnp.concatenate([known, actions[:, :, self.prefix.steps % layout.stride :]], axis=2)

    def extra_costs(self, candidates: Float[Array, "B N T S"]) -> Float[Array, "B N"]:
        """Return the extra cost of each candidate."""
        assert self.extra_cost is not None
        return candidate_costs(self.extra_cost, candidates, self.goal, stride=self.layout.stride)

    def scaled_returns(self, tokens: Float[Array, "BN R D"]) -> Float[Array, "BN"]:
        """Return the expected return of clean tokens, in units of the critic's scale."""
        critic = self.weights.critic
        assert critic is not None
        candidates = self.with_present(tokens)
        returns = expected_return(critic, self.weights.states, candidates, self.pessimism)
        return returns.reshape(-1) / critic.scale


def decode_states(
    layout: TokenLayout, weights: Weights, tokens: Float[Array, "*b T D"]
) -> Float[Array, "*b T S"]:
    """Return the state at each token's own control step, SI units."""
    return weights.states.decode(layout.states(tokens)[..., -1, :])
