"""CandidateRanker: what candidates cost, which robots have their best one, and what is left of a plan."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.planner.config import PlannerConfig
from dfplan.planner.select import arrival, between, hold, outside
from dfplan.planner.support import DataSupport
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, Cost


@dataclasses.dataclass(frozen=True)
class CandidateRanker:
    """Compares candidate plans `[B, N, P+1, S]`, SI units, the present first.

    Attributes:
        layout: of tokens.
        config: of the planner.
    """

    layout: TokenLayout
    config: PlannerConfig

    def cost(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        support: DataSupport | None,
    ) -> tuple[Float[Array, "B N"], Float[Array, "B N"]]:
        """Control steps until each candidate arrives, and what it costs."""
        if goal is None or not self.layout.has_goal:
            never = jnp.full(candidates.shape[:2], float(candidates.shape[2] * self.layout.stride))
            return never, never
        position = candidates[..., jnp.asarray(self.layout.goal_dims)]
        goals = jnp.broadcast_to(goal[:, None], (*candidates.shape[:2], goal.shape[-1]))
        token = arrival(position, goals, self.config.goal.tolerance)
        cost = token
        if support is not None and self.config.ood_penalty > 0:
            cost = cost + self.config.ood_penalty * outside(position, token, support)
        return token * self.layout.stride, cost * self.layout.stride

    def extra_cost(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        extra_cost: Cost,
    ) -> Float[Array, "B N"]:
        """What candidates pay at every control step."""
        ways = between(candidates, self.layout.stride)
        goals = None if goal is None else jnp.repeat(goal, ways.shape[1], axis=0)
        return extra_cost(ways.reshape(-1, *ways.shape[2:]), goals).reshape(ways.shape[:2])

    def decided(
        self,
        candidates: Float[Array, "B N T S"],
        complete: Array,
        goal: Float[Array, "B G"] | None,
        support: DataSupport | None,
    ) -> Bool[Array, ""]:
        """Whether each robot has a candidate that none of those still on their way can beat.

        Args:
            candidates: of which `complete` tokens are known; they are held there.
            complete, goal, support: as for the others.
        """
        _, cost = self.cost(candidates, goal, support)
        return jnp.all(cost.min(axis=1) <= complete * self.layout.stride)

    def held(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"],
        support: DataSupport | None,
    ) -> Float[Array, "B N T S"]:
        """Candidates up to where their robot's best one has arrived, and at rest after that.

        That is the same in any batch, whose other robots may have asked for more tokens.
        """
        layout = self.layout
        _, cost = self.cost(candidates, goal, support)
        candidates = hold(candidates, cost.min(axis=1, keepdims=True) / layout.stride)
        arrives, _ = self.cost(candidates, goal, support)
        token = jnp.arange(candidates.shape[2])
        after = token > jnp.ceil(arrives / layout.stride)[..., None]
        rest = candidates.at[..., jnp.asarray(layout.rest_dims, jnp.int32)].set(0.0)
        rest = rest.at[..., jnp.asarray(layout.goal_dims)].set(goal[:, None, None])
        return jnp.where(after[..., None], rest, candidates)
