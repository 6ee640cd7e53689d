"""History tokens against the windows that training cuts from the same episode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.history_buffer import (
    history_tokens,
    init_history,
    record_action,
    record_state,
    reset_history,
)
from dfplan.data.training_arrays import make_training_arrays
from dfplan.data.trajectories import from_episodes
from dfplan.data.windows import batch_key, sample_batch
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout

STATES = Normalizer.from_dict({"mean": [1.0, 4.0], "std": [2.0, 5.0]})
ACTIONS = Normalizer.from_dict({"mean": [50.0], "std": [100.0]})
LENGTH = 12
TOKENS = 3


def episode():
    """Return an episode whose state is (7, step) and whose action is 100 + step."""
    step = np.arange(LENGTH + 1, dtype=np.float32)
    state = np.stack([np.full_like(step, 7), step], axis=1)
    return state, np.append(100 + step[:-1], 0).astype(np.float32)[:, None]


def drive(layout, buffer, steps, row=0, level=0.25, xp=np):
    """Drive robot `row` through `steps` steps; yield two buffers per step.

    The first ends with the step's observation, the second with the action that follows.
    """
    state, action = episode()
    batch = len(buffer.age)
    for t in range(steps + 1):
        reading = np.full((batch, 2), -1.0, np.float32)
        reading[row] = state[t]
        buffer = record_state(buffer, reading, level, xp)
        observed = buffer
        actions = np.full((batch, 1), -5.0, np.float32)
        actions[row] = action[t]
        buffer = record_action(buffer, actions, xp)
        yield observed, buffer


def token_layout(stride, frames="last", actions=False):
    return TokenLayout.create(Layout(2, 1), DataConfig(stride, frames, actions))


def at_row(tree, row):
    return jax.tree.map(lambda a: a[row : row + 1], tree)


@pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])
@pytest.mark.parametrize(
    ("stride", "frames", "actions"),
    [(1, "last", False), (3, "last", True), (3, "stack", True), (2, "stack", False)],
)
def test_history_tokens_are_those_of_training(stride, frames, actions, xp):
    config = DataConfig(stride, frames, actions, tokens=TOKENS)
    state, action = episode()
    data = from_episodes([state], [action], Layout(2, 1), "coded-v0")
    layout = TokenLayout.create(data.layout, config)
    training_arrays = make_training_arrays(data, config, STATES, ACTIONS)
    batch = jax.jit(sample_batch, static_argnums=(2, 3, 4))(
        batch_key(0, 0), training_arrays, layout, config, 64
    )
    first_steps = np.rint(STATES.decode(batch.state)[:, 1]).astype(int)
    buffers = drive(layout, init_history(layout, TOKENS, 1, xp), LENGTH, xp=xp)
    histories = [history_tokens(layout, TOKENS, observed, xp) for observed, _ in buffers]
    compared = set()
    for window, first in zip(np.asarray(batch.tokens), first_steps, strict=True):
        # At step t the history's tokens stand for t - 2, t - 1 and t strides; the window's last
        # tokens may lie behind the episode's end.
        for last in range(TOKENS):
            t = first + last * stride
            if t > LENGTH or (first, last) in compared:
                continue
            compared.add((first, last))
            history = histories[t]
            tokens = layout.encode(
                STATES.encode(history.frames[0]), ACTIONS.encode(history.actions[0])
            )
            expected = window[: last + 1]
            np.testing.assert_allclose(tokens[TOKENS - 1 - last :], expected, atol=1e-5)
            np.testing.assert_array_equal(history.level[0, TOKENS - 1 - last :], 0.25)
    assert {(0, last) for last in range(TOKENS)} <= compared


def test_tokens_before_the_episode_are_missing():
    layout = token_layout(3)
    buffers = drive(layout, init_history(layout, TOKENS, 1), 7)
    levels = [history_tokens(layout, TOKENS, b).level[0].tolist() for b, _ in buffers]
    assert levels == 3 * [[1, 1, 0.25]] + 3 * [[1, 0.25, 0.25]] + 2 * [[0.25] * 3]


def test_reset_of_some_robots():
    layout = token_layout(2, "stack", actions=True)
    *_, (_, buffer) = drive(layout, init_history(layout, TOKENS, 2), 7, row=1)
    after = reset_history(buffer, np.array([True, False]))
    jax.tree.map(
        np.testing.assert_array_equal,
        history_tokens(layout, TOKENS, at_row(after, 1)),
        history_tokens(layout, TOKENS, at_row(buffer, 1)),
    )
    again = drive(layout, after, 6, row=0)
    alone = drive(layout, init_history(layout, TOKENS, 1), 6)
    for (ours, _), (expected, _) in zip(again, alone, strict=True):
        jax.tree.map(
            np.testing.assert_array_equal,
            at_row(history_tokens(layout, TOKENS, ours), 0),
            history_tokens(layout, TOKENS, expected),
        )


def test_a_token_is_as_noisy_as_the_noisiest_of_its_frames():
    layout = token_layout(2, "stack")
    buffer = init_history(layout, 2, 1)
    levels = []
    for level in (0.1, 0.4, 0.2, 0.3):
        buffer = record_state(buffer, np.zeros((1, 2), np.float32), np.array([level]))
        levels.append(history_tokens(layout, 2, buffer).level[0])
        buffer = record_action(buffer, np.zeros((1, 1), np.float32))
    np.testing.assert_allclose(levels, [[1, 0.1], [1, 0.4], [0.1, 0.4], [0.4, 0.3]])


def test_no_function_changes_its_input():
    layout = token_layout(2, "stack", actions=True)
    *_, (_, buffer) = drive(layout, init_history(layout, TOKENS, 2), 5)
    before = jax.tree.map(np.copy, buffer)
    record_state(buffer, np.ones((2, 2)), 0.5)
    record_action(buffer, np.ones((2, 1)))
    reset_history(buffer, np.array([True, False]))
    jax.tree.map(np.testing.assert_array_equal, buffer, before)
