"""What a plan is made of, and what it is: weights and history in, a Plan out."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.planner.support import DataSupport
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike, PyTree
from dfplan.value.critic import Critic


class Weights(NamedTuple):
    """What training found: parameters, normalisers, and where the data has been (or None).

    With rewards for a goal, also what states and plans are worth.
    """

    params: PyTree
    states: Normalizer
    actions: Normalizer
    support: DataSupport | None = None
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

    states: Float[ArrayLike, "B P S"]
    actions: Float[ArrayLike, "B L A"] | None
    arrival: Float[ArrayLike, "B"]
    candidates: Float[ArrayLike, "B N P S"]
    cost: Float[ArrayLike, "B N"]
    best: ArrayLike
    denoising: ArrayLike | None
    history: Float[ArrayLike, "B H S"]


def hold_position(
    layout: TokenLayout, state: Float[np.ndarray, "B S"], horizon: int, count: int, past: int
) -> Plan:
    """Plans that stay where the robots are, in NumPy, for as long as there are no others.

    Args:
        layout: of tokens.
        state: the present, SI units.
        horizon: P. count: candidates. past: history tokens.
    """
    still = state.copy()
    still[:, list(layout.rest_dims)] = 0.0
    states = np.repeat(still[:, None], horizon + 1, axis=1)
    states[:, 0] = state
    never = np.full(len(state), (horizon + 2.0) * layout.stride, np.float32)
    actions = np.zeros((len(state), horizon * layout.stride, layout.action_dim), np.float32)
    return Plan(
        states,
        actions if layout.actions else None,
        never,
        np.repeat(states[:, None], count, axis=1),
        np.repeat(never[:, None], count, axis=1),
        np.zeros(len(state), np.int32),
        None,
        np.repeat(state[:, None], past, axis=1),
    )
