"""The critic on data with known values, and quantiles of returns with known luck."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.types import UserError
from dfplan.value.config import ValueConfig
from dfplan.value.critic import Critic
from dfplan.value.fit import (
    assign_folds,
    conditional_quantiles,
    fit_critic,
    predict_held_out,
)
from dfplan.value.returns import compute_returns

# Every test has 800 rows of one dimension so that all share one compiled program.
CONFIG = ValueConfig(discount=0.9, members=2, width=32, steps=1_000, batch_size=64)


def fitted(state, reward, length, terminated, config=CONFIG):
    """Return the critic of episodes `[E, length]`, with states, returns and folds of all rows."""
    episodes = len(state)
    start = np.arange(episodes) * length
    lengths = np.full(episodes, length)
    returns = compute_returns(
        reward.reshape(-1),
        start,
        lengths,
        np.full(episodes, terminated),
        discount=config.discount,
        stride=1,
    )
    fold = assign_folds(start, lengths, config.members)
    flat = state.reshape(len(fold), -1).astype(np.float32)
    return fit_critic(flat, returns, fold, config, stride=1, seed=0), flat, returns, fold


@pytest.fixture(scope="module")
def shrinking():
    """States shrink by a tenth per step and are their own reward: V = s / (1 - 0.9 * 0.9)."""
    first = np.random.default_rng(0).uniform(-2, 2, (200, 1))
    state = first * 0.9 ** np.arange(4)
    reward = np.where(np.arange(4) < 3, state, 0.0)
    return fitted(state, reward, 4, False)


def test_a_truncated_episode_continues_with_the_value_of_its_last_state(shrinking):
    critic = shrinking[0]
    state = jnp.array([[-1.0], [0.5], [1.0]])
    # The three observed steps give less than half of the value.
    expected = np.broadcast_to(state[:, 0] / (1 - 0.81), (2, 3))
    np.testing.assert_allclose(critic.value(state), expected, rtol=0.12)
    assert critic.explained > 0.98


def test_expected_return_is_rewards_plus_the_last_value(shrinking):
    critic = shrinking[0]
    plan = jnp.array([1.0, 0.9, 0.81, 0.729])[None, :, None]
    better = plan.at[0, 1:].add(0.4)
    np.testing.assert_allclose(critic.expected_return(plan), 1 / (1 - 0.81), rtol=0.12)
    assert critic.expected_return(better)[0] > critic.expected_return(plan)[0] + 0.5


def test_nothing_counts_after_termination():
    steps = np.tile(np.arange(4.0, -1, -1), (160, 1))  # one reward per step until none is left
    critic, *_ = fitted(steps, np.where(steps > 0, 1.0, 0.0), 5, True)
    left = jnp.arange(5.0)[:, None]
    expected = (1 - 0.9 ** np.arange(5)) / (1 - 0.9)
    np.testing.assert_allclose(critic.value(left), np.broadcast_to(expected, (2, 5)), atol=0.15)
    # A plan that passes the end, to states whose value must not count.
    plan = jnp.array([2.0, 1.0, 0.0, 3.0, 4.0])[:, None]
    np.testing.assert_allclose(critic.expected_return(plan), 1.9, atol=0.3)


def test_pessimism_subtracts_the_disagreement_of_the_members(shrinking):
    critic = shrinking[0]
    plan = jnp.array([[1.0], [0.9]])
    shifted = dataclasses.replace(
        critic, nets={**critic.nets, "value/2/bias": critic.nets["value/2/bias"].at[0].add(1.0)}
    )
    for pessimism in (0.0, 1.5):
        alone = [
            dataclasses.replace(
                shifted, nets={k: v[i : i + 1] for k, v in shifted.nets.items()}
            ).expected_return(plan)
            for i in range(2)
        ]
        expected = np.mean(alone) - pessimism * np.std(alone)
        np.testing.assert_allclose(shifted.expected_return(plan, pessimism), expected, rtol=1e-5)


def test_quantiles_compare_returns_from_the_same_state():
    rng = np.random.default_rng(1)
    position = rng.uniform(-1, 1, 400)
    luck = rng.uniform(-1, 1, 400)
    reward = np.stack([3 * position + luck * (1 + position), np.zeros(400)], 1)
    state = np.stack([position, np.full(400, 3.0)], 1)
    quantiles = conditional_quantiles(*fitted(state, reward, 2, True))[::2]
    assert np.corrcoef(quantiles, luck)[0, 1] > 0.9
    assert abs(np.corrcoef(quantiles, position)[0, 1]) < 0.15
    np.testing.assert_allclose(np.quantile(quantiles, [0, 1]), [0, 1], atol=0.3)


def test_a_return_is_compared_with_the_prediction_of_a_network_that_has_not_seen_it():
    # These rewards are unpredictable; only a network that memorized them would predict them.
    rng = np.random.default_rng(2)
    state = rng.normal(size=(400, 1))
    reward = rng.normal(size=(400, 1))
    states = np.concatenate([state, 5 + 0 * state], axis=1)
    rewards = np.concatenate([reward, 0 * reward], axis=1)
    critic, flat, returns, fold = fitted(states, rewards, 2, True)
    value, _, target = predict_held_out(critic, flat, returns, fold)
    assert np.abs(target - value)[::2].mean() > 0.5
    assert critic.explained < 0.6


def test_folds_are_whole_episodes_if_there_are_enough():
    start = np.array([0, 2, 5])
    length = np.array([2, 3, 1])
    np.testing.assert_array_equal(assign_folds(start, length, 2), [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(assign_folds(np.array([0]), np.array([4]), 2), [0, 0, 1, 1])


def test_save_and_load_round_trip(shrinking, tmp_path):
    critic = shrinking[0]
    (tmp_path / "value.npz").write_bytes(critic.to_bytes())
    plan = jnp.array([[1.0], [0.5]])
    assert Critic.load(tmp_path / "value.npz").expected_return(plan) == critic.expected_return(plan)
    (tmp_path / "value.npz").write_bytes(b"PK damaged")
    with pytest.raises(UserError, match=r"value\.npz"):
        Critic.load(tmp_path / "value.npz")
