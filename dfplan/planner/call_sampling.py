"""CallSampling: how a `DiffusionPlanner` samples the tokens of one planning call."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.matrix import without_first
from dfplan.diffusion.resample_noise import resample_noise
from dfplan.diffusion.sampler import Sampler, SamplerState, token_noise
from dfplan.guidance.costs import goal_distance
from dfplan.guidance.guide import gradient_guidance
from dfplan.guidance.history import history_guidance
from dfplan.planner.call import PlanCall
from dfplan.planner.context import ContextEncoder
from dfplan.planner.prefix import keep_known
from dfplan.planner.protocol import EarlyRanker
from dfplan.planner.query import Query, decode_states
from dfplan.types import Array, Denoiser, PyTree

if TYPE_CHECKING:
    from dfplan.planner.diffusion_planner import DiffusionPlanner


class Draft(NamedTuple):
    """Plans that have been begun and not yet finished.

    Attributes:
        state: State of the sampler.
        past: `[B, H, S]` state at each history token.
    """

    state: SamplerState
    past: Float[Array, "B H S"]


class CallSampling:
    """How a planner samples the tokens of one call.

    The tokens are those that follow the committed ones, R = P - q.

    Args:
        planner: Planner.
        call: Inputs of the call.
    """

    def __init__(self, planner: "DiffusionPlanner", call: PlanCall):
        self._planner = planner
        self._call = call
        self._model = planner.model
        self._net = planner.model.denoiser(call.weights.params)
        layout = planner.model.layout
        self._committed = 0 if call.prefix is None else call.prefix.whole_tokens(layout)
        self._initial_tokens = None
        if call.initial_plan is not None:
            tokens = call.initial_plan.encode(layout, call.weights)
            self._initial_tokens = tokens[:, self._committed :]
        candidates = planner.config.candidates
        self._has_extra = call.initial_plan is not None and candidates > 1
        self._count = candidates - self._has_extra
        history_keys, start_keys, step_keys, resample_keys = _split(call.keys, 4)
        self._history_keys = history_keys
        self._start_keys = _per_candidate(start_keys, self._count)
        self._step_keys = _per_candidate(step_keys, self._count)
        self._resample_keys = _per_candidate(resample_keys, self._count)
        self._matrix, self._levels = self._schedule()

    def encode_context(self) -> tuple[PyTree, Float[Array, "B H S"]]:
        """Return the network's carry after the context, and the state at each history token."""
        encoder = ContextEncoder(
            self._model,
            self._planner.config,
            self._planner.horizon,
            net=self._net,
            weights=self._call.weights,
            prefix=self._call.prefix,
        )
        call = self._call
        carry, estimates = encoder.encode(
            self._history_keys, call.history, call.goal, count=self._count
        )
        return carry, encoder.filter(call.history, estimates)

    def query(self, past: Float[Array, "B H S"]) -> Query:
        """Return what the call asks for.

        Args:
            past: State at each history token.
        """
        call = self._call
        return Query(
            layout=self._model.layout,
            weights=call.weights,
            goal=call.goal,
            extra_cost=call.extra_cost,
            present=past[:, -1],
            prefix=call.prefix,
            extra_candidate=self._initial_tokens if self._has_extra else None,
            pessimism=self._planner.config.goal.pessimism,
        )

    def sampler(self, query: Query) -> Sampler:
        """Return the sampler of the call's tokens."""
        planner = self._planner
        call = self._call
        is_guided = planner.is_guided(call.goal, call.extra_cost)
        early_ranker = planner.early_ranker(call.goal, call.extra_cost)
        denoise = self._denoiser()
        if is_guided:
            denoise = self._guide(denoise, query)
        rest = None
        if call.prefix is not None:
            rest = call.prefix.encode_rest(self._model.layout, call.weights)
        if rest is not None:
            token, mask = rest
            denoise = keep_known(denoise, jnp.repeat(token, self._count, axis=0), mask)
        return Sampler(
            denoise=denoise,
            matrix_levels=self._levels,
            schedule=self._model.schedule,
            solver=planner.config.sampling.make_solver(),
            keys=self._step_keys,
            windows=planner.windows(self._matrix, is_guided),
            stop=None if early_ranker is None else _make_stop(early_ranker, query),
        )

    def begin(self, sampler: Sampler, carry: PyTree) -> SamplerState:
        """Return the state that sampling starts from: noise, or the re-noised initial plan.

        Args:
            sampler: Sampler of the call.
            carry: Network's carry after the context.
        """
        tokens = jnp.arange(self._committed, self._planner.horizon, dtype=jnp.int32)
        noise = token_noise(self._start_keys, tokens, self._model.layout.features)
        start = self._planner.config.sampling.temperature * noise
        if self._initial_tokens is not None:
            alpha, sigma = self._model.schedule.alpha_sigma(jnp.asarray(self._levels[0, 0]))
            start = alpha * jnp.repeat(self._initial_tokens, self._count, axis=0) + sigma * start
        if self._planner.is_guided(self._call.goal, self._call.extra_cost):
            carry = (carry, jnp.zeros_like(start))
        return sampler.begin(start, carry)

    @property
    def near_row(self) -> int:
        """Row of the scheduling matrix at which the first `timing.near_tokens` are clean."""
        near = max(self._planner.config.timing.near_tokens, 1)
        return int(np.argmax((self._matrix[:, :near] == 0).all(axis=1)))

    def _schedule(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the scheduling matrix `[M+1, R]` and its noise levels."""
        config = self._planner.config
        horizon = self._planner.horizon
        if self._call.initial_plan is not None:
            matrix = without_first(config.warm_start.make_matrix(horizon), self._committed)
            return matrix, self._planner.levels(matrix, config.warm_start.level)
        matrix = without_first(config.sampling.make_matrix(horizon), self._committed)
        return matrix, self._planner.levels(matrix)

    def _denoiser(self) -> Denoiser:
        """Return the denoiser of the tokens, with history guidance if it is on."""
        net = self._net
        context = self._model.layout.has_goal + self._call.history.level.shape[1]
        offset = context + self._committed
        modulation = net.precompute_modulation(jnp.asarray(np.unique(self._levels)))

        def denoise(carry, x, level, start):
            output, carry = net.extend(carry, x, level, start=offset + start, modulation=modulation)
            return self._model.x0(x, output, level), carry

        if self._planner.config.history.guided:
            return history_guidance(denoise, self._planner.config.history.guidance_weights)
        return denoise

    def _guide(self, denoise: Denoiser, query: Query) -> Denoiser:
        """Return the denoiser guided by the gradients of the goal and of the extra cost.

        Args:
            denoise: Unguided denoiser.
            query: Query of the call.
        """
        by_goal = self._planner.is_guided_by_goal(query.goal)
        distance = goal_distance(self._model.layout.goal_dims)

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

        config = self._planner.config.guidance
        futures = None
        if config.samples > 1:
            futures = functools.partial(resample_noise, self._resample_keys, count=config.samples)
        return gradient_guidance(
            denoise, cost, self._model.schedule.alpha_sigma, scale=config.scale, futures=futures
        )


def _make_stop(ranker: EarlyRanker, query: Query) -> Callable[[Array, Array], Array]:
    """Return a function of tokens and the number of complete ones: whether to end sampling."""

    def stop(tokens: Array, complete: Array) -> Array:
        complete = query.committed + complete
        candidates = query.candidates(tokens, complete)
        ranking = ranker.rank(candidates, query.goal, query.weights)
        return ranker.is_decided(ranking, complete)

    return stop


def _split(keys: Key[Array, "B"], count: int) -> Key[Array, "K B"]:
    """Split each robot's key into `count` keys."""
    return jax.vmap(lambda key: jax.random.split(key, count), out_axes=1)(keys)


def _per_candidate(keys: Key[Array, "B"], count: int) -> Key[Array, "BN"]:
    """Split each robot's key into one key per candidate."""
    return jax.vmap(lambda key: jax.random.split(key, count))(keys).reshape(-1)
