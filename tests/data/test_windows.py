"""Windows: every number of a batch against a plain recomputation, and how windows are drawn."""

import functools

import jax
import numpy as np
import pytest

from dfplan.data.training_arrays import fit_normalizers, make_training_arrays
from dfplan.data.windows import batch_key, sample_batch
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

from .conftest import coded_episodes

STATES = Normalizer.from_dict({"mean": [1.0, 4.0, 3.0], "std": [2.0, 5.0, 2.0]})
ACTIONS = Normalizer.from_dict({"mean": [50.0], "std": [100.0]})
LENGTHS = [4, 1, 9, 3]  # steps of each episode
draw = functools.partial(jax.jit, static_argnums=(2, 3, 4))(sample_batch)


def setup(config, lengths=tuple(LENGTHS), goal_dims=()):
    data = coded_episodes(list(lengths), goal_dims)
    training_arrays = make_training_arrays(data, config, STATES, actions=ACTIONS)
    return training_arrays, TokenLayout.create(data.layout, config)


def sampled(config, batch, goal_dims=(), lengths=tuple(LENGTHS), key=None):
    training_arrays, layout = setup(config, lengths, goal_dims)
    key = batch_key(0, 0) if key is None else key
    return jax.tree.map(np.asarray, draw(key, training_arrays, layout, config, batch)), layout


def decode(state):
    """Return the episode and the step that coded states encode."""
    decoded = np.rint(STATES.decode(state)).astype(int)
    return decoded[..., 0], decoded[..., 1]


def goal_steps(batch):
    """Return the step of each sequence's goal; the goal is dimension 1."""
    return np.rint(batch.tokens[:, 0, 1] * 5 + 4).astype(int)


def expected(config, layout, episode, step, goal):
    """Return tokens `[T, D]` in SI units and their validity, one number at a time."""
    end = LENGTHS[episode]
    tokens = []
    valid = []
    for j in range(config.tokens):
        token_step = step + j * config.stride
        token = []
        for row in range(token_step - layout.frame_count + 1, token_step + 1):
            if goal is not None and not config.actions and row >= goal:
                token += [episode, goal, 0]
            else:
                token += [episode, min(max(row, 0), end), 7]
        if config.actions:
            rows = range(token_step - config.stride, token_step)
            token += [100 * episode + row if 0 <= row < end else 0 for row in rows]
        tokens.append(token)
        inside = token_step <= end
        if goal is not None:
            inside = token_step - config.stride < goal if config.actions else True
        valid.append(inside and (token_step <= end or not config.actions))
    return tokens, valid


@pytest.mark.parametrize("goal_dims", [(), (1,)], ids=["no-goal", "goal"])
@pytest.mark.parametrize("actions", [False, True], ids=["states", "actions"])
@pytest.mark.parametrize("frames", ["last", "stack"])
@pytest.mark.parametrize("stride", [1, 3])
def test_every_number_of_a_batch(stride, frames, actions, goal_dims):
    config = DataConfig(stride, frames, actions, tokens=5, rest_dims=(2,))
    batch, layout = sampled(config, 128, goal_dims)
    episode, step = decode(batch.state)
    goal = goal_steps(batch) if goal_dims else [None] * len(step)
    starts = zip(episode, step, goal, strict=True)
    sequences = [expected(config, layout, *start) for start in starts]
    tokens, valid = map(np.array, zip(*sequences, strict=True))
    has_goal = len(goal_dims)
    frame_count = layout.frame_count
    mean = np.concatenate([np.tile(STATES.mean, frame_count), np.tile(50.0, stride * actions)])
    std = np.concatenate([np.tile(STATES.std, frame_count), np.tile(100.0, stride * actions)])
    np.testing.assert_allclose(batch.tokens[:, has_goal:] * std + mean, tokens, atol=1e-3)
    np.testing.assert_array_equal(batch.valid[:, has_goal:], valid)
    if has_goal:
        assert batch.valid[:, 0].all()
        others = np.delete(batch.tokens[:, 0], 1, axis=1)
        np.testing.assert_array_equal(others, 0)
    assert (~batch.valid).any() == (actions or not has_goal)


@pytest.mark.parametrize("stride", [1, 3])
def test_transitions_are_steps_of_one_episode(stride):
    batch, _ = sampled(DataConfig(stride, tokens=4), 512)
    episode, step = decode(batch.state)
    later_episode, later_step = decode(batch.next_state)
    np.testing.assert_array_equal(later_episode, episode)
    np.testing.assert_array_equal(later_step, step + batch.gap)
    action = batch.action[:, 0] * 100 + 50
    np.testing.assert_allclose(action, 100 * episode + step, atol=1e-3)
    assert set(batch.gap) == set(range(1, stride + 1))


def test_windows_start_evenly_wherever_two_tokens_fit():
    batch, _ = sampled(DataConfig(stride=3, tokens=3), 10_000)
    episode, step = decode(batch.state)
    drawn, count = np.unique(np.stack([episode, step]), axis=1, return_counts=True)
    assert drawn.T.tolist() == [[e, s] for e, n in enumerate(LENGTHS) for s in range(n + 1 - 3)]
    assert abs(count / 1000 - 1).max() < 0.15


