"""DiffusionPlanner: samples candidate futures and returns the best one, or a mean of them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dfplan.diffusion.active_windows import ActiveWindows, all_tokens, windows, windows_to_end
from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.diffusion.matrix import levels
from dfplan.diffusion.sampler import Sample
from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.call_sampling import CallSampling, Draft
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Plan
from dfplan.planner.prefix import check_delay
from dfplan.planner.protocol import EarlyRanker, Planner, Ranker, check_ranker
from dfplan.planner.query import Query
from dfplan.planner.registry import RANKERS
from dfplan.planner.weighted_mean import replace_best, softmin
from dfplan.types import Array, Cost, UserError
from dfplan.util.registry import parse_spec


@dataclasses.dataclass(frozen=True)
class DiffusionPlanner:
    """Samples N candidate futures along a scheduling matrix; the ranker picks one. A `Planner`.

    If the ranking has a temperature, a mean of the candidates takes the place of the best one.

    Attributes:
        model: Networks, token layout and noise schedule.
        config: Planner settings.
        horizon: Future tokens per plan, P.

    Raises:
        UserError: If settings do not fit the model or each other.
    """

    model: Model
    config: PlannerConfig
    horizon: int

    def __post_init__(self):
        if self.config.replays_actions and not self.model.layout.actions:
            raise UserError(
                "planner.low_level_controller 'diffused' needs a model trained with data.actions "
                "true; valid here: tracker, inverse"
            )
        grid = self.model.diffusion.num_levels
        if 0 < grid < self.config.sampling.steps:
            raise UserError(
                f"planner.sampling.steps {self.config.sampling.steps} is more than the model's "
                f"diffusion.num_levels; valid: 1 to {grid}"
            )
        self.config.sampling.make_matrix(self.horizon)
        check_delay(self.model.layout, self.horizon, self.config.timing.inference_delay)
        matrix_name, _ = parse_spec(self.config.sampling.matrix)
        if matrix_name == "autoregressive" and not self.model.net.causal:
            raise UserError(
                "planner.sampling.matrix 'autoregressive' caches complete tokens, which "
                "net.kind 'bidirectional' does not allow; valid here: "
                "full_sequence, pyramid, trapezoid, horizon_aware, custom"
            )
        _ = self.ranker  # raises if it does not fit the model

    @functools.cached_property
    def ranker(self) -> Ranker:
        """Ranker that compares candidates."""
        ranker = RANKERS.make(self.config.ranker, layout=self.model.layout, config=self.config)
        return check_ranker(ranker)

    @functools.partial(jax.jit, static_argnames=("self", "denoising"))
    def plan(self, call: PlanCall, *, denoising: bool = False) -> Plan:
        """Plan for a batch of robots; compiled per batch size, initial plan or none, and prefix.

        Sampling starts from an initial plan at `warm_start.level`, and with several candidates the
        initial plan is itself the last one. Every candidate begins with the prefix, exactly. The
        gradient of the extra cost guides the sampling, times `guidance.scale`.

        Sampling ends once the best candidate of every robot has arrived: the others can no longer
        win, and no token depends on a later one. So a plan is as long as it needs to be, up to the
        horizon. Gradient guidance and tokens with actions depend on later tokens; then, and with
        `denoising`, sampling runs to the end.

        Args:
            call: What to plan from.
            denoising: Whether to return every sampling step.
        """
        sampling = CallSampling(self, call)
        carry, past = sampling.encode_context()
        query = sampling.query(past)
        sampler = sampling.sampler(query)
        state = sampling.begin(sampler, carry)
        result = sampler.record(state) if denoising else sampler.result(sampler.finish(state))
        return self._choose(query, result, past)

    @functools.partial(jax.jit, static_argnames=("self",))
    def begin(self, call: PlanCall) -> tuple[Plan, Draft]:
        """Begin plans: sample until the first `timing.near_tokens` sampled tokens are clean.

        Args:
            call: What to plan from.

        Returns:
            Plans that end with these tokens and then stay at the last state and action; and the
            draft that `finish` continues.
        """
        sampling = CallSampling(self, call)
        carry, past = sampling.encode_context()
        query = sampling.query(past)
        sampler = sampling.sampler(query)
        state = sampler.advance(sampling.begin(sampler, carry), last=sampling.near_row)
        result = sampler.result(state)
        plan = self._choose(query, result, past)
        if plan.actions is not None:
            known = (query.committed + result.complete) * self.model.layout.stride
            step = jnp.minimum(jnp.arange(plan.actions.shape[1], dtype=jnp.int32), known - 1)
            plan = plan._replace(actions=plan.actions[:, step])
        return plan, Draft(state, past)

    @functools.partial(jax.jit, static_argnames=("self",))
    def finish(self, call: PlanCall, draft: Draft) -> Plan:
        """Finish plans that were begun: they equal those of `plan`, bit for bit.

        Args:
            call: The call that was given to `begin`.
            draft: What `begin` returned.
        """
        sampling = CallSampling(self, call)
        query = sampling.query(draft.past)
        sampler = sampling.sampler(query)
        state = sampler.finish(draft.state, first=sampling.near_row)
        return self._choose(query, sampler.result(state), draft.past)

    def _choose(self, query: Query, result: Sample, past: Float[Array, "B H S"]) -> Plan:
        """Rank the sampled candidates; return the one with the lowest cost, or their weighted mean.

        Args:
            query: Query of the call.
            result: Sampled tokens.
            past: State at each history token.
        """
        candidates = query.candidates(result.tokens, query.committed + result.complete)
        early_ranker = self.early_ranker(query.goal, query.extra_cost)
        if early_ranker is not None:
            candidates, ranking = early_ranker.hold_at_arrival(
                candidates, query.goal, query.weights
            )
        else:
            ranking = self.ranker.rank(candidates, query.goal, query.weights)
        cost = ranking.cost
        if query.extra_cost is not None:
            cost = cost + query.extra_costs(candidates)
        best = jnp.argmin(cost, axis=1)
        actions = query.actions(result.tokens)
        if ranking.temperature is not None and early_ranker is None:
            weight = softmin(cost, ranking.temperature)
            candidates = replace_best(candidates, best, weight)
            actions = None if actions is None else replace_best(actions, best, weight)
        steps = None
        if result.trajectory is not None:
            steps = jax.vmap(query.with_present, out_axes=1)(result.trajectory)
        return Plan(
            states=_pick(candidates, best),
            actions=None if actions is None else _pick(actions, best),
            arrival=_pick(ranking.arrival, best),
            candidates=candidates,
            cost=cost,
            best=best,
            denoising=steps,
            history=past,
        )

    def levels(self, matrix: np.ndarray, top: float = 1.0) -> np.ndarray:
        """Return the matrix's noise levels in [0, `top`], snapped to a model's discrete levels.

        A noisy token never snaps to 0, which would pass it off as clean.

        Args:
            matrix: Scheduling matrix of integers.
            top: Noise level of its largest entry.
        """
        continuous = np.float32(top) * levels(matrix, int(matrix[0, 0]), self.config.sampling.rho)
        grid = self.model.diffusion.num_levels
        if not grid:
            return continuous
        return np.where(matrix > 0, snap_to_levels(continuous, grid, lowest=1, xp=np), 0.0)

    def windows(self, matrix: np.ndarray, guided: bool) -> tuple[ActiveWindows, ...]:
        """Return the tokens to compute at each step, in phases.

        These are all tokens if the network is not causal.

        Args:
            matrix: Scheduling matrix of integers.
            guided: Whether a gradient guides the sampling.
        """
        if not self.model.net.causal:
            return (all_tokens(matrix),)
        return windows_to_end(matrix) if guided else (windows(matrix),)

    def is_guided(self, goal: Array | None, extra_cost: Cost | None) -> bool:
        """Return whether a gradient guides the sampling, which then needs every later token."""
        return extra_cost is not None or self.is_guided_by_goal(goal)

    def is_guided_by_goal(self, goal: Array | None) -> bool:
        """Return whether the gradient of the goal, or of the expected return, guides."""
        has_goal = goal is not None or self.model.layout.reward_conditioned
        return has_goal and self.config.goal.as_guidance

    def early_ranker(self, goal: Array | None, extra_cost: Cost | None) -> EarlyRanker | None:
        """Return the ranker if it may end the sampling early; None if all tokens are needed."""
        ranker = self.ranker
        needs_all_tokens = self.model.layout.actions or self.is_guided(goal, extra_cost)
        if needs_all_tokens or not isinstance(ranker, EarlyRanker):
            return None
        return ranker if ranker.can_end_early(goal) else None


def as_diffusion_planner(planner: Planner) -> DiffusionPlanner:
    """Return the planner, for uses that need its sampling steps or samples of the future.

    Raises:
        UserError: If it is a planner of another kind.
    """
    if not isinstance(planner, DiffusionPlanner):
        raise UserError(
            f"planner.kind {planner.config.kind!r} does not expose its sampling; valid here: "
            "diffusion"
        )
    return planner


def _pick(per_candidate: Float[Array, "B N *s"], best: Int[Array, "B"]) -> Float[Array, "B *s"]:
    """Return the entry of each robot's best candidate."""
    return jax.vmap(lambda rows, i: rows[i])(per_candidate, best)
