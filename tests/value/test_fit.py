"""The critic where the value is known, and the ranks of returns where luck is."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.value.config import ValueConfig
from dfplan.value.critic import Critic
from dfplan.value.fit import expected, fit_critic, folds, rank
from dfplan.value.returns import returns

# Every test has 800 rows of one dimension, so that all share one compiled program.
CONFIG = ValueConfig(discount=0.9, members=2, width=32, steps=1_000, batch_size=64)


def fitted(state, reward, length, terminated, config=CONFIG):
    """The critic of episodes `[E, length]`, the returns, and the folds."""
    episodes = len(state)
    start, lengths = np.arange(episodes) * length, np.full(episodes, length)
    over = np.full(episodes, terminated)
    found = returns(reward.reshape(-1), start, lengths, over, discount=config.discount, stride=1)
    fold = folds(start, lengths, config.members)
    flat = state.reshape(len(fold), -1).astype(np.float32)
    return fit_critic(flat, found, fold, config, stride=1, seed=0), flat, found, fold


@pytest.fixture(scope="module")
def shrinking():
    """Each step takes a tenth of the state, and brings what is left: V = s / (1 - 0.9 * 0.9)."""
    first = np.random.default_rng(0).uniform(-2, 2, (200, 1))
    state = first * 0.9 ** np.arange(4)
    reward = np.where(np.arange(4) < 3, state, 0.0)
    return fitted(state, reward, 4, False)


def test_a_truncated_episode_goes_on_as_its_last_state_is_worth(shrinking):
    critic = shrinking[0]
    state = jnp.array([[-1.0], [0.5], [1.0]])
    # The three steps that were seen bring less than half of it.
    wanted = np.broadcast_to(state[:, 0] / (1 - 0.81), (2, 3))
    np.testing.assert_allclose(critic.value(state), wanted, rtol=0.12)
    assert critic.explained > 0.98


def test_a_plan_is_worth_its_rewards_and_its_end(shrinking):
    critic = shrinking[0]
    plan = jnp.array([1.0, 0.9, 0.81, 0.729])[None, :, None]
    better = plan.at[0, 1:].add(0.4)
    np.testing.assert_allclose(critic.expected_return(plan), 1 / (1 - 0.81), rtol=0.12)
    assert critic.expected_return(better)[0] > critic.expected_return(plan)[0] + 0.5


def test_nothing_follows_the_end_of_an_episode():
    steps = np.tile(np.arange(4.0, -1, -1), (160, 1))  # one reward a step, until none is left
    critic, *_ = fitted(steps, np.where(steps > 0, 1.0, 0.0), 5, True)
    left = jnp.arange(5.0)[:, None]
    wanted = (1 - 0.9 ** np.arange(5)) / (1 - 0.9)
    np.testing.assert_allclose(critic.value(left), np.broadcast_to(wanted, (2, 5)), atol=0.15)
    # A plan that passes the end, to states whose value would count again.
    plan = jnp.array([2.0, 1.0, 0.0, 3.0, 4.0])[:, None]
    np.testing.assert_allclose(critic.expected_return(plan), 1.9, atol=0.3)


def test_a_rank_compares_returns_from_the_same_state():
    rng = np.random.default_rng(1)
    place, luck = rng.uniform(-1, 1, 400), rng.uniform(-1, 1, 400)
    reward = np.stack([3 * place + luck * (1 + place), np.zeros(400)], 1)
    state = np.stack([place, np.full(400, 3.0)], 1)
    ranks = rank(*fitted(state, reward, 2, True))[::2]
    assert np.corrcoef(ranks, luck)[0, 1] > 0.9
    assert abs(np.corrcoef(ranks, place)[0, 1]) < 0.15
    np.testing.assert_allclose(np.quantile(ranks, [0, 1]), [0, 1], atol=0.3)


def test_a_return_is_compared_with_what_a_network_expects_that_has_not_seen_it():
    # Nothing is to be known of these rewards; who has learned them by heart expects them.
    rng = np.random.default_rng(2)
    state, reward = rng.normal(size=(400, 1)), rng.normal(size=(400, 1))
    both = np.concatenate([state, 5 + 0 * state], 1), np.concatenate([reward, 0 * reward], 1)
    critic, flat, found, fold = fitted(*both, 2, True)
    value, _, target = expected(critic, flat, found, fold)
    assert np.abs(target - value)[::2].mean() > 0.5
    assert critic.explained < 0.6


def test_whole_episodes_are_kept_from_a_member_where_there_are_enough():
    start, length = np.array([0, 2, 5]), np.array([2, 3, 1])
    np.testing.assert_array_equal(folds(start, length, 2), [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(folds(np.array([0]), np.array([4]), 2), [0, 0, 1, 1])


def test_it_is_read_as_it_was_written(shrinking, tmp_path):
    critic = shrinking[0]
    critic.save(tmp_path / "value.npz")
    plan = jnp.array([[1.0], [0.5]])
    assert Critic.load(tmp_path / "value.npz").expected_return(plan) == critic.expected_return(plan)
    (tmp_path / "value.npz").write_bytes(b"PK damaged")
    with pytest.raises(ValueError, match=r"value\.npz"):
        Critic.load(tmp_path / "value.npz")