def test_goals_lie_ahead_in_the_same_episode():
    batch, _ = sampled(DataConfig(stride=1, tokens=3), 2000, goal_dims=(1,))
    episode, step = decode(batch.state)
    goal = goal_steps(batch)
    left = np.array(LENGTHS)[episode] - step
    assert (goal > step).all() and (goal - step <= np.minimum(left, 3)).all()
    assert {1, 2, 3} == set(goal - step)


@pytest.mark.parametrize("decay", [0.0, 1.0, 6.0])
def test_goal_distances_are_truncated_exponential(decay):
    config = DataConfig(stride=2, tokens=2, goal_horizon=10, goal_decay=decay)
    batch, _ = sampled(config, 200_000, goal_dims=(1,), lengths=(40,))
    _, step = decode(batch.state)
    distance = goal_steps(batch) - step
    for left, longest in ((slice(20, 41), 20), (slice(7, 8), 7)):
        drawn = distance[np.isin(40 - step, np.arange(41)[left])]
        weight = np.exp(-decay * np.arange(1, longest + 1) / 20)
        expected_count = len(drawn) * weight / weight.sum()
        count = np.bincount(drawn, minlength=longest + 1)[1:]
        assert len(count) == longest
        # Chi-squared with `longest` - 1 degrees of freedom: five standard deviations.
        limit = longest - 1 + 5 * np.sqrt(2 * (longest - 1))
        assert ((count - expected_count) ** 2 / expected_count).sum() < limit


def test_a_batch_depends_on_seed_and_step_alone():
    config = DataConfig(tokens=4)
    training_arrays, layout = setup(config, goal_dims=(1,))
    traced = jax.jit(batch_key, static_argnums=0)

    def tokens(key):
        return np.asarray(draw(key, training_arrays, layout, config, 64).tokens)

    first = tokens(batch_key(3, 5))
    np.testing.assert_array_equal(tokens(batch_key(3, 5)), first)
    np.testing.assert_array_equal(tokens(traced(3, 5)), first)
    for other in (batch_key(3, 6), batch_key(4, 5), batch_key(5, 3)):
        assert not np.array_equal(tokens(other), first)


def test_a_stride_longer_than_every_episode():
    with pytest.raises(UserError, match=r"data.stride 10 .*'coded-v0'; valid: 1 to 9"):
        setup(DataConfig(stride=10))
    sampled(DataConfig(stride=9, tokens=2), 4)


def test_normalizers_skip_rows_without_an_action():
    data = coded_episodes([3, 5])
    states, actions = fit_normalizers(data)
    np.testing.assert_allclose(states.mean, data.state.mean(0), rtol=1e-6)
    actions_taken = [0, 1, 2, 100, 101, 102, 103, 104]
    np.testing.assert_allclose(actions.mean, np.mean(actions_taken), rtol=1e-6)
    np.testing.assert_allclose(actions.std, np.std(actions_taken), rtol=1e-6)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_share_of_windows_at_the_start_of_their_episode(fraction):
    config = DataConfig(stride=1, tokens=2, start_fraction=fraction)
    batch, layout = sampled(config, 4000, lengths=(100, 100))
    _, step = decode(layout.states(batch.tokens)[:, 0, 0])
    share = fraction + (1 - fraction) / 100
    assert abs((step == 0).mean() - share) <= 4 * (share * (1 - share) / 4000) ** 0.5


@pytest.mark.parametrize("goal_dims", [(), (1,)], ids=["no-goal", "goal"])
def test_windows_reach_back_before_their_episode(goal_dims):
    config = DataConfig(stride=2, tokens=4, start_fraction=1.0, before_start=2)
    batch, _ = sampled(config, 2000, goal_dims, lengths=(100,))
    first = len(goal_dims)
    _, step = decode(batch.tokens[batch.valid[:, -1], first:])
    if goal_dims:  # from the goal on, tokens repeat it
        step = step[goal_steps(batch) >= 6]
    steps_before = 6 - step[:, -1]
    unclipped = 2 * np.arange(4) - steps_before[:, None]
    np.testing.assert_array_equal(step, np.maximum(unclipped, 0))
    share = np.bincount(steps_before, minlength=5) / len(steps_before)
    assert len(share) == 5 and abs(share - 0.2).max() < 0.08
    valid = batch.valid[:, first:]
    assert valid[:, 2:].all() and (np.diff(valid.astype(int), axis=1) >= 0).all()
    # Windows begin 0 to 4 steps early; from 1 step one token is missing, from 3 steps two are.
    assert abs((~valid).mean(axis=0)[:2] - [0.8, 0.4]).max() < 0.05
    assert (decode(batch.state)[1] == 0).all()  # the transition starts in the episode


def test_a_window_must_keep_a_token_of_its_episode():
    with pytest.raises(UserError, match=r"data.before_start 4 .* of 4; valid: 0 to 3"):
        DataConfig(tokens=4, before_start=4)
