"""HIQL on OGBench's mazes, and the variants of the ablations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan.runs.presets import make_config
from experiments.ogbench.ablations import VARIANTS
from experiments.ogbench.peers.goals import Data, GoalShares, draw_batch
from experiments.ogbench.peers.hiql import HIQL, act, init, train_until
from experiments.ogbench.study import STUDY

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
    goal = np.asarray(batch.high_goal[:, 0]) - row
    target = np.asarray(batch.high_target[:, 0]) - row
    assert (goal >= 1).all() and (goal <= last).all()
    np.testing.assert_array_equal(target, np.minimum(goal, 5))


def test_hiql_moves_toward_the_goal():
    config = HIQL(width=32, batch_size=64, steps=800, subgoal_steps=5, learning_rate=1e-3)
    data = random_walks()
    state = init(jax.random.key(0), config, 1, 1)
    state = train_until(state, data, config, key=jax.random.key(1), stop=jnp.int32(config.steps))
    rng = np.random.default_rng(1)
    position = rng.uniform(-1.0, 1.0, (200, 1)).astype(np.float32)
    goal = rng.uniform(-1.0, 1.0, (200, 1)).astype(np.float32)
    is_far = np.abs(goal - position)[:, 0] > 0.5
    action = np.asarray(act(state.networks, position, goal))
    # Advantage weights make the actions, whose mean in the data is zero, lead to the goal.
    speed = (action * np.sign(goal - position))[is_far, 0]
    assert (speed > 0).mean() > 0.95 and speed.mean() > 0.15


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
def test_every_variant_has_valid_settings_that_differ_from_the_preset(variant):
    preset = make_config(STUDY.task(variant.task))
    planner = {f"planner.{name}": value for name, value in variant.planner.items()}
    changed = preset.override({**variant.training, **planner})
    assert (changed != preset) == (variant.group != "preset")


def test_variants_have_names_of_their_own():
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)
