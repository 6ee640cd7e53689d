"""Planner: one compiled call from observed history and goal to the plan to follow."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.active_windows import ActiveWindows, all_tokens, windows, windows_to_end
from dfplan.diffusion.matrix import levels
from dfplan.diffusion.resample_noise import resample_noise
from dfplan.diffusion.sampler import sample, token_noise
from dfplan.guidance.costs import goal_distance
from dfplan.guidance.guide import gradient_guidance
from dfplan.guidance.history import history_guidance
from dfplan.model import Model
from dfplan.nets.cache import repeat
from dfplan.nets.network import Network
from dfplan.planner.config import PlannerConfig
from dfplan.planner.noised_history import noised_histories
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.ranking import CandidateRanker
from dfplan.planner.select import hold
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import Array, Cost, Denoiser, PyTree, UserError
from dfplan.value.dataset import expected_return


@dataclasses.dataclass(frozen=True)
class Planner:
    """Samples N candidate futures with the scheduling matrix and takes the best.

    Static and hashable, so it is an argument of its own compiled programs.

    Attributes:
        model: the networks.
        config: how to sample and choose.
        horizon: P, future tokens per plan.

    Raises:
        UserError: when plans are to hold actions and tokens do not, or the matrix does not fit.
    """

    model: Model
    config: PlannerConfig
    horizon: int

    def __post_init__(self):
        if self.config.low_level_controller == "diffused" and not self.model.layout.actions:
            raise UserError(
                "planner.low_level_controller 'diffused' needs a model trained with data.actions true; "
                "valid here: tracker, inverse"
            )
        grid = self.model.diffusion.num_levels
        if 0 < grid < self.config.sampling.steps:
            raise UserError(
                f"planner.sampling.steps {self.config.sampling.steps} is more than the model's diffusion.num_levels; "
                f"valid: 1 to {grid}"
            )
        self.config.sampling.make_matrix(self.horizon)
        if self.config.sampling.matrix == "autoregressive" and not self.model.net.causal:
            raise UserError(
                "planner.sampling.matrix 'autoregressive' keeps what it has computed of the tokens before, "
                "and net.kind 'bidirectional' leaves nothing to keep; valid here: "
                "full_sequence, pyramid, trapezoid, custom"
            )

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
        """Plan for a batch of robots; compiled once per batch size, and once more with guesses.

        Sampling ends when the best candidate of every robot has arrived: a candidate that has not
        by then can no longer win, and no token depends on a later one. So a plan is as long as it
        needs to be, up to the horizon. Gradient guidance and tokens with actions look further than
        the arrival; those are sampled to the end.

        Args:
            weights: trained weights.
            keys: one random key per robot; a robot's plan does not depend on its batch.
            history: what was observed.
            goal: in SI units; None for a task without goals, or to plan towards none.
            guess: what plans may be like: sampling begins from it, at the level `warm`, and where
                there are several candidates it is the last one itself.
            price: of the plan's states at every control step, in control steps: its gradient guides
                the sampling (times `guidance_scale`), and candidates pay it.
            denoising: also return every step of the sampling, which then goes to the end.
        """
        config, future = self.config, self.horizon
        count = config.candidates if initial_plan is None else max(config.candidates - 1, 1)
        net = self.model.denoiser(weights.params)
        k_known, k_start, k_noise, k_futures = _split(keys, 4)
        cache, known = self._encode_known(net, weights, k_known, history, goal, future)
        carry = repeat(cache, count)
        if config.history.guided:
            encode = functools.partial(self._encode_known, net, weights, k_known)
            others = [
                repeat(encode(h, goal, future)[0], count)
                for h in noised_histories(self.model, config, weights, k_known, history)
            ]
            carry = jax.tree.map(lambda *a: jnp.stack(a), carry, *others)
        k_start, k_noise, k_futures = (
            _per_candidate(k, count) for k in (k_start, k_noise, k_futures)
        )
        past = self._filtered(weights, history, known)
        present = past[:, -1]
        matrix = (
            config.sampling.make_matrix(future)
            if initial_plan is None
            else config.warm_start.make_matrix(future)
        )
        matrix_levels = self.levels(
            matrix, 1.0 if initial_plan is None else config.warm_start.level
        )
        start = token_noise(k_start, jnp.arange(future), self.model.layout.features)
        start = config.sampling.temperature * start
        initial_tokens = (
            None if initial_plan is None else initial_plan.encode(self.model.layout, weights)
        )
        if initial_tokens is not None:
            alpha, sigma = self.model.schedule.alpha_sigma(jnp.asarray(matrix_levels[0, 0]))
            start = alpha * jnp.repeat(initial_tokens, count, axis=0) + sigma * start
        kept = initial_tokens if config.candidates > 1 else None
        if self._guided(goal, extra_cost):
            carry = carry, jnp.zeros_like(start)
        ends = self._ends_early(goal, extra_cost)
        offset = known.shape[1]
        result = sample(
            self._denoiser(
                net, weights, matrix_levels, offset, present, goal, extra_cost, k_futures
            ),
            carry,
            start,
            matrix_levels,
            schedule=self.model.schedule,
            solver=config.sampling.make_solver(),
            keys=k_noise,
            windows=self.windows(matrix, self._guided(goal, extra_cost)),
            stop=self._stop(weights, present, goal, kept) if ends else None,
            trajectory=denoising,
        )
        candidates = self._candidates(result.tokens, result.complete, weights, present, kept)
        if ends:
            assert goal is not None
            candidates = self.ranker.held(candidates, goal, weights.support)
        trace = None
        if result.trajectory is not None:
            decode = functools.partial(self._with_present, weights=weights, present=present)
            trace = jax.vmap(decode, out_axes=1)(result.trajectory)
        actions = self._actions(_join(result.tokens, kept), weights, len(keys))
        return self._choose(weights, candidates, actions, goal, extra_cost, trace, past)

    def _choose(
        self,
        weights: Weights,
        candidates: Float[Array, "B N P S"],
        actions: Float[Array, "B N L A"] | None,
        goal: Array | None,
        extra_cost: Cost | None,
        trace: Array | None,
        past: Array,
    ) -> Plan:
        """The plan that the cheapest candidate is."""
        arrives, cost = self.ranker.cost(candidates, goal, weights.support)
        if self.model.layout.reward_conditioned:
            cost = -expected_return(weights.critic, weights.states, candidates)
        if extra_cost is not None:
            cost = cost + self.ranker.extra_cost(candidates, goal, extra_cost)
        best = jnp.argmin(cost, axis=1)
        return Plan(
            _pick(candidates, best),
            None if actions is None else _pick(actions, best),
            _pick(arrives, best),
            candidates,
            cost,
            best,
            trace,
            past,
        )

    @property
    def ranker(self) -> CandidateRanker:
        """What compares candidates."""
        return CandidateRanker(self.model.layout, self.config)

    def _filtered(self, weights: Weights, history: History, known: Array) -> Array:
        """The history's states: as observed where they are clean, else as they are estimated.

        A causal network's estimate of a token takes in the tokens up to it, so this is filtering.
        """
        estimate = self._decode(known[:, -history.level.shape[1] :], weights)
        return jnp.where(history.level[..., None] > 0, estimate, history.frames[:, :, -1])

    def levels(self, matrix: np.ndarray, top: float = 1.0) -> np.ndarray:
        """The matrix's levels in [0, `top`]; of a model of discrete levels, the nearest of those.

        None of them is moved to 0, which would take a noisy token for a clean one.
        """
        found = np.float32(top) * levels(matrix, int(matrix[0, 0]), self.config.sampling.rho)
        grid = self.model.diffusion.num_levels
        if not grid:
            return found
        return np.where(matrix > 0, np.clip(np.round(found * grid), 1, grid) / grid, 0.0)

    def windows(self, matrix: np.ndarray, guided: bool) -> tuple[ActiveWindows, ...]:
        """Which tokens sampling computes, in phases: all where the network looks ahead.

        Args:
            matrix: of integers.
            guided: by a gradient.
        """
        if not self.model.net.causal:
            return (all_tokens(matrix),)
        return windows_to_end(matrix) if guided else (windows(matrix),)

    def _guided(self, goal: Array | None, extra_cost: Cost | None) -> bool:
        """Whether a gradient guides: it asks for every later token, also those not in motion."""
        return extra_cost is not None or self._pulled(goal)

    def _pulled(self, goal: Array | None) -> bool:
        """Whether the goal itself guides by its gradient."""
        asked = goal is not None or self.model.layout.reward_conditioned
        return asked and self.config.goal.as_guidance

    def _ends_early(self, goal: Array | None, extra_cost: Cost | None) -> bool:
        """Whether all that is asked for is known once the best candidate has arrived."""
        layout = self.model.layout
        known = goal is not None and layout.has_goal
        return known and not layout.actions and not self._guided(goal, extra_cost)

    def _stop(
        self, weights: Weights, present: Array, goal: Array | None, kept: Array | None
    ) -> Callable:
        """What tells from the tokens, and how many are complete, that every best one is known."""

        def stop(tokens: Array, complete: Array) -> Array:
            candidates = self._candidates(tokens, complete, weights, present, kept)
            return self.ranker.decided(candidates, complete, goal, weights.support)

        return stop

    def _candidates(
        self, tokens: Array, complete: Array, weights: Weights, present: Array, kept: Array | None
    ) -> Array:
        """Candidates `[B, N, P+1, S]` as far as they are complete; the last is the one `kept`."""
        found = hold(self._with_present(tokens, weights, present), complete)
        if kept is None:
            return found
        return jnp.concatenate([found, self._with_present(kept, weights, present)], axis=1)

    def _encode_known(
        self,
        net: Network,
        weights: Weights,
        keys: Array,
        history: History,
        goal: Array | None,
        future: int,
    ) -> tuple[PyTree, Array]:
        """Goal and history into an empty cache, once per plan; also clean estimates of them."""
        layout, schedule = self.model.layout, self.model.schedule
        tokens = layout.encode(
            weights.states.encode(history.frames), weights.actions.encode(history.actions)
        )
        level, grid = history.level, self.model.diffusion.num_levels
        if grid:
            level = jnp.round(level * grid) / grid
        if layout.has_goal:
            token, known = self._goal_token(weights, goal, len(level))
            goal_level = jnp.full((len(level), 1), 0.0 if known else 1.0)
            tokens = jnp.concatenate([token[:, None], tokens], 1)
            level = jnp.concatenate([goal_level, level], axis=1)
        alpha, _ = schedule.alpha_sigma(level)
        noise = jax.vmap(lambda k: jax.random.normal(k, tokens.shape[1:]))(keys)
        # A sensor's reading already carries the noise declared for it, so it is only scaled to what
        # the network knows at that level; of a missing token nothing is left but noise.
        missing = (level >= 1.0)[..., None]
        noisy = jnp.where(missing, noise, alpha[..., None] * tokens)
        cache = net.init_cache(len(tokens), tokens.shape[1] + future)
        output, cache = net.extend(cache, noisy, level, jnp.int32(0))
        return cache, self.model.x0(noisy, output, level)

    def _goal_token(self, weights: Weights, goal: Array | None, batch: int) -> tuple[Array, bool]:
        """The sequence's first token, and whether it is shown."""
        layout = self.model.layout
        shown = self.config.goal.as_token
        if layout.reward_conditioned:
            return layout.return_quantile_token(
                jnp.full(batch, self.config.goal.return_quantile)
            ), shown
        if goal is None:
            return jnp.zeros((batch, layout.features)), False
        return layout.goal_token(goal, weights.states), shown

    def _denoiser(
        self,
        net: Network,
        weights: Weights,
        matrix_levels: np.ndarray,
        offset: int,
        present: Array,
        goal: Array | None,
        extra_cost: Cost | None,
        keys: Key[Array, "BN"],
    ) -> Denoiser:
        modulation = net.precompute_modulation(jnp.asarray(np.unique(matrix_levels)))

        def denoise(carry, x, level, start):
            output, carry = net.extend(carry, x, level, offset + start, modulation)
            return self.model.x0(x, output, level), carry

        if self.config.history.guided:
            denoise = history_guidance(denoise, self.config.history.guidance_weights)
        if not self._guided(goal, extra_cost):
            return denoise
        distance = goal_distance(self.model.layout.goal_dims)

        def cost(x0: Array) -> Array:
            paid = jnp.zeros(len(x0))
            if self._pulled(goal) and weights.critic is not None:
                candidates = self._with_present(x0, weights, present)
                gain = expected_return(weights.critic, weights.states, candidates).reshape(-1)
                paid -= gain / weights.critic.scale
            elif goal is not None and self._pulled(goal):
                goals = jnp.repeat(goal, len(x0) // len(goal), axis=0)
                paid += distance(self._decode(x0, weights), goals)
            if extra_cost is not None:
                candidates = self._with_present(x0, weights, present)
                paid += self.ranker.extra_cost(candidates, goal, extra_cost).reshape(-1)
            return paid

        samples = self.config.guidance.samples
        return gradient_guidance(
            denoise,
            cost,
            self.model.schedule.alpha_sigma,
            self.config.guidance.scale,
            functools.partial(resample_noise, keys, count=samples) if samples > 1 else None,
        )

    def _decode(self, tokens: Array, weights: Weights) -> Array:
        """The state at each token's own step, SI units."""
        return weights.states.decode(self.model.layout.states(tokens)[..., -1, :])

    def _with_present(self, tokens: Array, weights: Weights, present: Array) -> Array:
        """Candidates `[B, N, P+1, S]` in SI units from tokens `[B*N, P, D]`."""
        batch, dim = present.shape
        states = self._decode(tokens, weights).reshape(batch, -1, tokens.shape[1], dim)
        first = jnp.broadcast_to(present[:, None, None], (*states.shape[:2], 1, dim))
        return jnp.concatenate([first, states], axis=2)

    def _actions(self, tokens: Array, weights: Weights, batch: int) -> Array | None:
        """Of candidates, `[B, N, P*stride, A]`, where tokens hold any."""
        layout = self.model.layout
        if not layout.actions:
            return None
        chunk = weights.actions.decode(layout.action_chunk(tokens))
        count = len(tokens) // batch
        return chunk.reshape(batch, count, -1, layout.action_dim)

    @functools.partial(jax.jit, static_argnames=("self",))
    def inverse_action(
        self,
        weights: Weights,
        state: Float[Array, "B S"],
        later: Float[Array, "B S"],
        gap: Float[Array, "B"],
    ) -> Float[Array, "B A"]:
        """Action from `state` towards `later`, `gap` control steps ahead; SI units."""
        net = self.model.inverse(weights.params)
        return weights.actions.decode(
            net(weights.states.encode(state), weights.states.encode(later), gap)
        )


def _split(keys: Key[Array, "B"], count: int) -> Key[Array, "K B"]:
    """So many keys of each robot's own."""
    return jax.vmap(lambda k: jax.random.split(k, count), out_axes=1)(keys)


def _per_candidate(keys: Key[Array, "B"], count: int) -> Key[Array, "BN"]:
    """One key per candidate, from each robot's own key."""
    return jax.vmap(lambda k: jax.random.split(k, count))(keys).reshape(-1)


def _join(tokens: Array, kept: Array | None) -> Array:
    """Tokens `[B*N, P, D]` with one more row for each robot, `[B, P, D]`, as its last."""
    if kept is None:
        return tokens
    rows = tokens.reshape(len(kept), -1, *tokens.shape[1:])
    return jnp.concatenate([rows, kept[:, None]], axis=1).reshape(-1, *tokens.shape[1:])


def _pick(per_candidate: Array, best: Array) -> Array:
    """Row `best[b]` of each `[B, N, ...]`."""
    return jax.vmap(lambda rows, i: rows[i])(per_candidate, best)
