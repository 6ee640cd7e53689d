"""DiffusionPlanner: samples candidate futures with the diffusion model and picks the best one."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.active_windows import ActiveWindows, all_tokens, windows, windows_to_end
from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.diffusion.matrix import levels
from dfplan.diffusion.resample_noise import resample_noise
from dfplan.diffusion.sampler import Sample, sample, token_noise
from dfplan.guidance.costs import goal_distance
from dfplan.guidance.guide import gradient_guidance
from dfplan.guidance.history import history_guidance
from dfplan.model import Model
from dfplan.nets.network import Network
from dfplan.planner.config import PlannerConfig
from dfplan.planner.context import ContextEncoder
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.protocol import Planner, Ranker, check_ranker
from dfplan.planner.query import Query, decode_states
from dfplan.planner.registry import RANKERS
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost, Denoiser, UserError
from dfplan.util.registry import parse_spec


@dataclasses.dataclass(frozen=True)
class DiffusionPlanner:
    """Samples N candidate futures along a scheduling matrix; the ranker picks one. A `Planner`.

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
        if self.config.low_level_controller == "diffused" and not self.model.layout.actions:
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
        matrix_name, _ = parse_spec(self.config.sampling.matrix)
        if matrix_name == "autoregressive" and not self.model.net.causal:
            raise UserError(
                "planner.sampling.matrix 'autoregressive' caches complete tokens, which "
                "net.kind 'bidirectional' does not allow; valid here: "
                "full_sequence, pyramid, trapezoid, custom"
            )
        _ = self.ranker  # raises if it does not fit the model

    @functools.cached_property
    def ranker(self) -> Ranker:
        """Ranker that compares candidates."""
        ranker = RANKERS.make(self.config.ranker, layout=self.model.layout, config=self.config)
        return check_ranker(ranker)

    @functools.partial(jax.jit, static_argnames=("self", "denoising"))
    def plan(
        self,
        weights: Weights,
        keys: Key[Array, "B"],
        history: History,
        goal: Float[Array, "B G"] | None,
        initial_plan: InitialPlan | None = None,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Plan for a batch of robots; compiled per batch size, with and without an initial plan.

        Sampling ends once the best candidate of every robot has arrived: the others can no longer
        win, and no token depends on a later one. So a plan is as long as it needs to be, up to the
        horizon. Gradient guidance and tokens with actions depend on later tokens; then, and with
        `denoising`, sampling runs to the end.

        Args:
            weights: Trained weights.
            keys: PRNG keys, one per robot; a robot's plan does not depend on its batch.
            history: Observed tokens.
            goal: Goals in SI units; None for a task without goals, or to plan without one.
            initial_plan: Plan to refine: sampling starts from it at `warm_start.level`, and with
                several candidates it is itself the last one. None plans from scratch.
            extra_cost: Cost of a plan's states at every control step, in control steps. Its
                gradient guides the sampling, times `guidance.scale`, and it adds to the ranker's.
            denoising: Whether to return every sampling step.
        """
        history_keys, start_keys, step_keys, resample_keys = _split(keys, 4)
        initial_tokens = None
        extra_candidate = None
        if initial_plan is not None:
            initial_tokens = initial_plan.encode(self.model.layout, weights)
            extra_candidate = initial_tokens if self.config.candidates > 1 else None
        count = self.config.candidates - (extra_candidate is not None)

        net = self.model.denoiser(weights.params)
        encoder = ContextEncoder(self.model, self.config, self.horizon, net=net, weights=weights)
        carry, context = encoder.encode(history_keys, history, goal, count=count)
        past = encoder.filter(history, context)
        query = Query(
            layout=self.model.layout,
            weights=weights,
            goal=goal,
            extra_cost=extra_cost,
            present=past[:, -1],
            extra_candidate=extra_candidate,
        )

        matrix, matrix_levels = self._schedule(is_warm=initial_plan is not None)
        start = self._start(_per_candidate(start_keys, count), initial_tokens, matrix_levels)
        denoise = self._denoiser(net, matrix_levels, offset=context.shape[1])
        if self._is_guided(goal, extra_cost):
            denoise = self._guide(denoise, query, _per_candidate(resample_keys, count))
            carry = (carry, jnp.zeros_like(start))
        result = sample(
            denoise,
            carry,
            start,
            matrix_levels,
            schedule=self.model.schedule,
            solver=self.config.sampling.make_solver(),
            keys=_per_candidate(step_keys, count),
            windows=self.windows(matrix, self._is_guided(goal, extra_cost)),
            stop=self._stop(query) if self._can_end_early(goal, extra_cost) else None,
            trajectory=denoising,
        )
        return self._choose(query, result, past)

    def _choose(self, query: Query, result: Sample, past: Float[Array, "B H S"]) -> Plan:
        """Rank the sampled candidates and return the one with the lowest cost.

        Args:
            query: Query of the call.
            result: Sampled tokens.
            past: State at each history token.
        """
        candidates = query.candidates(result.tokens, result.complete)
        if self._can_end_early(query.goal, query.extra_cost):
            candidates, ranking = self.ranker.hold_at_arrival(candidates, query.goal, query.weights)
        else:
            ranking = self.ranker.rank(candidates, query.goal, query.weights)
        cost = ranking.cost
        if query.extra_cost is not None:
            cost = cost + query.extra_costs(candidates)
        best = jnp.argmin(cost, axis=1)
        actions = query.actions(result.tokens)
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

    def _schedule(self, is_warm: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the scheduling matrix `[M+1, P]` and its noise levels."""
        if is_warm:
            matrix = self.config.warm_start.make_matrix(self.horizon)
            return matrix, self.levels(matrix, self.config.warm_start.level)
        matrix = self.config.sampling.make_matrix(self.horizon)
        return matrix, self.levels(matrix)

    def _start(
        self, keys: Key[Array, "BN"], initial_tokens: Array | None, matrix_levels: np.ndarray
    ) -> Float[Array, "BN P D"]:
        """Return the tokens that sampling starts from: noise, or the re-noised initial plan."""
        noise = token_noise(
            keys, jnp.arange(self.horizon, dtype=jnp.int32), self.model.layout.features
        )
        noise = self.config.sampling.temperature * noise
        if initial_tokens is None:
            return noise
        count = len(keys) // len(initial_tokens)
        alpha, sigma = self.model.schedule.alpha_sigma(jnp.asarray(matrix_levels[0, 0]))
        return alpha * jnp.repeat(initial_tokens, count, axis=0) + sigma * noise

    def _is_guided(self, goal: Array | None, extra_cost: Cost | None) -> bool:
        """Return whether a gradient guides the sampling, which then needs every later token."""
        return extra_cost is not None or self._is_guided_by_goal(goal)

    def _is_guided_by_goal(self, goal: Array | None) -> bool:
        """Return whether the gradient of the goal, or of the expected return, guides."""
        has_goal = goal is not None or self.model.layout.reward_conditioned
        return has_goal and self.config.goal.as_guidance

    def _can_end_early(self, goal: Array | None, extra_cost: Cost | None) -> bool:
        """Return whether tokens after the arrival of the best candidate are not needed."""
        needs_all_tokens = self.model.layout.actions or self._is_guided(goal, extra_cost)
        return self.ranker.can_end_early(goal) and not needs_all_tokens

    def _stop(self, query: Query) -> Callable[[Array, Array], Array]:
        """Return a function of tokens and the number of complete ones: whether to end sampling."""

        def stop(tokens: Array, complete: Array) -> Array:
            candidates = query.candidates(tokens, complete)
            ranking = self.ranker.rank(candidates, query.goal, query.weights)
            return self.ranker.is_decided(ranking, complete)

        return stop

    def _denoiser(self, net: Network, matrix_levels: np.ndarray, offset: int) -> Denoiser:
        """Return the denoiser of future tokens, with history guidance if it is on.

        Args:
            net: Denoiser network.
            matrix_levels: Noise levels that sampling visits.
            offset: Index of the first future token in the sequence.
        """
        modulation = net.precompute_modulation(jnp.asarray(np.unique(matrix_levels)))

        def denoise(carry, x, level, start):
            output, carry = net.extend(carry, x, level, start=offset + start, modulation=modulation)
            return self.model.x0(x, output, level), carry

        if self.config.history.guided:
            return history_guidance(denoise, self.config.history.guidance_weights)
        return denoise

    def _guide(self, denoise: Denoiser, query: Query, keys: Key[Array, "BN"]) -> Denoiser:
        """Return the denoiser guided by the gradients of the goal and of the extra cost.

        Args:
            denoise: Unguided denoiser.
            query: Query of the call.
            keys: PRNG keys, one per candidate, of the futures that gradients are averaged over.
        """
        by_goal = self._is_guided_by_goal(query.goal)
        distance = goal_distance(self.model.layout.goal_dims)

        def cost(x0: Array) -> Array:
            total = jnp.zeros(len(x0), jnp.float32)
            if by_goal and query.weights.critic is not None:
                total -= query.scaled_returns(x0)
            elif by_goal and query.goal is not None:
                goals = jnp.repeat(query.goal, len(x0) // len(query.goal), axis=0)
                total += distance(decode_states(query.layout, query.weights, x0), goals)
            if query.extra_cost is not None:
                total += query.extra_costs(query.with_present(x0)).reshape(-1)
            return total

        samples = self.config.guidance.samples
        return gradient_guidance(
            denoise,
            cost,
            self.model.schedule.alpha_sigma,
            scale=self.config.guidance.scale,
            futures=functools.partial(resample_noise, keys, count=samples) if samples > 1 else None,
        )

    @functools.partial(jax.jit, static_argnames=("self",))
    def inverse_action(
        self,
        weights: Weights,
        state: Float[Array, "B S"],
        later: Float[Array, "B S"],
        gap: Float[Array, "B"],
    ) -> Float[Array, "B A"]:
        """Return the action that leads from `state` towards `later`, by the inverse dynamics.

        Args:
            weights: Trained weights.
            state: Present states in SI units.
            later: States to reach, in SI units.
            gap: Control steps from `state` to `later`.
        """
        net = self.model.inverse(weights.params)
        present = weights.states.encode_input(state)
        return weights.actions.decode(net(present, weights.states.encode_input(later), gap))


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


def _split(keys: Key[Array, "B"], count: int) -> Key[Array, "K B"]:
    """Split each robot's key into `count` keys."""
    return jax.vmap(lambda key: jax.random.split(key, count), out_axes=1)(keys)


def _per_candidate(keys: Key[Array, "B"], count: int) -> Key[Array, "BN"]:
    """Split each robot's key into one key per candidate."""
    return jax.vmap(lambda key: jax.random.split(key, count))(keys).reshape(-1)


def _pick(per_candidate: Float[Array, "B N *s"], best: Array) -> Float[Array, "B *s"]:
    """Return the entry of each robot's best candidate."""
    return jax.vmap(lambda rows, i: rows[i])(per_candidate, best)
