"""Large offsets: separate goals have the states' offset, and actions with one are refused."""

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.data.minari_io import load_trajectories
from dfplan.types import UserError

from .test_minari_io import ID, box, write

ORIGIN = np.array([500_000.0, 3_900_000.0])
WALKS = np.cumsum(0.13 * np.random.default_rng(0).normal(size=(5, 41, 2)), axis=1)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


@pytest.mark.parametrize("inside", [True, False], ids=["achieved-goal-inside", "appended"])
def test_goals_share_the_origin_of_their_dimensions(inside):
    """A goal that changes by less than float32 resolves still starts a new interval."""
    desired = np.zeros((41, 2))
    desired[10:] = 0.1
    desired[30:] = 0.2
    observations = [
        {
            "observation": np.concatenate([walk + ORIGIN, walk + 1], axis=1)
            if inside
            else walk + 1,
            "achieved_goal": walk + ORIGIN,
            "desired_goal": desired + ORIGIN,
        }
        for walk in WALKS
    ]
    size = 4 if inside else 2
    boxes = {"observation": box(size), "achieved_goal": box(2), "desired_goal": box(2)}
    write(observations, [np.zeros((40, 2), np.float32)] * 5, spaces.Dict(boxes))
    data = load_trajectories(ID)
    dims = (0, 1) if inside else (2, 3)
    assert data.layout.goal_dims == dims and data.layout.append_achieved != inside
    assert [bool(value) for value in data.layout.origin] == [d in dims for d in range(4)]
    assert data.goal_intervals.tolist() == [20] * 5
    first = {key: array[0] for key, array in observations[0].items()}
    np.testing.assert_allclose(data.layout.goal(first), ORIGIN, rtol=0)
    np.testing.assert_allclose(
        data.layout.to_global(data.state)[:41, list(dims)], WALKS[0] + ORIGIN, rtol=0, atol=1e-6
    )


def test_actions_with_a_large_offset_are_refused():
    """Absolute targets, where displacements would keep their digits."""
    targets = [walk[1:] + ORIGIN for walk in WALKS]
    write(list(WALKS), targets, box(2), action_space=box(2))
    with pytest.raises(UserError) as caught:
        load_trajectories(ID)
    assert "action dimension 0" in str(caught.value) and "about 49999" in str(caught.value)
