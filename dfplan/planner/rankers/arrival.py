"""ArrivalRanker: the candidate that reaches the goal first, on the data support, wins."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.planner.config import PlannerConfig
from dfplan.planner.interpolation import hold_after
from dfplan.planner.measures import arrival, never_arrives, tokens_off_support
from dfplan.planner.plan import Ranking, Weights
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError


@dataclasses.dataclass(frozen=True)
class ArrivalRanker:
    """Ranks candidates by the control steps until they arrive, plus the OOD penalty.

    Attributes:
        layout: Token layout.
        config: Planner settings.
        hold: Whether candidates stay at the goal after they arrive, so that sampling can end once
            the best one has; otherwise they continue as sampled, for example to release an object.

    Raises:
        UserError: If the run's goal is reward.
    """

    layout: TokenLayout
    config: PlannerConfig
    hold: bool = True

    def __post_init__(self):
        if self.layout.reward_conditioned:
            raise UserError(
                "planner.ranker 'arrival' needs a goal state, and this run's goal is reward; "
                "valid here: auto, value"
            )

    def can_end_early(self, goal: Float[Array, "B G"] | None) -> bool:
        """Return whether there is a goal to arrive at."""
        return self.hold and goal is not None and self.layout.has_goal

    def rank(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> Ranking:
        """Return the candidates' arrivals and costs; see `Ranker`."""
        stride = self.layout.stride
        if goal is None or not self.layout.has_goal:
            never = never_arrives(candidates, stride)
            return Ranking(arrival=never, cost=never)
        position = candidates[..., jnp.asarray(self.layout.goal_dims, jnp.int32)]
        goals = jnp.broadcast_to(goal[:, None], (*candidates.shape[:2], goal.shape[-1]))
        token = arrival(position, goals, self.config.goal.tolerance)
        cost = token
        if weights.support is not None and self.config.ood_penalty > 0:
            off_support = tokens_off_support(position, token, weights.support)
            cost = cost + self.config.ood_penalty * off_support
        return Ranking(arrival=token * stride, cost=cost * stride)

    def is_decided(self, ranking: Ranking, complete: Array) -> Bool[Array, ""]:
        """Return whether each robot has a candidate that no unfinished one can beat.

        A candidate that has not arrived within the first `complete` tokens costs more than those
        tokens take.
        """
        return jnp.all(ranking.cost.min(axis=1) <= complete * self.layout.stride)

    def hold_at_arrival(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> tuple[Float[Array, "B N T S"], Ranking]:
        """Cut candidates where the best one arrives; each is at rest from its own arrival on.

        The result is the same in any batch, even if other robots needed more tokens.
        """
        assert goal is not None
        layout = self.layout
        best_cost = self.rank(candidates, goal, weights).cost.min(axis=1, keepdims=True)
        candidates = hold_after(candidates, best_cost / layout.stride)
        ranking = self.rank(candidates, goal, weights)
        token = jnp.arange(candidates.shape[2], dtype=jnp.int32)[None, None]
        after = token > jnp.ceil(ranking.arrival / layout.stride)[..., None]
        at_goal = candidates.at[..., jnp.asarray(layout.rest_dims, jnp.int32)].set(0.0)
        at_goal = at_goal.at[..., jnp.asarray(layout.goal_dims, jnp.int32)].set(goal[:, None, None])
        # States after the arrival change neither the arrival nor the cost.
        return jnp.where(after[..., None], at_goal, candidates), ranking
