"""Plans rest once they have arrived, unless the ranker lets them go on."""

import numpy as np

from dfplan.planner.call import PlanCall

from .tiny import GOAL, make_history, make_keys, make_planner, make_weights


def test_plans_may_go_on_after_their_arrival():
    plans = {}
    for hold in ("true", "false"):
        planner = make_planner(**{"goal.tolerance": 100.0, "ranker": f"arrival:hold={hold}"})
        weights = make_weights(planner.model)
        plans[hold] = planner.plan(
            PlanCall(weights, make_keys(), make_history(planner.model), GOAL)
        )
    position = np.asarray(plans["true"].states)[:, 2:, :2]
    np.testing.assert_array_equal(position, np.broadcast_to(GOAL[:, None], position.shape))
    assert (np.ptp(np.asarray(plans["false"].states)[:, 1:, :2], axis=1) > 0).all()
    np.testing.assert_array_equal(plans["true"].arrival, plans["false"].arrival)
