"""Planner: one compiled call from observed history and goal to the plan to follow."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.matrix import levels, windows
from dfplan.diffusion.redraw import redraw
from dfplan.diffusion.sampler import sample, token_noise
from dfplan.guidance.costs import goal_distance
from dfplan.guidance.guide import gradient_guidance
from dfplan.guidance.history import history_guidance
from dfplan.model import Model
from dfplan.nets.cache import repeat
from dfplan.nets.network import Network
from dfplan.normalize import Normalizer
from dfplan.planner.blur import add_noise, raise_level
from dfplan.planner.config import PlannerConfig
from dfplan.planner.select import arrival, between, hold, outside
from dfplan.rewards import worth
from dfplan.support import Support
from dfplan.types import Array, Cost, Denoiser, PyTree, UserError
from dfplan.value.critic import Critic


class Weights(NamedTuple):
    """What training found: parameters, normalisers, and where the data has been (or None).

    With rewards for a goal, also what states and plans are worth.
    """

    params: PyTree
    states: Normalizer
    actions: Normalizer
    support: Support | None = None
    critic: Critic | None = None


class History(NamedTuple):
    """Observed tokens, oldest first, the present last; SI units.

    Attributes:
        frames: `[B, H, F, S]` states. actions: `[B, H, stride, A]`, the ones that led there.
        level: `[B, H]` noise level declared for each token; 1 marks it as missing.
    """

    frames: Float[Array, "B H F S"]
    actions: Float[Array, "B H stride A"]
    level: Float[Array, "B H"]


class Plan(NamedTuple):
    """The chosen plan and what it was chosen from; SI units, control steps.

    Attributes:
        states: `[B, P+1, S]`, one every `stride` control steps, the present first.
        actions: `[B, P*stride, A]`, or None when tokens hold no actions.
        arrival: `[B]` control steps to the goal; more than the plan has if it never arrives, or
            has no goal.
        candidates: `[B, N, P+1, S]`, as far as they were sampled when the best had arrived; from
            there on a state repeats, that of arrival with the goal's place and at rest.
        cost: `[B, N]`, control steps to the goal, more for those spent where the data never was;
            with rewards for a goal, less the discounted rewards that are expected.
        best: `[B]` index of the chosen one.
        denoising: `[B, M+1, N, P+1, S]` every step of the sampling; None unless asked for.
        history: `[B, H, S]` the state at each history token, given what was observed up to it: the
            observation where it was declared clean, imputed where it was missing.
    """

    states: Float[Array, "B P S"]
    actions: Float[Array, "B L A"] | None
    arrival: Float[Array, "B"]
    candidates: Float[Array, "B N P S"]
    cost: Float[Array, "B N"]
    best: Array
    denoising: Array | None
    history: Float[Array, "B H S"]


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
        if self.config.action == "diffused" and not self.model.layout.actions:
            raise UserError(
                "planner.action 'diffused' needs a model trained with data.actions true; "
                "valid here: tracker, inverse"
            )
        grid = self.model.diffusion.levels
        if 0 < grid < self.config.steps:
            raise UserError(
                f"planner.steps {self.config.steps} is more than the model's diffusion.levels; "
                f"valid: 1 to {grid}"
            )
        self.config.make_matrix(self.horizon)
        if self.config.matrix == "autoregressive" and not self.model.net.causal:
            raise UserError(
                "planner.matrix 'autoregressive' keeps what it has computed of the tokens before, "
                "and net.attention 'bidirectional' leaves nothing to keep; valid here: "
                "full_sequence, pyramid, trapezoid, custom"
            )

    @functools.partial(jax.jit, static_argnames=("self", "denoising"))
    def plan(
        self,
        weights: Weights,
        keys: Key[Array, "B"],
        history: History,
        goal: Float[Array, "B G"] | None,
        price: Cost | None = None,
        denoising: bool = False,
    ) -> Plan:
        """Plan for a batch of robots; compiled once per batch size.

        Sampling ends when the best candidate of every robot has arrived: a candidate that has not
        by then can no longer win, and no token depends on a later one. So a plan is as long as it
        needs to be, up to the horizon. Gradient guidance and tokens with actions look further than
        the arrival; those are sampled to the end.

        Args:
            weights: trained weights.
            keys: one random key per robot; a robot's plan does not depend on its batch.
            history: what was observed.
            goal: in SI units; None for a task without goals, or to plan towards none.
            price: of the plan's states at every control step, in control steps: its gradient guides
                the sampling (times `guidance_scale`), and candidates pay it.
            denoising: also return every step of the sampling, which then goes to the end.
        """
        count, future = self.config.candidates, self.horizon
        net = self.model.denoiser(weights.params)
        k_known, k_start, k_noise, k_futures = jax.vmap(
            lambda k: jax.random.split(k, 4), out_axes=1
        )(keys)
        cache, known = self._encode_known(net, weights, k_known, history, goal, future)
        carry = repeat(cache, count)
        if self.config.guides_history:
            encode = functools.partial(self._encode_known, net, weights, k_known)
            blurred = self._blurred(weights, k_known, history)
            others = [repeat(encode(h, goal, future)[0], count) for h in blurred]
            carry = jax.tree.map(lambda *a: jnp.stack(a), carry, *others)
        k_start, k_noise, k_futures = (
            _per_candidate(k, count) for k in (k_start, k_noise, k_futures)
        )
        matrix = self.config.make_matrix(future)
        matrix_levels = self.levels(matrix)
        past = self._filtered(weights, history, known)
        present = past[:, -1]
        ends = self._ends_early(goal, price)
        offset = known.shape[1]
        result = sample(
            self._denoiser(net, weights, matrix_levels, offset, present, goal, price, k_futures),
            carry,
            token_noise(k_start, jnp.arange(future), self.model.layout.features),
            matrix_levels,
            schedule=self.model.schedule,
            solver=self.config.make_solver(),
            keys=k_noise,
            window=None if self._needs_all(goal, price) else windows(matrix),
            stop=self._decided(weights, present, goal) if ends else None,
            trajectory=denoising,
        )
        candidates = self._with_present(result.tokens, weights, present)
        if ends:
            candidates = self._held(candidates, result.complete, goal, weights.support)
        arrives, cost = self._cost(candidates, goal, weights.support)
        if self.model.layout.rewarded:
            cost = -worth(weights.critic, weights.states, candidates)
        if price is not None:
            cost = cost + self._price(candidates, goal, price)
        best = jnp.argmin(cost, axis=1)
        trace = None
        if result.trajectory is not None:
            decode = functools.partial(self._with_present, weights=weights, present=present)
            trace = jax.vmap(decode, out_axes=1)(result.trajectory)
        return Plan(
            _pick(candidates, best),
            self._actions(result.tokens, weights, best) if self.model.layout.actions else None,
            _pick(arrives, best),
            candidates,
            cost,
            best,
            trace,
            past,
        )

    def _filtered(self, weights: Weights, history: History, known: Array) -> Array:
        """The history's states: as observed where they are clean, else as they are estimated.

        A causal network's estimate of a token takes in the tokens up to it, so this is filtering.
        """
        estimate = self._decode(known[:, -history.level.shape[1] :], weights)
        return jnp.where(history.level[..., None] > 0, estimate, history.frames[:, :, -1])

    def _blurred(self, weights: Weights, keys: Array, history: History) -> list[History]:
        """The history at each of the levels that guide, all with the same noise."""
        grid, found = self.model.diffusion.levels, []
        k_states, k_actions = (jax.vmap(jax.random.fold_in, (0, None))(keys, i) for i in (1, 2))
        for to in self.config.history_guidance_levels:
            to = np.clip(np.round(to * grid), 1, grid) / grid if grid else to
            raised = raise_level(history.level, to, self.config.history_guidance_keep)
            blur = functools.partial(add_noise, self.model.schedule)
            frames = blur(k_states, history.level, raised, history.frames, weights.states)
            actions = blur(k_actions, history.level, raised, history.actions, weights.actions)
            found.append(History(frames, actions, raised))
        return found

    def levels(self, matrix: np.ndarray) -> np.ndarray:
        """The matrix's levels in [0, 1]; of a model of discrete levels, the nearest of those.

        None of them is moved to 0, which would take a noisy token for a clean one.
        """
        found = levels(matrix, self.config.steps, self.config.rho)
        grid = self.model.diffusion.levels
        if not grid:
            return found
        return np.where(matrix > 0, np.clip(np.round(found * grid), 1, grid) / grid, 0.0)

    def _needs_all(self, goal: Array | None, price: Cost | None) -> bool:
        """Whether tokens not in motion are computed too: others, or a gradient, look at them."""
        return not self.model.net.causal or self._guided(goal, price)

    def _guided(self, goal: Array | None, price: Cost | None) -> bool:
        """Whether a gradient guides: it asks for every future token, also those not in motion."""
        return price is not None or self._pulled(goal)

    def _pulled(self, goal: Array | None) -> bool:
        """Whether the goal itself guides by its gradient."""
        asked = goal is not None or self.model.layout.rewarded
        return asked and self.config.goal in ("guidance", "both")

    def _ends_early(self, goal: Array | None, price: Cost | None) -> bool:
        """Whether all that is asked for is known once the best candidate has arrived."""
        layout = self.model.layout
        known = goal is not None and layout.has_goal
        return known and not layout.actions and not self._guided(goal, price)

    def _decided(self, weights: Weights, present: Array, goal: Array | None) -> Callable:
        """Whether each robot has a candidate that none of those still on their way can beat."""

        def decided(tokens: Array, complete: Array) -> Array:
            reached = hold(self._with_present(tokens, weights, present), complete)
            _, cost = self._cost(reached, goal, weights.support)
            return jnp.all(cost.min(axis=1) <= complete * self.model.layout.stride)

        return decided

    def _held(
        self, candidates: Array, complete: Array, goal: Array | None, support: Support | None
    ) -> Array:
        """Candidates up to where their robot's best one has arrived, and at rest after that.

        That is the same in any batch, whose other robots may have asked for more tokens.
        """
        assert goal is not None
        layout = self.model.layout
        candidates = hold(candidates, complete)
        _, cost = self._cost(candidates, goal, support)
        candidates = hold(candidates, cost.min(axis=1, keepdims=True) / layout.stride)
        arrives, _ = self._cost(candidates, goal, support)
        token = jnp.arange(candidates.shape[2])
        after = token > jnp.ceil(arrives / layout.stride)[..., None]
        rest = candidates.at[..., jnp.asarray(layout.rest_dims, jnp.int32)].set(0.0)
        rest = rest.at[..., jnp.asarray(layout.goal_dims)].set(goal[:, None, None])
        return jnp.where(after[..., None], rest, candidates)

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
        level, grid = history.level, self.model.diffusion.levels
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
        shown = self.config.goal in ("token", "both")
        if layout.rewarded:
            return layout.rank_token(jnp.full(batch, self.config.quantile)), shown
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
        price: Cost | None,
        keys: Key[Array, "BN"],
    ) -> Denoiser:
        modulation = net.at_levels(jnp.asarray(np.unique(matrix_levels)))

        def denoise(carry, x, level, start):
            output, carry = net.extend(carry, x, level, offset + start, modulation)
            return self.model.x0(x, output, level), carry

        if self.config.guides_history:
            denoise = history_guidance(denoise, self.config.history_guidance)
        if not self._guided(goal, price):
            return denoise
        goals = None if goal is None else jnp.repeat(goal, self.config.candidates, axis=0)
        distance = goal_distance(self.model.layout.goal_dims)

        def cost(x0: Array) -> Array:
            paid = jnp.zeros(len(x0))
            if self._pulled(goal) and weights.critic is not None:
                candidates = self._with_present(x0, weights, present)
                gain = worth(weights.critic, weights.states, candidates).reshape(-1)
                paid -= gain / weights.critic.scale
            elif self._pulled(goal):
                paid += distance(self._decode(x0, weights), goals)
            if price is not None:
                candidates = self._with_present(x0, weights, present)
                paid += self._price(candidates, goal, price).reshape(-1)
            return paid

        samples = self.config.guidance_samples
        return gradient_guidance(
            denoise,
            cost,
            self.model.schedule.alpha_sigma,
            self.config.guidance_scale,
            functools.partial(redraw, keys, count=samples) if samples > 1 else None,
        )

    def _price(self, candidates: Array, goal: Array | None, price: Cost) -> Array:
        """What candidates `[B, N, P+1, S]` pay at every control step, `[B, N]`."""
        ways = between(candidates, self.model.layout.stride)
        goals = None if goal is None else jnp.repeat(goal, ways.shape[1], axis=0)
        return price(ways.reshape(-1, *ways.shape[2:]), goals).reshape(ways.shape[:2])

    def _decode(self, tokens: Array, weights: Weights) -> Array:
        """The state at each token's own step, SI units."""
        return weights.states.decode(self.model.layout.states(tokens)[..., -1, :])

    def _with_present(self, tokens: Array, weights: Weights, present: Array) -> Array:
        """Candidates `[B, N, P+1, S]` in SI units from tokens `[B*N, P, D]`."""
        batch, count = len(present), self.config.candidates
        states = self._decode(tokens, weights).reshape(batch, count, tokens.shape[1], -1)
        first = jnp.broadcast_to(present[:, None, None], (batch, count, 1, states.shape[-1]))
        return jnp.concatenate([first, states], axis=2)

    def _actions(self, tokens: Array, weights: Weights, best: Array) -> Array:
        layout = self.model.layout
        chunk = weights.actions.decode(layout.action_chunk(tokens))
        chunk = chunk.reshape(len(best), self.config.candidates, -1, layout.action_dim)
        return _pick(chunk, best)

    def _cost(
        self, candidates: Array, goal: Array | None, support: Support | None
    ) -> tuple[Array, Array]:
        """Control steps until each candidate arrives, and what it costs, both `[B, N]`."""
        layout = self.model.layout
        if goal is None or not layout.has_goal:
            never = jnp.full(candidates.shape[:2], float(candidates.shape[2] * layout.stride))
            return never, never
        position = candidates[..., jnp.asarray(layout.goal_dims)]
        goals = jnp.broadcast_to(goal[:, None], (*candidates.shape[:2], goal.shape[-1]))
        token = arrival(position, goals, self.config.goal_tolerance)
        cost = token
        if support is not None and self.config.support > 0:
            cost = cost + self.config.support * outside(position, token, support)
        return token * layout.stride, cost * layout.stride

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


def _per_candidate(keys: Key[Array, "B"], count: int) -> Key[Array, "BN"]:
    """One key per candidate, from each robot's own key."""
    return jax.vmap(lambda k: jax.random.split(k, count))(keys).reshape(-1)


def _pick(per_candidate: Array, best: Array) -> Array:
    """Row `best[b]` of each `[B, N, ...]`."""
    return jax.vmap(lambda rows, i: rows[i])(per_candidate, best)
