"""Composition at sampling time: plans longer than any episode, from a denoiser of short windows.

The plan is divided into overlapping segments as long as the training windows. At each denoising
step, the network denoises every segment by itself, and tokens in two segments get the mean of both
clean estimates. The first token is the present and the last ones are the goal. This is the
composition of DiffCollage and Generative Skill Chaining (Mishra et al. 2023, arXiv 2401.10831) in
its simplest form; CompDiffuser (Luo et al. 2025, arXiv 2503.05153) trains its network for it.

Candidates differ in their lengths, as the length of a route is not known; the ranker picks one.
Networks must be bidirectional, so that the goal has an effect on earlier tokens.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.diffusion.sampler import sample
from dfplan.nets.network import Network
from dfplan.planner.call import PlanCall
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Plan, Weights
from dfplan.planner.query import Query
from dfplan.planner.registry import PLANNERS
from dfplan.types import Array, PyTree, UserError

SHORTEST = 4
"""Tokens of the shortest candidate."""


@dataclasses.dataclass(frozen=True)
class ComposedPlanner(DiffusionPlanner):
    """A planner that composes its plans of segments.

    Attributes:
        segment: Tokens per segment, S; that of the training windows.
        overlap: Tokens that two neighboring segments share.

    Raises:
        UserError: If the segments do not add up to the horizon, or the network is causal.
    """

    segment: int = 8
    overlap: int = 3

    def __post_init__(self):
        super().__post_init__()
        if self.model.net.causal:
            raise UserError("planner.kind 'composed' needs net.kind bidirectional")
        if (self.horizon + 1 - self.segment) % (self.segment - self.overlap):
            raise UserError(
                f"segments of {self.segment} tokens that share {self.overlap} do not add up to "
                f"planner.horizon {self.horizon} and the present"
            )

    @property
    def rows(self) -> np.ndarray:
        """Tokens of each segment, `[J, S]`; token 0 is the present."""
        starts = np.arange(0, self.horizon + 2 - self.segment, self.segment - self.overlap)
        return starts[:, None] + np.arange(self.segment)

    @functools.partial(jax.jit, static_argnames=("self", "denoising"))
    def plan(self, call: PlanCall, *, denoising: bool = False) -> Plan:
        """See `Planner`; always plans from scratch, toward a goal."""
        weights, keys, history, goal, *_ = call
        assert goal is not None
        layout = self.model.layout
        count = self.config.candidates
        present = history.frames[:, -1, -1]
        query = Query(
            layout=layout,
            weights=weights,
            goal=goal,
            extra_cost=None,
            present=present,
            prefix=None,
            extra_candidate=None,
        )
        known = self._known_tokens(weights, present, goal)
        matrix = np.pad(self.config.sampling.make_matrix(self.horizon), ((0, 0), (1, 0)))
        keys = jax.vmap(lambda key: jax.random.split(key, count))(keys).reshape(-1)
        shape = (self.horizon + 1, layout.features)
        noise = jax.vmap(lambda key: jax.random.normal(key, shape))(keys)
        result = sample(
            functools.partial(self._denoise, self.model.denoiser(weights.params), known),
            (),
            noise,
            self.levels(matrix),
            schedule=self.model.schedule,
            solver=self.config.sampling.make_solver(),
            keys=jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys),
        )
        tokens = jnp.where(known[1], known[0], result.tokens)[:, 1:]
        return self._choose(query, result._replace(tokens=tokens), present[:, None])

    def levels(self, matrix: np.ndarray, top: float = 1.0) -> np.ndarray:
        """Return the matrix's noise levels; its first column, the present, is clean."""
        return np.pad(super().levels(matrix[:, 1:], top), ((0, 0), (1, 0)))

    def _known_tokens(
        self, weights: Weights, present: Float[Array, "B S"], goal: Float[Array, "B G"]
    ) -> tuple[Array, Array]:
        """Return tokens `[BN, T, D]`, and `[BN, T, 1]` whether they are known: present and goal."""
        count = self.config.candidates
        token = np.arange(self.horizon + 1)
        lengths = np.linspace(SHORTEST, self.horizon, count).round()
        is_goal = np.tile(token >= lengths[:, None], (len(goal), 1))[..., None]
        encoded = self.model.layout.goal_token(jnp.stack([goal, present], 1), weights.states)
        at_goal, at_present = jnp.repeat(encoded, count, axis=0).transpose(1, 0, 2)[:, :, None]
        is_present = (token == 0)[:, None]
        return jnp.where(is_present, at_present, at_goal), jnp.asarray(is_goal | is_present)

    def _denoise(
        self,
        net: Network,
        known: tuple[Array, Array],
        carry: PyTree,
        x: Array,
        level: Array,
        start: Array,
    ) -> tuple[Array, PyTree]:
        """Return the means of the segments' clean estimates `[BN, T, D]`."""
        values, is_known = known
        x = jnp.where(is_known, values, x)
        level = jnp.where(is_known[..., 0], 0.0, level)
        segments = x[:, self.rows].reshape(-1, self.segment, x.shape[2])
        segment_levels = level[:, self.rows].reshape(-1, self.segment)
        if self.model.layout.has_goal:  # No segment is told a goal.
            segments = jnp.pad(segments, ((0, 0), (1, 0), (0, 0)))
            segment_levels = jnp.pad(segment_levels, ((0, 0), (1, 0)), constant_values=1.0)
        estimates = self.model.x0(segments, net(segments, segment_levels), segment_levels)
        estimates = estimates[:, -self.segment :].reshape(len(x), *self.rows.shape, -1)
        total = jnp.zeros_like(x).at[:, self.rows].add(estimates)
        times = np.bincount(self.rows.ravel())[:, None]
        return jnp.where(is_known, values, total / times), carry


PLANNERS.register("composed", ComposedPlanner)
