"""Planner and Ranker: the interfaces of planners and of the rankers that they use."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float

from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Plan, Ranking, Weights
from dfplan.types import Array, UserError
from dfplan.util.signature import check_call

RANKER_ARGUMENTS = {"rank": ("candidates", "goal", "weights")}
EARLY_RANKER_ARGUMENTS = {
    "can_end_early": ("goal",),
    "is_decided": ("ranking", "complete"),
    "hold_at_arrival": ("candidates", "goal", "weights"),
}


class Planner(Protocol):
    """Plans for a batch of robots.

    Implementations are static and hashable, so that they are arguments of compiled programs:
    frozen dataclasses registered in `dfplan.planner.registry.PLANNERS`. For
    `config.timing.near_tokens` they also need the methods `begin` and `finish` of
    `dfplan.planner.diffusion_planner.DiffusionPlanner`.
    """

    @property
    def model(self) -> Model:
        """Networks, token layout and noise schedule."""
        ...

    @property
    def config(self) -> PlannerConfig:
        """Planner settings."""
        ...

    @property
    def horizon(self) -> int:
        """Future tokens per plan, P."""
        ...

    def plan(self, call: PlanCall, *, denoising: bool = False) -> Plan:
        """Plan for a batch of robots.

        Args:
            call: What to plan from.
            denoising: Whether to return every sampling step.
        """
        ...


class Ranker(Protocol):
    """Compares candidate plans `[B, N, P+1, S]`, in SI units, the present first.

    Implementations are frozen dataclasses registered in `dfplan.planner.registry.RANKERS`.
    """

    def rank(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> Ranking:
        """Return when each candidate arrives and what it costs.

        Args:
            candidates: Candidate plans.
            goal: Goals in SI units, or None.
            weights: Trained weights, with the data support and the critic.
        """
        ...


@runtime_checkable
class EarlyRanker(Ranker, Protocol):
    """A ranker that can end the sampling as soon as the winner is certain."""

    def can_end_early(self, goal: Float[Array, "B G"] | None) -> bool:
        """Return whether sampling may end early; otherwise, the other methods are not called."""
        ...

    def is_decided(self, ranking: Ranking, complete: Array) -> Bool[Array, ""]:
        """Return whether each robot has a candidate that no unfinished one can beat.

        Args:
            ranking: Ranking of candidates that are held from their last complete token on.
            complete: Number of leading tokens that are completely denoised.
        """
        ...

    def hold_at_arrival(
        self,
        candidates: Float[Array, "B N T S"],
        goal: Float[Array, "B G"] | None,
        weights: Weights,
    ) -> tuple[Float[Array, "B N T S"], Ranking]:
        """Return candidates that stay at rest once the winner is certain, and their ranking.

        Args:
            candidates: Candidate plans.
            goal: Goals in SI units, or None.
            weights: Trained weights, with the data support and the critic.
        """
        ...


def check_planner(planner: Any) -> Planner:
    """Check that an object implements `Planner`, and return it.

    Raises:
        UserError: If it lacks an attribute, or a method does not take the documented arguments.
    """
    for name in ("config", "model", "horizon"):
        if not hasattr(planner, name):
            raise UserError(f"planner {_name(planner)} has no attribute {name!r}; see Planner")
    _check_method("planner", planner, "plan", ("call",), ("denoising",))
    if planner.config.timing.near_tokens:
        _check_method("planner", planner, "begin", ("call",))
        _check_method("planner", planner, "finish", ("call", "draft"))
    return planner


def check_ranker(ranker: Any) -> Ranker:
    """Check that an object implements `Ranker` or `EarlyRanker`, and return it.

    Raises:
        UserError: If it lacks a method, or a method does not take the documented arguments.
    """
    methods = dict(RANKER_ARGUMENTS)
    if hasattr(ranker, "can_end_early"):
        methods.update(EARLY_RANKER_ARGUMENTS)
    for name, arguments in methods.items():
        _check_method("ranker", ranker, name, arguments)
    return ranker


def _check_method(
    what: str, instance: Any, name: str, args: tuple[str, ...], named: tuple[str, ...] = ()
) -> None:
    method = getattr(instance, name, None)
    if method is None:
        raise UserError(f"{what} {_name(instance)} has no method {name!r}")
    check_call(f"{what} {_name(instance)}: {name}", method, args=args, named=named)


def _name(instance: Any) -> str:
    return repr(type(instance).__name__)
