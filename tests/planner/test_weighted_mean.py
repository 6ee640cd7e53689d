"""The mean of candidates, weighted by their costs, that a ranker may ask for."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.call import PlanCall
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Ranking
from dfplan.planner.registry import RANKERS
from dfplan.representation.tokens import TokenLayout

from .tiny import (
    BATCH,
    CANDIDATES,
    GOAL,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
)

COSTS = 0.5 * np.arange(BATCH * CANDIDATES, 0, -1).reshape(BATCH, CANDIDATES)
TEMPERATURES = np.linspace(0.0, 1.0, BATCH)


@dataclasses.dataclass(frozen=True)
class FixedCosts:
    """A ranker with given costs and temperatures."""

    layout: TokenLayout
    config: PlannerConfig
    warm: bool

    def rank(self, candidates, goal, weights):
        cost = jnp.asarray(COSTS, jnp.float32)
        return Ranking(cost, cost, jnp.asarray(TEMPERATURES, jnp.float32) if self.warm else None)


@pytest.mark.parametrize("actions", [False, True])
def test_a_weighted_mean_takes_the_place_of_the_best_candidate(actions, registered):
    registered(RANKERS, FixedCosts)
    model = make_model(actions=actions)
    call = PlanCall(make_weights(model), make_keys(), make_history(model), GOAL)
    one = make_planner(model, ranker="mine:warm=false").plan(call)
    mean = make_planner(model, ranker="mine:warm=true").plan(call)
    last = CANDIDATES - 1
    assert (np.asarray(one.best) == last).all()
    for name in ("cost", "best", "arrival"):
        np.testing.assert_array_equal(getattr(mean, name), getattr(one, name))
    np.testing.assert_array_equal(mean.candidates[:, :last], one.candidates[:, :last])
    np.testing.assert_array_equal(mean.candidates[:, last], mean.states)
    np.testing.assert_allclose(mean.states[0], one.states[0], atol=1e-6)  # temperature 0
    for b in range(1, BATCH):
        weight = np.exp((COSTS[b, last] - COSTS[b]) / TEMPERATURES[b])
        expected = np.tensordot(weight / weight.sum(), one.candidates[b], axes=1)
        np.testing.assert_allclose(mean.states[b], expected, atol=1e-5)
        if actions:
            assert np.abs(mean.actions[b] - one.actions[b]).max() > 1e-3
