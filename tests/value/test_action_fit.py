"""Action values on a chain of three states whose best route no episode took."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.training_arrays import fit_normalizers
from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from dfplan.types import UserError
from dfplan.value.action_config import ActionValueConfig
from dfplan.value.action_critic import ActionCritic, net_shapes
from dfplan.value.action_fit import MIN_SCALE, _make_steps, _return_units, fit_action_critic
from dfplan.value.dataset import advantage_quantiles

DISCOUNT = 0.9
EPISODES = 200
# All tests share one compiled program.
CONFIG = ActionValueConfig(
    members=2, expectile=0.9, width=16, steps=1_500, batch_size=64, learning_rate=3e-3
)


def make_data(terminated: bool):
    """Return episodes through the states 0, 1 and 2, and their normalizers.

    The action 1 is rewarded with 2 and -1 with 0. An episode takes it in one of the first two
    states alone. A third step earns 5, whatever the action.
    """
    rng = np.random.default_rng(0)
    first = np.where(rng.random(EPISODES) < 0.5, 1.0, -1.0)
    actions = np.stack([first, -first, rng.choice([-1.0, 1.0], EPISODES), 0 * first], axis=1)
    reward = np.where(actions > 0, 2.0, 0.0)
    reward[:, 2] = 5.0
    state = np.tile(np.arange(4.0), (EPISODES, 1))
    data = from_episodes(
        list(state[..., None].astype(np.float32)),
        list(actions[..., None].astype(np.float32)),
        Layout(1, 1, action_low=(-1.0,), action_high=(1.0,)),
        "chain-v0",
        rewards=list(reward),
        terminated=np.full(EPISODES, terminated),
    )
    return data, *fit_normalizers(data)


def fit(terminated: bool) -> tuple[ActionCritic, list[int]]:
    data, states, actions = make_data(terminated)
    done: list[int] = []
    critic = fit_action_critic(
        data,
        CONFIG,
        states=states,
        actions=actions,
        discount=DISCOUNT,
        seed=0,
        progress=done.append,
    )
    return critic, done


@pytest.fixture(scope="module")
def terminated():
    return fit(terminated=True)


def evaluate(critic: ActionCritic, pessimism: float = 1.0) -> np.ndarray:
    """Return the values of the actions 1 and -1 in the three states, `[2, 3]`."""
    _, states, actions = make_data(terminated=True)
    state = jnp.tile(states.encode(jnp.arange(3.0)[:, None]), (2, 1, 1))
    action = actions.encode(jnp.array([1.0, -1.0])[:, None, None])
    action = jnp.broadcast_to(action, (2, 3, 1))
    return np.asarray(critic.value(state, action, pessimism))


def test_the_best_parts_of_several_episodes_add_up(terminated):
    after = np.array([0.9 * (2 + 0.9 * 5), 0.9 * 5, 5])
    expected = after + np.array([[2, 2, 0], [0, 0, 0]])
    np.testing.assert_allclose(evaluate(terminated[0]), expected, atol=0.7)
    assert (evaluate(terminated[0])[0, :2] > evaluate(terminated[0])[1, :2] + 1.5).all()


def test_a_truncated_episode_is_worth_more_than_a_terminated_one(terminated):
    truncated, _ = fit(terminated=False)
    assert (evaluate(truncated)[:, 2] > evaluate(terminated[0])[:, 2] + 2).all()


def test_only_the_last_step_of_a_terminated_episode_has_nothing_after_it():
    data, states, actions = make_data(terminated=True)
    terminated = np.arange(EPISODES) % 3 == 0
    data = dataclasses.replace(data, terminated=terminated)
    steps = _make_steps(data, states, actions, discount=DISCOUNT, base=7.0, scale=2.0)
    discount = np.full((EPISODES, 3), DISCOUNT)
    discount[terminated, 2] = 0.0
    np.testing.assert_allclose(steps.discount, discount.ravel())
    assert data.reward is not None
    reward = data.reward.reshape(EPISODES, 4)[:, :3]
    target = (reward + discount * 7.0 - 7.0) / 2.0
    np.testing.assert_allclose(steps.target, target.ravel(), rtol=1e-6)
    following = data.state.reshape(EPISODES, 4, 1)[:, 1:].reshape(-1, 1)
    np.testing.assert_allclose(steps.next_state, states.encode(following), rtol=1e-6)


def test_after_a_truncated_episode_every_step_gives_the_mean_reward():
    data, _, _ = make_data(terminated=False)
    data = dataclasses.replace(data, reward=np.ones_like(data.reward))
    base, scale = _return_units(data, DISCOUNT)
    np.testing.assert_allclose(base, 1 / (1 - DISCOUNT))
    assert scale == MIN_SCALE
    ended = dataclasses.replace(data, terminated=np.ones(EPISODES, bool))
    base, _ = _return_units(ended, DISCOUNT)
    np.testing.assert_allclose(base, np.mean([2.71, 1.9, 1.0, 0.0]))


@pytest.mark.parametrize("count", [1, EPISODES])
def test_equal_advantages_share_the_middle_quantile(count):
    data, states, actions = make_data(terminated=True)
    rows = 2 if count == 1 else len(data.state)
    data = dataclasses.replace(
        data,
        state=data.state[:rows],
        action=data.action[:rows],
        start=data.start[:count],
        length=np.array([2]) if count == 1 else data.length,
    )
    shapes = net_shapes(1, 1, width=2, members=2)
    nets = {name: jnp.zeros(shape, jnp.float32) for name, shape in shapes.items()}
    critic = ActionCritic(nets, jnp.float32(0), jnp.float32(1))
    np.testing.assert_array_equal(advantage_quantiles(data, states, actions, critic), 0.5)


def test_pessimism_subtracts_the_disagreement_of_the_networks(terminated):
    critic = terminated[0]
    bias = critic.nets["action/2/bias"].at[0].add(1.0)
    shifted = dataclasses.replace(critic, nets={**critic.nets, "action/2/bias": bias})

    def only(i):
        nets = {k: v[i : i + 1] if k.startswith("action/") else v for k, v in shifted.nets.items()}
        return dataclasses.replace(shifted, nets=nets)

    values = [evaluate(only(i), 0.0) for i in range(2)]
    np.testing.assert_allclose(evaluate(shifted, 0.0), np.mean(values, axis=0), rtol=1e-4)
    np.testing.assert_allclose(evaluate(shifted, 1.0), np.min(values, axis=0), rtol=1e-4)


def test_an_advantage_is_the_value_of_an_action_beyond_that_of_its_state(terminated):
    data, states, actions = make_data(terminated=True)
    quantiles = advantage_quantiles(data, states, actions, terminated[0]).reshape(EPISODES, 4)
    is_good = data.action.reshape(EPISODES, 4) > 0
    assert quantiles[:, :2][is_good[:, :2]].min() > quantiles[:, :2][~is_good[:, :2]].max()
    np.testing.assert_array_equal(quantiles[:, 3], 0.5)
    assert quantiles.min() < 0.1 and quantiles.max() > 0.9
    np.testing.assert_allclose(quantiles.mean(), 0.5)  # as ties share the middle


def test_progress_ends_with_the_last_step(terminated):
    assert terminated[1][-1] == CONFIG.steps and len(terminated[1]) == 20


def test_save_and_load_round_trip(terminated, tmp_path, same_bits):
    path = tmp_path / "action_value.npz"
    path.write_bytes(terminated[0].to_bytes())
    same_bits(ActionCritic.load(path), terminated[0])
    path.write_bytes(b"PK damaged")
    with pytest.raises(UserError, match=r"action_value\.npz"):
        ActionCritic.load(path)


@pytest.mark.parametrize("sizes", [(2, 1), (1, 2)])
def test_a_critic_of_other_states_or_actions_does_not_fit(terminated, sizes):
    terminated[0].check_fits(1, 1)
    with pytest.raises(UserError, match=r"\(2, 3, 16\)"):
        terminated[0].check_fits(*sizes)


def test_a_critic_that_lacks_an_array_does_not_fit(terminated):
    critic = terminated[0]
    nets = {name: net for name, net in critic.nets.items() if name != "action/1/kernel"}
    with pytest.raises(UserError, match="action/1/kernel"):
        dataclasses.replace(critic, nets=nets).check_fits(1, 1)


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [("expectile", 1.0, r"\[0.5, 1\)"), ("members", 1, "2"), ("steps", 0, "1"), ("width", 0, "1")],
)
def test_settings_out_of_range_are_refused(name, value, valid):
    with pytest.raises(UserError, match=rf"action_value\.{name} .*{valid}.*{value}"):
        dataclasses.replace(CONFIG, **{name: value})
