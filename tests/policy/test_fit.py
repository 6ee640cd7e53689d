"""The policy: better than the average of noisy actions, the same for the same seed."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.training_arrays import TrainingArrays, fit_normalizers, make_training_arrays
from dfplan.data.trajectories import Trajectories, from_episodes
from dfplan.policy.config import PolicyConfig
from dfplan.policy.fit import fit_policy
from dfplan.policy.policy import Policy
from dfplan.policy.transitions import sample_transitions
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.types import UserError

EPISODES = 200
STEPS = 20
NOISE = 0.5
CONFIG = PolicyConfig(
    relative_dims=(0, 1),
    sharpness=3.0,
    width=32,
    steps=600,
    batch_size=256,
    learning_rate=3e-3,
)
GOAL = (0, 1)
STRIDE = 8


def noisy_walks() -> Trajectories:
    """Points that walk in one direction per episode, with noise; their third dimension is idle."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, (EPISODES, 1))
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    noise = NOISE * rng.normal(size=(EPISODES, STEPS, 2))
    actions = np.clip(direction + noise, -1, 1).astype(np.float32)
    position = np.cumsum(actions, axis=1)
    states = np.pad(position, ((0, 0), (1, 0), (0, 1)))
    states += rng.uniform(-20, 20, (EPISODES, 1, 3)).astype(np.float32)
    actions = np.pad(actions, ((0, 0), (0, 1), (0, 0)))
    layout = Layout(3, 2, GOAL)
    return from_episodes(list(states.astype(np.float32)), list(actions), layout, "walks-v0")


@pytest.fixture(scope="module")
def data():
    return noisy_walks()


def arrays_of(data: Trajectories) -> TrainingArrays:
    states, actions = fit_normalizers(data)
    config = DataConfig(stride=STRIDE)
    return make_training_arrays(data, config, states=states, actions=actions)


@pytest.fixture(scope="module")
def arrays(data):
    return arrays_of(data)


def fit(arrays, **changes) -> Policy:
    config = dataclasses.replace(CONFIG, **changes)
    return fit_policy(arrays, config, target_dims=GOAL, stride=STRIDE, seed=0)


@pytest.fixture(scope="module")
def policy(arrays):
    return fit(arrays)


def speed(policy: Policy, data: Trajectories) -> float:
    """Return the mean speed toward targets five meters away, in all directions."""
    states, actions = fit_normalizers(data)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    present = np.array([3.0, -2.0, 5.0], np.float32)
    target = states.take(GOAL).encode(present[:2] + 5 * direction)
    state = jnp.tile(states.encode(present), (16, 1))
    action = actions.decode(policy.action(state, target, jnp.full(16, 8.0)))
    return float((np.clip(action, -1, 1) * direction).sum(axis=-1).mean())


def test_it_is_faster_than_the_average_of_the_data(data, policy, arrays):
    cloned = fit(arrays, sharpness=0.0)
    # The clipped noisy actions average 0.80 in their direction; 1 is the most along an axis.
    assert 0.7 < speed(cloned, data) < 0.9
    assert speed(policy, data) > 1.15 * speed(cloned, data)


def test_where_rewards_are_known_the_better_actions_count(arrays):
    first = np.asarray(arrays.action)[:, 0]
    rank = first.argsort().argsort() / (len(first) - 1)
    rewarded = arrays._replace(return_quantile=jnp.asarray(rank, jnp.float32))
    state = jnp.zeros((1, 3))

    def action(policy):
        return float(policy.action(state, jnp.zeros((1, 2)), jnp.ones(1))[0, 0])

    cloned = fit(rewarded, sharpness=0.0, steps=200)
    assert action(fit(rewarded, sharpness=3.0, steps=200)) > action(cloned) + 0.3


def test_the_same_seed_gives_the_same_policy(arrays, policy, same_bits):
    reports = []
    again = fit_policy(
        arrays, CONFIG, target_dims=GOAL, stride=STRIDE, seed=0, progress=reports.append
    )
    same_bits(again, policy)
    assert reports == list(range(30, 601, 30))


def test_relative_dimensions_make_it_the_same_everywhere(policy):
    state = jnp.array([[0.3, -0.1, 0.2]])
    target = jnp.array([[0.4, 0.1]])
    steps = jnp.ones(1)
    moved = policy.action(state + jnp.array([0.5, 0.5, 0.0]), target + 0.5, steps)
    np.testing.assert_allclose(moved, policy.action(state, target, steps), atol=1e-5)
    assert policy.inputs.state_dims == (2,) and policy.inputs.target_dims == GOAL


@pytest.mark.parametrize("timed", [False, True])
def test_only_a_timed_policy_sees_the_time_left(policy, timed):
    inputs = dataclasses.replace(policy.inputs, timed=timed)
    state = jnp.zeros((4, 3))
    target = jnp.full((4, 2), 0.2)
    # Steps beyond the horizon are clipped, as no policy was trained on them.
    features = inputs.timed_features(state, target, jnp.array([2.0, 6.0, 12.0, 1e6]))
    assert features.shape == (4, 3 + timed)
    if timed:
        np.testing.assert_allclose(features[:, -1], [1 / 6, 0.5, 1, 1])


@pytest.mark.parametrize("timed", [False, True])
def test_a_policy_survives_its_file(policy, same_bits, tmp_path, timed):
    policy = dataclasses.replace(policy, inputs=dataclasses.replace(policy.inputs, timed=timed))
    (tmp_path / "policy.npz").write_bytes(policy.to_bytes())
    same_bits(Policy.load(tmp_path / "policy.npz"), policy)
    (tmp_path / "policy.npz").write_bytes(policy.to_bytes()[:-40])
    with pytest.raises(UserError, match=r"policy\.npz"):
        Policy.load(tmp_path / "policy.npz")


def test_targets_are_later_states_of_the_same_episode(arrays, policy):
    sample = jax.jit(sample_transitions, static_argnums=3)
    batch = sample(jax.random.key(1), arrays, policy.inputs, 500)
    states = np.asarray(arrays.state)
    row = np.array([np.flatnonzero((states == state).all(axis=1))[0] for state in batch.state])
    later = row + np.asarray(batch.steps)
    assert (later <= np.asarray(arrays.row_index.last)[row]).all()
    assert set(np.asarray(batch.steps)) == set(range(1, policy.inputs.horizon + 1))
    np.testing.assert_array_equal(batch.target, states[later][:, GOAL])
    np.testing.assert_array_equal(batch.next_state, states[row + 1])
    np.testing.assert_array_equal(batch.action, np.asarray(arrays.action)[row])


def test_dimensions_and_data_that_no_policy_can_use(data, arrays):
    with pytest.raises(UserError, match=r"relative_dims 3 .*valid: 0 to 2"):
        fit(arrays, relative_dims=(3,))
    still = dataclasses.replace(data, state=np.zeros_like(data.state))
    with pytest.raises(UserError, match=r"\(0, 1\)"):
        fit(arrays_of(still))
