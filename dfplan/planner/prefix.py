"""Committed prefixes: the control steps that a robot executes while its next plan is made.

Real-time chunking (Black et al. 2025, arXiv 2506.07339): the next plan begins with what is being
executed and continues it, so that the switch is smooth. Diffusion Forcing gives each token its own
noise level, so a committed token is simply a clean one, and no further training is needed: it is
trained with clean tokens before noisy ones, as in training-time real-time chunking (arXiv
2512.05964).

The delay may end inside a token of several control steps. A token with actions is then committed in
part: its first actions are known, and its other features are sampled. A token of states alone
has nothing to divide, so it is committed whole.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.planner.plan import Plan, Weights
from dfplan.planner.progress import PlanProgress
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike, Denoiser, UserError


class Prefix(NamedTuple):
    """The first control steps of a plan, SI units.

    Attributes:
        states: `[B, d, S]` states, at every control step after the present.
        actions: `[B, d, A]` actions that lead there; None if tokens hold no actions.
    """

    states: Float[ArrayLike, "B d S"]
    actions: Float[ArrayLike, "B d A"] | None

    @property
    def steps(self) -> int:
        """Number of control steps, d."""
        return self.states.shape[1]

    def whole_tokens(self, layout: TokenLayout) -> int:
        """Return how many tokens are committed whole."""
        return self.steps // layout.stride

    def token_states(self, layout: TokenLayout) -> Float[Array, "B q S"]:
        """Return the states at the tokens that are committed whole."""
        return jnp.asarray(self.states)[:, layout.stride - 1 :: layout.stride]

    def encode(self, layout: TokenLayout, weights: Weights) -> Float[Array, "B q D"]:
        """Return the clean tokens that are committed whole."""
        steps = self.whole_tokens(layout) * layout.stride
        if not steps:
            return jnp.zeros((len(self.states), 0, layout.features), jnp.float32)
        actions = None if self.actions is None else self.actions[:, :steps]
        return encode_steps(layout, weights, self.states[:, :steps], actions)

    def encode_rest(
        self, layout: TokenLayout, weights: Weights
    ) -> tuple[Float[Array, "B D"], Bool[np.ndarray, "D"]] | None:
        """Return the token that is committed in part, and a mask of its known features.

        Return None if the prefix ends at the end of a token.
        """
        known = self.steps % layout.stride
        if not known:
            return None
        assert self.actions is not None, "tokens of states are committed whole"
        # Unknown control steps repeat the last known one, and are masked.
        last = np.minimum(np.arange(layout.stride), known - 1) - known
        token = encode_steps(layout, weights, self.states[:, last], self.actions[:, last])[:, 0]
        is_known = np.arange(layout.stride) < known
        frames = is_known[-layout.frame_count :, None] * np.ones(layout.state_dim)
        actions = is_known[:, None] * np.ones(layout.action_dim)
        planned = np.asarray(layout.planned(frames)).ravel()
        return token, np.concatenate([planned, actions.ravel()]) > 0


def encode_steps(
    layout: TokenLayout, weights: Weights, states: ArrayLike, actions: ArrayLike | None
) -> Float[Array, "B T D"]:
    """Return states `[B, T*stride, S]` and actions `[B, T*stride, A]` as clean tokens."""

    def by_token(steps: Array) -> Array:
        return steps.reshape(len(steps), -1, layout.stride, steps.shape[-1])

    frames = by_token(weights.states.encode(jnp.asarray(states)))[:, :, -layout.frame_count :]
    if actions is None:
        return layout.encode(frames, None)
    return layout.encode(frames, by_token(weights.actions.encode(jnp.asarray(actions))))


def remaining_steps(
    progress: PlanProgress, plan: Plan, at: Int[ArrayLike, "B"], steps: int
) -> tuple[Float[ArrayLike, "B L S"], Float[ArrayLike, "B L A"] | None]:
    """Return the states and actions of the control steps of a plan that follow step `at`.

    Past the plan's end its last state and action repeat, as they do when it is followed.
    """
    path = progress.interpolate(plan.states)
    step = (at[:, None] + np.arange(1, steps + 1)).clip(max=path.shape[1] - 1)
    rows = np.arange(len(at))[:, None]
    actions = None if plan.actions is None else plan.actions[rows, step - 1]
    return path[rows, step], actions


def committed_steps(layout: TokenLayout, delay: int) -> int:
    """Return the control steps that are committed for a delay: whole tokens if of states alone."""
    return delay if layout.actions else -(-delay // layout.stride) * layout.stride


def check_delay(layout: TokenLayout, horizon: int, delay: int) -> None:
    """Check that a plan of `horizon` tokens does not consist of committed tokens alone.

    Raises:
        UserError: If it does.
    """
    longest = (horizon - 1) * layout.stride
    if delay > longest:
        raise UserError(
            f"planner.timing.inference_delay {delay} leaves nothing to plan in {horizon} tokens of "
            f"{layout.stride} control steps; valid: 0 to {longest}"
        )


def keep_known(denoise: Denoiser, token: Float[Array, "B D"], mask: ArrayLike) -> Denoiser:
    """Wrap a denoiser so that its estimate of the first token has the known features.

    With these estimates at every step, the solver denoises the features to the known values.

    Args:
        denoise: Denoiser.
        token: Token that is known in part.
        mask: `[D]` bool, its known features.
    """

    def fixed(carry, x, level, start):
        x0, carry = denoise(carry, x, level, start)
        first = jnp.where((start == 0) & mask, token, x0[:, 0])
        return x0.at[:, 0].set(first), carry

    return fixed
