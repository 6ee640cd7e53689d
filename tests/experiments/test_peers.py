"""OGBench's algorithms: their goals, and whether they learn to move toward them."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common.peers import measure
from experiments.common.peers.gcbc import GCBC
from experiments.common.peers.gciql import GCIQL
from experiments.common.peers.goals import Data, GoalShares, draw_batch
from experiments.common.peers.hiql import HIQL
from experiments.common.peers.learner import Settings, act, init_state, train_until
from experiments.common.peers.networks import mlp

EPISODES = 100
LENGTH = 40


def random_walks():
    """Return random walks along a line."""
    rng = np.random.default_rng(0)
    action = rng.uniform(-1.0, 1.0, (EPISODES, LENGTH, 1))
    start = rng.uniform(-1.0, 1.0, (EPISODES, 1, 1))
    state = start + 0.2 * np.cumsum(np.pad(action, ((0, 0), (1, 0), (0, 0)))[:, :-1], axis=1)
    rows = np.arange(EPISODES * LENGTH)
    last = (rows // LENGTH + 1) * LENGTH - 1
    return Data(
        state=jnp.asarray(state.reshape(-1, 1), jnp.float32),
        action=jnp.asarray(action.reshape(-1, 1), jnp.float32),
        last=jnp.asarray(last),
        begin=jnp.asarray(rows[rows < last]),
    )


def test_goals_are_later_states_of_the_same_episode():
    rows = np.arange(EPISODES * LENGTH)
    numbered = random_walks()._replace(state=jnp.asarray(rows[:, None], jnp.float32))
    shares = GoalShares(value_current=0.0, value_future=1.0, policy_future=1.0)
    batch = draw_batch(jax.random.key(0), numbered, shares, 500, subgoal_steps=5, discount=0.9)
    row = np.asarray(batch.state[:, 0])
    last = LENGTH - 1 - row % LENGTH
    assert (batch.next_state[:, 0] == row + 1).all()
    np.testing.assert_array_equal(batch.low_goal[:, 0] - row, np.minimum(5, last))
    ahead = np.asarray(batch.value_goal[:, 0]) - row
    assert (ahead >= 1).all() and (ahead <= last).all() and not batch.is_reached.any()
    assert 5 < ahead[last > 30].mean() < 11  # 10 without an end of the episode
    goal = np.asarray(batch.policy_goal[:, 0]) - row
    target = np.asarray(batch.subgoal[:, 0]) - row
    assert (goal >= 1).all() and (goal <= last).all()
    np.testing.assert_array_equal(target, np.minimum(goal, 5))


SETTINGS = Settings(width=32, batch_size=64, steps=800, subgoal_steps=5, learning_rate=1e-3)


@pytest.mark.parametrize(
    ("algorithm", "speed"), [(GCBC(SETTINGS), 0.1), (GCIQL(SETTINGS), 0.3), (HIQL(SETTINGS), 0.15)]
)
def test_policies_move_toward_the_goal(algorithm, speed):
    data = random_walks()
    state = init_state(algorithm, jax.random.key(0), 1, 1)
    key = jax.random.key(1)
    state = train_until(state, data, algorithm, key=key, stop=jnp.int32(SETTINGS.steps))
    rng = np.random.default_rng(1)
    position = rng.uniform(-1.0, 1.0, (200, 1)).astype(np.float32)
    goal = rng.uniform(-1.0, 1.0, (200, 1)).astype(np.float32)
    is_far = np.abs(goal - position)[:, 0] > 0.5
    action = np.asarray(act(algorithm, state.networks, position, goal))
    # The mean of the data's actions is zero.
    toward = (action * np.sign(goal - position))[is_far, 0]
    assert (toward > 0).mean() > 0.95 and toward.mean() > speed


def test_values_of_gciql_are_those_of_the_steps_to_the_goal():
    """Without a choice of actions, n steps from the goal it is -(1 - γ^n) / (1 - γ)."""
    settings = Settings(width=32, batch_size=64, steps=1500, discount=0.8, learning_rate=1e-3)
    algorithm = GCIQL(settings, expectile=0.5)
    rows = np.arange(20)
    data = Data(
        state=jnp.asarray(rows[:, None] / 10.0, jnp.float32),
        action=jnp.zeros((20, 1)),
        last=jnp.full(20, 19),
        begin=jnp.asarray(rows[:-1]),
    )
    state = init_state(algorithm, jax.random.key(0), 1, 1)
    state = train_until(state, data, algorithm, key=jax.random.key(1), stop=jnp.int32(1500))
    start = jnp.full((3, 1), 0.5)
    goal = jnp.array([[0.6], [0.7], [0.9]])
    value = gciql_value(state.networks, start, goal)
    np.testing.assert_allclose(value, [-1.0, -1.8, -2.952], atol=0.4)


def gciql_value(networks, state, goal):
    return np.asarray(mlp(networks["value"], state, goal, norm=True))[:, 0]


def test_trained_networks_are_not_trained_again(tmp_path, monkeypatch):
    data: Any = SimpleNamespace(state=np.zeros((3, 2)), action=np.zeros((3, 1)))
    trained = GCBC(SETTINGS).init(jax.random.key(0), 2, 1)
    calls = []

    def learn(*args):
        calls.append(args)
        return trained

    monkeypatch.setattr(measure, "_learn", learn)
    file = tmp_path / "peers" / "gcbc.npz"
    for request in ({"steps": 1}, {"steps": 1}, {"steps": 2}):
        networks, _ = measure._learn_once(file, request, GCBC(SETTINGS), data, 0)
        jax.tree.map(np.testing.assert_array_equal, networks, trained)
    assert len(calls) == 2


def test_constant_dimensions_are_not_divided_by_zero():
    data: Any = SimpleNamespace(state=np.array([[1.0, 5.0], [3.0, 5.0]]))
    mean, deviation = measure._moments(data)
    assert mean.tolist() == [2.0, 5.0] and deviation.tolist() == [1.0, 1.0]
