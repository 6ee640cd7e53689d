"""What was observed against what training cuts from the same episode."""

import itertools

import jax
import numpy as np
import pytest

from dfplan.control.history_buffer import HistoryBuffer
from dfplan.data.minari_io import from_episodes
from dfplan.data.windows import batch_key, make_training_arrays, sample_batch
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout

STATES = Normalizer.from_dict({"mean": [1.0, 4.0], "std": [2.0, 5.0]})
ACTIONS = Normalizer.from_dict({"mean": [50.0], "std": [100.0]})
LENGTH, TOKENS = 12, 3


def episode():
    """State (7, step), action 100 + step."""
    step = np.arange(LENGTH + 1, dtype=np.float32)
    state = np.stack([np.full_like(step, 7), step], axis=1)
    return state, np.append(100 + step[:-1], 0).astype(np.float32)[:, None]


def drive(recorder, steps, row=0, batch=1, level=0.25):
    """Robot `row` goes through `steps` steps of the episode; yields the history at each."""
    state, action = episode()
    for t in range(steps + 1):
        seen = np.full((batch, 2), -1.0, np.float32)
        seen[row] = state[t]
        recorder.observe(seen, level)
        yield recorder.history(np.arange(batch))
        done = np.full((batch, 1), -5.0, np.float32)
        done[row] = action[t]
        recorder.acted(done)


@pytest.mark.parametrize(
    ("stride", "frames", "actions"),
    [(1, "last", False), (3, "last", True), (3, "stack", True), (2, "stack", False)],
)
def test_history_tokens_are_those_of_training(stride, frames, actions):
    config = DataConfig(stride, frames, actions, tokens=TOKENS)
    state, action = episode()
    data = from_episodes([state], [action], Layout(2, 1), "coded-v0")
    layout = TokenLayout.create(data.layout, config)
    training_arrays = make_training_arrays(data, config, STATES, ACTIONS)
    batch = jax.jit(sample_batch, static_argnums=(2, 3, 4))(
        batch_key(0, 0), training_arrays, layout, config, 64
    )
    begin = np.rint(STATES.decode(batch.state)[:, 1]).astype(int)
    histories = list(drive(HistoryBuffer(layout, TOKENS, 1), LENGTH))
    compared = set()
    for window, first in zip(np.asarray(batch.tokens), begin, strict=True):
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
            wanted = window[: last + 1]
            np.testing.assert_allclose(tokens[TOKENS - 1 - last :], wanted, atol=1e-5)
            np.testing.assert_array_equal(history.level[0, TOKENS - 1 - last :], 0.25)
    assert {(0, last) for last in range(TOKENS)} <= compared


def test_tokens_from_before_the_episode_are_missing():
    layout = TokenLayout.create(Layout(2, 1), DataConfig(stride=3))
    levels = [h.level[0].tolist() for h in drive(HistoryBuffer(layout, TOKENS, 1), 7)]
    assert levels == 3 * [[1, 1, 0.25]] + 3 * [[1, 0.25, 0.25]] + 2 * [[0.25] * 3]


def test_forgetting_some_robots():
    layout = TokenLayout.create(Layout(2, 1), DataConfig(stride=2, frames="stack", actions=True))
    recorder = HistoryBuffer(layout, TOKENS, 2)
    list(drive(recorder, 7, row=1, batch=2))
    kept = recorder.history(np.array([1]))
    recorder.forget(np.array([True, False]))
    for a, b in zip(recorder.history(np.array([1])), kept, strict=True):
        np.testing.assert_array_equal(a, b)
    fresh = HistoryBuffer(layout, TOKENS, 1)
    for ours, alone in zip(drive(recorder, 6, row=0, batch=2), drive(fresh, 6), strict=True):
        for a, b in zip(ours, alone, strict=True):
            np.testing.assert_array_equal(a[:1], b)
    both = recorder.history(np.array([1, 0, 1]))  # in any order, padded with repeats
    np.testing.assert_array_equal(both.frames[0], both.frames[2])
    np.testing.assert_array_equal(both.frames[1], fresh.history(np.array([0])).frames[0])


def test_a_token_is_as_noisy_as_the_noisiest_of_its_frames():
    layout = TokenLayout.create(Layout(2, 1), DataConfig(stride=2, frames="stack"))
    recorder, levels = HistoryBuffer(layout, 2, 1), []
    for level in (0.1, 0.4, 0.2, 0.3):
        recorder.observe(np.zeros((1, 2), np.float32), np.array([level]))
        levels.append(recorder.history(np.array([0])).level[0])
        recorder.acted(np.zeros((1, 1), np.float32))
    np.testing.assert_allclose(levels, [[1, 0.1], [1, 0.4], [0.1, 0.4], [0.4, 0.3]])


def test_what_is_expected_counts_as_observed():
    layout = TokenLayout.create(Layout(2, 1), DataConfig(3, "stack", actions=True))
    state, action = episode()
    recorder, later = (HistoryBuffer(layout, TOKENS, 2) for _ in range(2))
    before = list(itertools.islice(drive(recorder, LENGTH, row=1, batch=2), 5))[-1]
    for t in range(7):
        later.observe(np.stack([state[t]] * 2), 0.25)
        if t < 6:
            later.acted(np.stack([action[min(t, 3)]] * 2))  # that of step 3 goes on
    row = np.array([1])
    found = recorder.history(row, state[None, 5:7])
    jax.tree.map(np.testing.assert_array_equal, found, later.history(row))
    now = recorder.history(np.arange(2))  # nothing of it is kept
    jax.tree.map(np.testing.assert_array_equal, now, before)
    none = recorder.history(row, np.zeros((1, 0, 2), np.float32))
    jax.tree.map(np.testing.assert_array_equal, none, recorder.history(row))
