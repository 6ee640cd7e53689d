"""A cost of plans sees all objects where they are, whatever the network is shown."""

import jax
import numpy as np

from dfplan.planner.subgoals.shown_cost import ShownCost
from tests.play_world import BLOCKS

PRESENT = np.arange(14.0, dtype=np.float32).reshape(2, 7)
GOAL = np.array([[10.0], [20.0]], np.float32)
MEAN = np.full(7, 9.0, np.float32)


@jax.tree_util.Partial
def weighted(states, goal):
    """Return a sum that differs if a value is in another place, or with another goal."""
    return states.sum(axis=1) @ np.arange(1.0, 8, dtype=np.float32) ** 2 + 1000 * goal[:, 0]


def test_objects_that_a_view_moves_or_hides_are_where_they_are():
    views = [BLOCKS.view(change, 7) for change in ([1], [0, 3])]
    states = np.repeat(PRESENT[:, None, None], 3, axis=1).repeat(4, axis=2)
    states[..., 3] += np.array([0.0, 0.5, 1.0])[:, None]  # the second block, in one view alone
    states[1, ..., 3] = PRESENT[1, 3]
    shown = np.stack([view.show(robot, MEAN) for view, robot in zip(views, states, strict=True)])
    assert (shown[0, ..., 3:] == MEAN[3:]).all()
    cost = ShownCost.of(weighted, views, PRESENT, GOAL)
    costs = jax.jit(lambda cost, plans: cost(plans, None))(cost, shown.reshape(6, 4, 7))
    expected = weighted(states.reshape(6, 4, 7), GOAL.repeat(3, axis=0))
    np.testing.assert_allclose(costs, expected, rtol=1e-6)
    assert len(set(np.asarray(costs).tolist())) == 4
