"""PlanMaker: interface of what makes the plans that agents request."""

from collections.abc import Callable
from typing import Protocol

from dfplan.control.loop_state import PlanInputs
from dfplan.planner.plan import Plan
from dfplan.types import Cost


class PlanMaker(Protocol):
    """An agent's own `dfplan.control.batch.BatchPlanner`, or a planner that agents share."""

    def make_plans(
        self,
        inputs: PlanInputs,
        limit: int,
        *,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Make requested plans; see `BatchPlanner`."""
        ...

    def begin_plans(
        self, inputs: PlanInputs, limit: int, *, extra_cost: Cost | None = None
    ) -> tuple[Plan, Callable[[], Plan]]:
        """Begin requested plans, and return a function that finishes them; see `BatchPlanner`."""
        ...

    def compile(self, batch: int) -> Plan:
        """Run every program once; see `BatchPlanner`."""
        ...
