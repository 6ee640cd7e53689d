"""Inputs and outputs of planning: weights and history in, a plan out."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.support import DataSupport
from dfplan.policy.policy import Policy
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike, PyTree
from dfplan.value.action_critic import ActionCritic
from dfplan.value.critic import Critic


class Weights(NamedTuple):
    """What training learned.

    Attributes:
        params: Network parameters.
        states: Normalizer of states.
        actions: Normalizer of actions.
        support: Data support in the goal's dimensions, or None.
        critic: Expected return of states and plans where the goal is reward, else None.
        action_critic: Expected return after an action for the ranker "action_value", or None.
        policy: Learned low-level policy, or None.
        moves: Moves of the data for the planner "subgoals", or None.
    """

    params: PyTree
    states: Normalizer
    actions: Normalizer
    support: DataSupport | None = None
    critic: Critic | None = None
    action_critic: ActionCritic | None = None
    policy: Policy | None = None
    moves: ObservedMoves | None = None


class History(NamedTuple):
    """Observed tokens, oldest first, the present last; SI units.

    Attributes:
        frames: `[B, H, F, S]` states.
        actions: `[B, H, stride, A]` actions that led to each token.
        level: `[B, H]` noise level declared for each token; 1 marks it as missing.
    """

    frames: Float[Array, "B H F S"]
    actions: Float[Array, "B H stride A"]
    level: Float[Array, "B H"]


class Ranking(NamedTuple):
    """Result of comparing candidate plans.

    Attributes:
        arrival: `[B, N]` control steps until each candidate reaches the goal; more than the plan
            lasts if it never does.
        cost: `[B, N]` cost; the lowest wins.
        temperature: `[B]`, in units of the cost, or None. With it, a mean of all candidates, with
            weights softmax(-cost / temperature), takes the place of the best one, unless the ranker
            may end the sampling early.
    """

    arrival: Float[Array, "B N"]
    cost: Float[Array, "B N"]
    temperature: Float[Array, "B"] | None = None


class Plan(NamedTuple):
    """The chosen plan and the candidates it was chosen from; SI units, control steps.

    Future states are NaN in dimensions that are not planned; see `data.plan_dims`.

    Attributes:
        states: `[B, P+1, S]`, one every `stride` control steps, the present first.
        actions: `[B, P*stride, A]`, or None if tokens hold no actions.
        arrival: `[B]` control steps to the goal; more than the plan lasts if it never arrives or
            has no goal.
        candidates: `[B, N, P+1, S]`. Where sampling ended with the arrival of the best candidate,
            each one is held from there on, at rest and at the goal if it has arrived itself. If
            the ranking has a temperature, the chosen one is replaced by the weighted mean of all;
            arrival and cost remain those of the best one.
        cost: `[B, N]` control steps to the goal plus the OOD penalty; where the goal is reward, the
            negative expected return. Either includes the extra cost.
        best: `[B]` index of the chosen candidate.
        denoising: `[B, M+1, N, P+1, S]` candidates before and after each sampling step, or None.
        history: `[B, H, S]` state at each history token given the observations up to it: as
            observed where the token was declared clean, imputed where it was missing.
    """

    states: Float[ArrayLike, "B P S"]
    actions: Float[ArrayLike, "B L A"] | None
    arrival: Float[ArrayLike, "B"]
    candidates: Float[ArrayLike, "B N P S"]
    cost: Float[ArrayLike, "B N"]
    best: ArrayLike
    denoising: ArrayLike | None
    history: Float[ArrayLike, "B H S"]


def to_global(plan: Plan, layout: Layout) -> Plan:
    """Convert a plan in NumPy from local coordinates to those of the dataset; see `Layout`."""
    if not layout.origin:
        return plan
    names = ("states", "candidates", "denoising", "history")
    arrays = {name: getattr(plan, name) for name in names}
    return plan._replace(
        **{name: layout.to_global(a) for name, a in arrays.items() if a is not None}
    )


def hold_position(
    layout: TokenLayout, state: Float[np.ndarray, "B S"], horizon: int, count: int, past: int
) -> Plan:
    """Return plans that stay where the robots are, in NumPy, for use until others are ready.

    Args:
        layout: Token layout.
        state: Present states, SI units.
        horizon: Number of future tokens, P.
        count: Number of candidates, N.
        past: Number of history tokens, H.
    """
    at_rest = state.copy()
    at_rest[:, list(layout.rest_dims)] = 0.0
    states = np.repeat(at_rest[:, None], horizon + 1, axis=1)
    states[:, 0] = state
    never = np.full(len(state), (horizon + 2.0) * layout.stride, np.float32)
    actions = np.zeros((len(state), horizon * layout.stride, layout.action_dim), np.float32)
    return Plan(
        states=states,
        actions=actions if layout.actions else None,
        arrival=never,
        candidates=np.repeat(states[:, None], count, axis=1),
        cost=np.repeat(never[:, None], count, axis=1),
        best=np.zeros(len(state), np.int32),
        denoising=None,
        history=np.repeat(state[:, None], past, axis=1),
    )
