"""Samples over windows that follow each other, with a planner that counts."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.forecast import blocks
from dfplan.forecast.sample import sample_futures
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import History
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from tests.planner.tiny import planner_config

LAYOUT = Layout(2, 1)


@dataclasses.dataclass(frozen=True)
class Counting:
    """The part of a planner that sampling needs; `plan` counts up from the present.

    Candidate n counts in steps of n + 1. Keys and histories of every call are in `calls`.
    """

    config: PlannerConfig
    horizon: int = 3
    data: DataConfig = DataConfig(stride=2)
    calls: list = dataclasses.field(default_factory=list)

    @property
    def model(self):
        return SimpleNamespace(layout=TokenLayout.create(LAYOUT, self.data))

    def plan(self, call):
        _, keys, history, goal, *_ = call
        assert goal is None and len(keys) == len(history.level)
        self.calls.append((jax.random.key_data(keys), jax.tree.map(np.asarray, history)))
        steps = np.arange(self.horizon + 1)[:, None] * np.arange(
            1, self.config.candidates + 1
        ).reshape(-1, 1, 1)
        present = np.asarray(history.frames)[:, -1, -1]
        return SimpleNamespace(candidates=present[:, None, None] + steps)


def history(windows, tokens, level=0.25):
    """The last states of window w are 100 w - 1 and 100 w, the present."""
    frames = 100 * np.arange(windows)[:, None] + np.arange(1 - tokens, 1)
    frames = np.repeat(frames[..., None, None], 2, axis=-1).astype(np.float32)
    actions = jnp.zeros((windows, tokens, 2, 1))
    return History(jnp.asarray(frames), actions, jnp.full((windows, tokens), level))


def test_every_window_is_sampled_whatever_fits_a_program(monkeypatch):
    planner = Counting(planner_config(candidates=4, **{"history.tokens": 2}))
    windows_done = []
    monkeypatch.setattr(blocks, "PROGRAM_SAMPLES", 12)  # three windows of four samples
    samples = sample_futures(planner, None, history(10, 2), seed=0, advance=windows_done.append)
    assert samples.shape == (10, 4, 3, 2) and windows_done == [3, 6, 9, 10]
    np.testing.assert_array_equal(samples[:, 0, 0, 0], 100 * np.arange(10) + 1)
    assert len(planner.calls) == 4


def test_windows_follow_each_other():
    planner = Counting(planner_config(candidates=2, **{"history.tokens": 2, "history.level": 0.1}))
    samples = sample_futures(planner, None, history(3, 2), seed=0, tokens=7)
    assert samples.shape == (3, 2, 7, 2)
    # The first window in a candidate's own steps, the later ones by a single candidate.
    np.testing.assert_array_equal(samples[1, 0, :, 0], 100 + np.arange(1, 8))
    np.testing.assert_array_equal(samples[1, 1, :, 0], 100 + np.array([2, 4, 6, 7, 8, 9, 10]))
    (_, first), *later = planner.calls
    assert (first.level == np.float32(0.25)).all() and len(later) == 2
    for _, window in later:
        assert window.frames.shape == (6, 2, 1, 2) and (window.level == np.float32(0.1)).all()
    np.testing.assert_array_equal(later[0][1].frames[3, :, 0, 0], [104, 106])
    keys = np.concatenate([k for k, _ in later])
    assert len(np.unique(keys, axis=0)) == len(keys)  # no window reuses another's noise


def test_a_history_longer_than_a_window():
    planner = Counting(planner_config(candidates=1, **{"history.tokens": 4}), horizon=1)
    sample_futures(planner, None, history(1, 4), seed=0, tokens=3)
    np.testing.assert_array_equal(planner.calls[-1][1].frames[0, :, 0, 0], [-1, 0, 1, 2])


@pytest.mark.parametrize("data", [{"actions": True}, {"frames": "stack"}])
def test_tokens_of_more_than_a_state_end_with_the_first_window(data):
    planner = Counting(planner_config(**{"history.tokens": 2}), data=DataConfig(stride=2, **data))
    with pytest.raises(UserError, match=r"planner.horizon 3 .*data.actions.*data.frames last"):
        sample_futures(planner, None, history(1, 2), seed=0, tokens=4)
    assert sample_futures(planner, None, history(1, 2), seed=0, tokens=3).shape == (1, 4, 3, 2)


def test_parts_of_states_are_no_forecasts():
    planner = Counting(planner_config(**{"history.tokens": 1}), data=DataConfig(plan_dims=(1,)))
    with pytest.raises(UserError, match=r"plans \[1\] alone; valid: .*data.plan_dims"):
        sample_futures(planner, None, history(1, 1), seed=0)
