"""Rewards of a dataset: the critic that they teach, and how good each return is by it."""

import numpy as np
from jaxtyping import Float

from dfplan.data.minari_io import Trajectories
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array
from dfplan.value.config import ValueConfig
from dfplan.value.critic import Critic
from dfplan.value.fit import fit_critic, folds, rank
from dfplan.value.returns import Returns, returns


def learn_critic(
    data: Trajectories, states: Normalizer, config: ValueConfig, *, stride: int, seed: int
) -> Critic:
    """The critic of a dataset that was loaded with its rewards.

    Args:
        data: the dataset.
        states: normaliser of its states.
        config: discount, sizes and steps.
        stride: control steps of a token.
        seed: of the fit.
    """
    given = _given(data, states, config, stride)
    return fit_critic(*given, config, stride=stride, seed=seed)


def return_quantiles(
    data: Trajectories, states: Normalizer, critic: Critic, config: ValueConfig, *, stride: int
) -> Float[np.ndarray, "N"]:
    """How good the return from each row is, 0 to 1, among those that the data had from such states.

    Args are those of `learn_critic`, and its critic.
    """
    return rank(critic, *_given(data, states, config, stride))


def expected_return(
    critic: Critic | None, states: Normalizer, plans: Float[Array, "*b T S"]
) -> Float[Array, "*b"]:
    """Discounted rewards that plans are expected to bring; states in SI units."""
    assert critic is not None
    return critic.expected_return(states.encode(plans))


def _given(
    data: Trajectories, states: Normalizer, config: ValueConfig, stride: int
) -> tuple[np.ndarray, Returns, np.ndarray]:
    assert data.reward is not None and data.terminated is not None
    found = returns(
        data.reward,
        data.start,
        data.length,
        data.terminated,
        discount=config.discount,
        stride=stride,
    )
    fold = folds(data.start, data.length, config.members)
    return np.asarray(states.encode(data.state)), found, fold
