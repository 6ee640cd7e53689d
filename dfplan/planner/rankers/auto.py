"""The ranker that suits the goal of a task."""

from dfplan.planner.config import PlannerConfig
from dfplan.planner.protocol import Ranker
from dfplan.planner.rankers.arrival import ArrivalRanker
from dfplan.planner.rankers.value import ValueRanker
from dfplan.representation.tokens import TokenLayout


def make_auto_ranker(layout: TokenLayout, config: PlannerConfig) -> Ranker:
    """Return a ranker by expected return where the goal is reward, and by arrival elsewhere."""
    if layout.reward_conditioned:
        return ValueRanker(layout, config)
    return ArrivalRanker(layout, config)
