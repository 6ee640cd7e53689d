"""The mean of candidates, weighted by their costs, that a ranker may ask for."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dfplan.planner.call import PlanCall
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import Ranking
from dfplan.planner.prefix import Prefix
from dfplan.planner.rankers.arrival import ArrivalRanker
from dfplan.planner.registry import RANKERS
from dfplan.planner.weighted_mean import replace_best, softmin
from dfplan.representation.tokens import TokenLayout

from .tiny import (
    BATCH,
    GOAL,
    STRIDE,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
    row,
)

COUNT = 4
COSTS = (2.0, 0.5, 3.0, 1.0)
TEMPERATURE = 0.5


@dataclasses.dataclass(frozen=True)
class FixedCosts:
    """A ranker with the same costs for all robots."""

    layout: TokenLayout
    config: PlannerConfig
    only: int = -1

    def rank(self, candidates, goal, weights):
        """Return costs that ask for the mean, or for one candidate alone."""
        costs = jnp.array(COSTS) if self.only < 0 else jnp.abs(jnp.arange(COUNT) - self.only)
        cost = jnp.tile(costs.astype(jnp.float32), (len(candidates), 1))
        temperature = jnp.full(len(candidates), TEMPERATURE)
        return Ranking(cost, cost, temperature if self.only < 0 else None)


@pytest.fixture(autouse=True)
def _registered(registered):
    registered(RANKERS, FixedCosts)


def plan(model, only=-1, call=None, **options):
    planner = make_planner(model, ranker=f"mine:only={only}", candidates=COUNT)
    history = make_history(model)
    call = call or PlanCall(make_weights(model), make_keys(), history, GOAL, **options)
    return planner.plan(call)


def weights_of(costs, temperature=TEMPERATURE):
    weight = np.exp(-np.asarray(costs) / temperature)
    return weight / weight.sum()


def test_weights_fall_with_the_cost():
    cost, temperature = jnp.array([COSTS, COSTS]), jnp.array([0.5, 1e-3])
    weight = softmin(cost, temperature)
    np.testing.assert_allclose(weight[0], weights_of(COSTS), rtol=1e-5)
    np.testing.assert_array_equal(weight[1], [0, 1, 0, 0])


@pytest.mark.parametrize(
    ("costs", "weights"),
    [
        ([1.0, np.inf, 1.0], [0.5, 0.0, 0.5]),
        ([np.inf] * 3, [1 / 3] * 3),
        ([3e38, -3e38, 0.0], [0.0, 1.0, 0.0]),
        ([0.0, 1e-7, 2e-7], [1.0, 0.0, 0.0]),
    ],
)
def test_without_a_temperature_the_lowest_costs_share_the_weight(costs, weights):
    np.testing.assert_allclose(softmin(jnp.array([costs]), jnp.zeros(1))[0], weights)


def test_what_candidates_share_stays_exactly_as_it_is():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(BATCH, COUNT, 5, 3)).astype(np.float32)
    rows[:, :, :2] = rows[:, :1, :2]
    weight = np.tile(weights_of(COSTS), (BATCH, 1)).astype(np.float32)
    mean = replace_best(jnp.asarray(rows), jnp.array([1, 3]), jnp.asarray(weight))
    np.testing.assert_array_equal(mean[:, :, :2], rows[:, :, :2])
    for b, best in enumerate((1, 3)):
        expected = np.tensordot(weight[b], rows[b], axes=1)
        np.testing.assert_allclose(mean[b, best], expected, atol=1e-6)
        others = np.arange(COUNT) != best
        np.testing.assert_array_equal(mean[b, others], rows[b, others])


def test_candidates_without_weight_may_diverge():
    rows = jnp.array([[[1.0, jnp.nan], [3.0, jnp.nan], [jnp.nan, 0.0], [jnp.inf, 0.0]]])
    mean = replace_best(rows, jnp.array([1]), jnp.array([[0.25, 0.75, 0.0, 0.0]]))
    np.testing.assert_array_equal(mean[0, 1], [2.5, np.nan])  # NaN where nothing is planned


def test_the_plan_is_the_mean_of_states_and_actions():
    model = make_model(actions=True)
    alone = [plan(model, only=k) for k in range(COUNT)]
    mean = plan(model)
    assert (np.asarray(mean.best) == np.argmin(COSTS)).all()
    for name in ("states", "actions"):
        each = np.stack([getattr(one, name) for one in alone])
        expected = np.tensordot(weights_of(COSTS), each, axes=1)
        np.testing.assert_allclose(getattr(mean, name), expected, atol=1e-4)
        assert np.abs(expected - each[np.argmin(COSTS)]).max() > 1e-2
    np.testing.assert_array_equal(mean.candidates[:, np.argmin(COSTS)], mean.states)


def test_the_weights_include_the_extra_cost():
    model = make_model()
    extra = Partial(lambda states, goal: 0.3 * jnp.abs(states[..., 0]).mean(axis=1))
    alone, mean = plan(model, only=0, extra_cost=extra), plan(model, extra_cost=extra)
    cost = np.asarray(mean.cost)
    assert np.ptp(cost - np.array(COSTS), axis=1).min() > 1e-2
    for b in range(BATCH):
        candidates = np.array(alone.candidates[b])
        expected = np.tensordot(weights_of(cost[b]), candidates, axes=1)
        np.testing.assert_allclose(mean.states[b], expected, atol=1e-4)


def test_a_prefix_stays_exactly_as_it_is():
    model = make_model(actions=True)
    rng = np.random.default_rng(5)
    steps = 2 * STRIDE
    prefix = Prefix(
        rng.normal(size=(BATCH, steps, 4)).astype(np.float32),
        rng.normal(size=(BATCH, steps, 2)).astype(np.float32),
    )
    result = plan(model, prefix=prefix)
    np.testing.assert_array_equal(result.actions[:, :steps], prefix.actions)
    np.testing.assert_array_equal(result.states[:, 1:3], prefix.states[:, STRIDE - 1 :: STRIDE])


def test_a_mean_does_not_depend_on_the_batch():
    model = make_model()
    whole = plan(model)
    for b in range(BATCH):
        keys, history = make_keys(), make_history(model)
        call = PlanCall(make_weights(model), keys[b : b + 1], row(history, b), GOAL[b : b + 1])
        np.testing.assert_allclose(plan(model, call=call).states[0], whole.states[b], atol=1e-4)


class WarmArrival(ArrivalRanker):
    """A ranker that may end the sampling early, and has a temperature."""

    def hold_at_arrival(self, candidates, goal, weights):
        held, ranking = super().hold_at_arrival(candidates, goal, weights)
        return held, ranking._replace(temperature=jnp.ones(len(candidates)))


def test_a_ranker_that_may_end_the_sampling_early_gets_no_mean(registered):
    registered(RANKERS, WarmArrival)
    model = make_model()
    call = PlanCall(make_weights(model), make_keys(), make_history(model), GOAL)
    one = make_planner(model, ranker="arrival").plan(call)
    np.testing.assert_array_equal(make_planner(model, ranker="mine").plan(call).states, one.states)
