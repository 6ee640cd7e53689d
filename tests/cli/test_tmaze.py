"""A task that has a controller but no collector of its own."""

from dfplan.data.minari_io import load_trajectories


def test_the_controller_of_the_task_collects(dfplan):
    done = dfplan("collect", "tmaze", "--dataset", "my/t-v0", "--steps", "700")
    assert done.code == 0
    data = load_trajectories("my/t-v0")
    first = data.state[data.start]
    assert set(first[:, 4]) <= {-1.0, 1.0} and len(first) >= 2 and not data.layout.goal_dims
    end = data.state[data.start[0] + data.length[0] - 1]
    assert end[0] * first[0, 4] > 1.5  # In the arm that the cue indicates.


def test_a_policy_overrides_the_controller(dfplan):
    policy = ["--policy", "numpy:zeros_like", "--steps", "50"]
    done = dfplan("collect", "tmaze", "--dataset", "my/still-v0", *policy)
    assert done.code == 2  # Five zeros are not an action.
    assert "zeros_like" in done.err and "(2,)" in done.err
