"""Origins: positions far from zero keep their small steps, and nothing else changes."""

import numpy as np
import pytest

from dfplan.representation import origin as origins
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

RNG = np.random.default_rng(1)
WALKS = np.cumsum(0.13 * RNG.normal(size=(20, 100, 2)), axis=1)
UTM = np.array([500_000.0, 3_900_000.0])


def choose_origin(states):
    """Return the origin of episodes of 100 rows."""
    return origins.choose_origin(np.concatenate(states), np.arange(0, 2000, 100))


@pytest.mark.parametrize("spread", [0, 10, 3000], ids=["room", "yard", "city"])
def test_utm_positions_get_an_origin_and_keep_their_steps(spread):
    states = list(UTM + spread * RNG.uniform(-1, 1, (20, 1, 2)) + WALKS)
    layout = Layout(2, 2, origin=choose_origin(states))
    assert np.abs(np.array(layout.origin) - UTM).max() < spread + 20
    local = np.stack([layout.to_local(state) for state in states])
    assert local.dtype == np.float32
    np.testing.assert_allclose(np.diff(local, axis=1), np.diff(states, axis=1), atol=5e-4)
    np.testing.assert_allclose(layout.to_global(local), states, rtol=0, atol=5e-4)


@pytest.mark.parametrize(
    "column",
    [
        WALKS[..., 0],
        0.4 + 1e-9 * WALKS[..., 0] + 0.1 * RNG.uniform(-1, 1, (20, 1)),
        0.7 + 1e-5 * RNG.normal(size=(20, 100)),
        1000 + 3e-5 * RNG.normal(size=(20, 100)),
        np.full((20, 100), 3.9e6 + 0.1),
        UTM[1] + np.round(WALKS[..., 0] / 0.25) * 0.25,
    ],
    ids=["maze", "cube-at-rest", "gripper", "sensor", "constant", "float32-grid"],
)
def test_dimensions_that_float32_resolves_and_noise_keep_the_origin_zero(column):
    states = list(np.stack([column, WALKS[..., 1]], axis=-1))
    if np.array_equal(column, column.astype(np.float32)):
        states = [state.astype(np.float32) for state in states]
    assert choose_origin(states) == ()


def test_only_the_dimension_that_needs_it_gets_one():
    states = list(np.concatenate([WALKS, UTM + WALKS], axis=-1))
    assert [bool(value) for value in choose_origin(states)] == [False, False, True, True]


def test_a_layout_without_origin_changes_nothing():
    layout = Layout(2, 2, goal_dims=(1,))
    state = np.float32([[0.1, 0.2]])
    assert layout.to_local(state) is state and layout.to_global(state) is state
    assert layout.state([0.1, 0.2]).dtype == layout.local_state([0.1, 0.2]).dtype == np.float32


def test_goals_and_states_share_the_origin():
    layout = Layout(2, 1, goal_dims=(1,), goal_value=(3_900_000.2,), origin=tuple(UTM))
    observation = UTM + [0.1, -0.3]
    np.testing.assert_array_equal(layout.state(observation), observation)
    np.testing.assert_allclose(layout.local_state(observation), [0.1, -0.3], rtol=1e-6)
    np.testing.assert_allclose(layout.goal(observation), [3_900_000.2], rtol=0)
    np.testing.assert_allclose(layout.local_goal(observation), [0.2], rtol=1e-6)
    assert Layout.from_dict({**layout.__dict__, "origin": list(UTM)}) == layout


@pytest.mark.parametrize("origin", [(1.0,), (1.0, 2.0, 3.0), (np.nan, 0.0)])
def test_an_origin_that_does_not_fit_is_refused(origin):
    with pytest.raises(UserError, match="origin"):
        Layout(2, 1, origin=origin)


def test_a_dimension_with_an_origin_is_never_at_rest_at_zero():
    layout = Layout(2, 1, origin=(0.0, UTM[1]))
    assert TokenLayout.create(layout, DataConfig(rest_dims=(0,))).rest_dims == (0,)
    with pytest.raises(UserError, match="rest_dims 1"):
        TokenLayout.create(layout, DataConfig(rest_dims=(1,)))
