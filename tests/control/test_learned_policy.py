"""The controller "policy": which point of the plan it steers for, and what it refuses."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control import learned_policy
from dfplan.control.low_level import make_low_level_controller
from dfplan.control.path import make_spline
from dfplan.planner.plan import Weights
from dfplan.planner.support import DataSupport
from dfplan.policy.policy import Policy, PolicyInputs, init_network
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

STRIDE = 4
LIBRARIES = pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])
STATES = Normalizer(jnp.array([1.0, 0.0, -2.0]), jnp.array([2.0, 1.0, 0.5]))
ACTIONS = Normalizer(jnp.array([0.5, 0.0]), jnp.array([2.0, 1.0]))
PLANS = np.zeros((2, 4, 3), np.float32)
"""Along the first dimension a meter per step for two tokens, then along the third for one."""
PLANS[:, :, 0] = [0, 4, 8, 8]
PLANS[:, 3, 2] = 4.0
PLANS[:, :, 1] = 100.0  # no target dimension


def make(name="policy", timed=False, horizon=6, xp=np, head=0.0, support=None, goal_dims=(0, 2)):
    inputs = PolicyInputs(
        scale=jnp.ones(2), target_dims=(0, 2), state_dims=(1,), horizon=horizon, timed=timed
    )
    network = init_network(jax.random.key(0), 3 + timed, 4, 2)
    network["2/kernel"] += head
    policy = Policy(network, inputs)
    layout = TokenLayout.create(Layout(3, 2, goal_dims), DataConfig(stride=STRIDE))
    planner = SimpleNamespace(
        config=SimpleNamespace(low_level_controller=name), model=SimpleNamespace(layout=layout)
    )
    weights = Weights({}, STATES, ACTIONS, support=support, policy=policy)
    return make_low_level_controller(planner, weights, None, xp)  # pyright: ignore


@pytest.fixture
def aims(monkeypatch):
    """Targets and remaining steps with which policies are called."""
    calls = []

    def record(policy, states, actions, state, target, *, steps):
        calls.append((np.asarray(target), np.asarray(steps)))
        return np.zeros((len(state), 2), np.float32)

    monkeypatch.setattr(learned_policy, "steer", record)
    return calls


def state(*positions):
    return np.array([[x, 5.0, z] for x, z in positions], np.float32)


@LIBRARIES
def test_it_looks_ahead_from_the_nearest_point_of_the_path(aims, xp):
    control = make("policy:lookahead=3", xp=xp)
    # The robot is faster than its plan: after 3 steps, 5 meters along it and beside it.
    action = control(PLANS, None, xp.asarray([3, 6]), state((5, 0.4), (8.2, 1)), None)
    assert action.shape == (2, 2)
    target, steps = aims.pop()
    np.testing.assert_allclose(target, [[8, 0], [8, 4]])
    assert steps.tolist() == [3, 3] and steps.dtype == np.float32
    # Near the end of the plan, its last point is the target.
    control(PLANS, None, xp.asarray([40, 40]), state((8, 3), (8, 9)), None)
    target, steps = aims.pop()
    np.testing.assert_allclose(target, [[8, 4], [8, 4]])
    assert steps.tolist() == [1, 0]


@LIBRARIES
def test_a_timed_policy_keeps_the_clock_of_the_plan(aims, xp):
    control = make(timed=True, xp=xp)
    control(PLANS, None, xp.asarray([3, 4]), state((7, 0), (0, 0)), None)
    control(PLANS, None, xp.asarray([11, 90]), state((7, 0), (0, 0)), None)
    (early, early_steps), (late, late_steps) = aims
    np.testing.assert_allclose(early, [[4, 0], [8, 0]])
    np.testing.assert_allclose(late, [[8, 4], [8, 4]])
    assert early_steps.tolist() == [1, 4] and late_steps.tolist() == [1, 2]


def test_it_follows_the_path_of_its_name(aims):
    control = make("policy:lookahead=2,path=spline")
    control(PLANS, None, np.array([8, 8]), state((8, 0), (8, 0)), None)
    target, _ = aims.pop()
    expected = make_spline(PLANS[..., [0, 2]], STRIDE, np)[:, 10]
    np.testing.assert_allclose(target, expected, atol=1e-6)
    assert np.abs(expected - [8, 2]).max() > 0.1


def test_it_keeps_clear_of_the_edge_of_the_data(aims):
    visited = np.zeros((20, 10), bool)
    visited[:, 2:8] = True
    support = DataSupport(jnp.array([-6.0, -2.0]), jnp.array([1.0, 0.5]), jnp.asarray(visited))
    control = make("policy:lookahead=2,clearance=1", support=support)
    control(PLANS, None, np.array([1, 1]), state((1, 0), (1, 0)), None)
    target, _ = aims.pop()
    # The plan leads along y = 0; the data lie between y = -1 and y = 2.
    np.testing.assert_allclose(target[:, 0], 3, atol=0.1)
    assert (target[:, 1] > 0.05).all()


@pytest.mark.parametrize("clearance", ["-1", "nan", "inf"])
def test_a_clearance_that_is_no_distance(clearance):
    with pytest.raises(UserError, match=rf"clearance {clearance}(\.0)?; valid: 0 for none"):
        make(f"policy:clearance={clearance}")


def test_a_clearance_without_a_data_support():
    with pytest.raises(UserError, match=r"clearance 1.*no data support.*valid here: 0"):
        make("policy:clearance=1")


def test_a_clearance_of_targets_that_are_not_the_goals_dimensions():
    support = DataSupport(jnp.zeros(2), jnp.ones(2), jnp.ones((3, 3), bool))
    with pytest.raises(UserError, match=r"clearance 1.*not those of policy\.target_dims.*here: 0"):
        make("policy:clearance=1", support=support, goal_dims=(2, 0))


def test_an_unknown_path():
    with pytest.raises(UserError, match=r"path 'curve'; valid: lines, spline"):
        make("policy:path=curve")


def test_the_default_lookahead_is_a_token_within_the_horizon():
    assert make().lookahead == 4
    assert make(horizon=1).lookahead == 1


def test_compiled_it_does_the_same():
    elapsed = np.array([3, 6])
    states = state((5, 0.4), (8.2, 1))
    control = make(xp=jnp, head=0.3)
    compiled = jax.jit(
        lambda plans, states: control(plans, None, jnp.asarray(elapsed), states, None)
    )
    action = make(head=0.3)(PLANS, None, elapsed, states, None)
    assert np.abs(action[0] - action[1]).max() > 0.01
    np.testing.assert_allclose(compiled(PLANS, states), action, atol=1e-5)


@pytest.mark.parametrize("lookahead", [-1, 7])
def test_a_lookahead_beyond_the_horizon(lookahead):
    with pytest.raises(UserError, match=rf"lookahead {lookahead}; valid: 1 to 6"):
        make(f"policy:lookahead={lookahead}")


def test_a_run_without_a_policy():
    planner = SimpleNamespace(config=SimpleNamespace(low_level_controller="policy"))
    with pytest.raises(UserError, match=r"'policy'.*valid here: inverse"):
        make_low_level_controller(planner, Weights({}, STATES, ACTIONS), None)  # pyright: ignore


def test_actions_are_in_si_units_and_bounded_far_from_the_data():
    control = make()
    # An untrained network returns zero: the data's mean action.
    action = control(PLANS, None, np.zeros(2, int), state((0, 0), (1e6, 0)), None)
    np.testing.assert_allclose(action, [[0.5, 0.0], [0.5, 0.0]])
