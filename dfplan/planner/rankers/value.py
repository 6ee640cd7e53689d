"""ValueRanker: the candidate with the highest expected return wins."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Ranking, Weights
from dfplan.planner.select import never_arrives
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError
from dfplan.value.dataset import expected_return


@dataclasses.dataclass(frozen=True)
class ValueRanker:
    """Ranks candidates by the negative of the return that the critic expects of them.

    Attributes:
        layout: Token layout.
        config: Planner settings.

    Raises:
        UserError: If the goal is not reward, so that there is no critic.
    """

    layout: TokenLayout
    config: PlannerConfig

    def __post_init__(self):
        if not self.layout.reward_conditioned:
            raise UserError(
                "planner.ranker 'value' needs a run trained with data.goal 'reward'; "
                "valid here: auto, arrival"
            )

    def can_end_early(self, goal: Float[Array, "B G"] | None) -> bool:
        """Return False: every token of a candidate adds to its return."""
        return False

    def rank(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> Ranking:
        """Return the candidates' costs; see `Ranker`."""
        return Ranking(
            arrival=never_arrives(candidates, self.layout.stride),
            cost=-expected_return(
                weights.critic,
                weights.states,
                candidates,
                pessimism=self.config.goal.pessimism,
            ),
        )

    def is_decided(self, ranking: Ranking, complete: Array) -> Bool[Array, ""]:
        """Return False; see `can_end_early`."""
        return jnp.bool_(False)

    def hold_at_arrival(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> tuple[Float[Array, "B N T S"], Ranking]:
        """Return the candidates unchanged, as they do not arrive anywhere, and their costs."""
        return candidates, self.rank(candidates, goal, weights)
