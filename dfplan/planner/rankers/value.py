"""ValueRanker: the candidate with the highest expected return wins."""

import dataclasses

from jaxtyping import Float

from dfplan.planner.config import PlannerConfig
from dfplan.planner.measures import never_arrives
from dfplan.planner.plan import Ranking, Weights
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
