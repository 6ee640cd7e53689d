"""The critic of a dataset, and the quantile of each of its returns or advantages."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.data.trajectories import Trajectories
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array
from dfplan.value.action_critic import ActionCritic
from dfplan.value.config import ValueConfig
from dfplan.value.critic import Critic
from dfplan.value.fit import assign_folds, conditional_quantiles, fit_critic
from dfplan.value.returns import Returns, compute_returns


def learn_critic(
    data: Trajectories, states: Normalizer, config: ValueConfig, *, stride: int, seed: int
) -> Critic:
    """Fit the critic of a dataset that was loaded with rewards.

    Args:
        data: Dataset.
        states: Normalizer of its states.
        config: Critic settings.
        stride: Control steps per token.
        seed: PRNG seed for the fit.
    """
    state, returns, fold = _training_data(data, states, config, stride=stride)
    return fit_critic(state, returns, fold, config=config, stride=stride, seed=seed)


def return_quantiles(
    data: Trajectories, states: Normalizer, critic: Critic, config: ValueConfig, *, stride: int
) -> Float[np.ndarray, "N"]:
    """Return the quantile of the return from each row, 0 to 1, given the row's state.

    Args:
        data: Dataset that was loaded with rewards.
        states: Normalizer of its states.
        critic: Critic of the dataset.
        config: Critic settings.
        stride: Control steps per token.
    """
    state, returns, fold = _training_data(data, states, config, stride=stride)
    return conditional_quantiles(critic, state, returns, fold=fold)


def advantage_quantiles(
    data: Trajectories, states: Normalizer, actions: Normalizer, critic: ActionCritic
) -> Float[np.ndarray, "N"]:
    """Return the quantile of each row's advantage among those of all actions, in [0, 1].

    Equal advantages share the middle of their quantiles. The last row of an episode has no action,
    and gets 0.5.

    Args:
        data: Dataset.
        states: Normalizer of its states.
        actions: Normalizer of its actions.
        critic: Action critic of the dataset.
    """
    import scipy.stats  # slow to import, and only training needs it

    advantage = critic.advantage(
        jnp.asarray(states.encode(data.state)), jnp.asarray(actions.encode(data.action))
    )
    rows = data.action_rows
    quantile = np.full(len(data.state), 0.5)
    if len(rows) > 1:
        rank = scipy.stats.rankdata(np.asarray(advantage)[rows])  # from 1 on
        quantile[rows] = (rank - 1) / (len(rows) - 1)
    return quantile


def expected_return(
    critic: Critic | None,
    states: Normalizer,
    plans: Float[Array, "*b T S"],
    pessimism: float = 0.0,
) -> Float[Array, "*b"]:
    """Return the expected return of plans, states in SI units; see `Critic.expected_return`."""
    assert critic is not None
    return critic.expected_return(states.encode_input(plans), pessimism)


def _training_data(
    data: Trajectories, states: Normalizer, config: ValueConfig, stride: int
) -> tuple[np.ndarray, Returns, np.ndarray]:
    """Return normalized states, returns and folds of all rows."""
    assert data.reward is not None and data.terminated is not None
    returns = compute_returns(
        data.reward,
        data.start,
        data.length,
        terminated=data.terminated,
        discount=config.discount,
        stride=stride,
    )
    fold = assign_folds(data.start, data.length, config.members)
    return np.asarray(states.encode(data.state)), returns, fold
