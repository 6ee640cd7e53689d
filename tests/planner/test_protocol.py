"""Planners, rankers and controllers of other packages that do not fit are refused when made."""

import pytest

from dfplan.control.low_level import LOW_LEVEL_CONTROLLERS, make_low_level_controller
from dfplan.planner.config import PlannerConfig
from dfplan.planner.protocol import check_planner, check_ranker
from dfplan.planner.registry import PLANNERS, RANKERS
from dfplan.types import UserError
from tests.planner.tiny import make_planner


class Planner:
    horizon = 3
    model = None
    config = PlannerConfig()

    def __init__(self, model=None, config=None, horizon=None):
        pass

    def plan(self, call, denoising):
        pass


def test_planners():
    planner = Planner()
    assert check_planner(planner) is planner
    assert check_planner(make_planner())


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"plan": None}, "no method 'plan'"),
        ({"plan": lambda self, weights, keys: None}, "plan takes"),
        ({"plan": lambda self, call: None}, "denoising"),
    ],
)
def test_planners_that_do_not_fit(attributes, words):
    with pytest.raises(UserError) as caught:
        check_planner(type("Mine", (Planner,), attributes)())
    assert words in str(caught.value) and "Mine" in str(caught.value)
    with pytest.raises(UserError, match="no attribute 'config'"):
        check_planner(object())


@pytest.mark.parametrize(
    "choice",
    [lambda model, config: None, lambda: None, lambda model, config, steps, horizon: None],
    ids=["too few", "none", "too many"],
)
def test_factories_of_planners_that_do_not_fit(registered, choice):
    registered(PLANNERS, choice)
    with pytest.raises(UserError, match=r"planner 'mine' .*(horizon|steps)"):
        PLANNERS.make("mine", model=None, config=None, horizon=3)


class Ranker:
    def __init__(self, layout, config):
        pass

    def rank(self, candidates, goal, weights):
        pass


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"rank": None}, "no method 'rank'"),
        ({"rank": lambda self, candidates: None}, "rank takes (candidates)"),
        ({"__init__": lambda self, layout: None}, "unexpected keyword argument 'config'"),
        ({"can_end_early": lambda self, goal: True}, "no method 'is_decided'"),
    ],
)
def test_rankers_that_do_not_fit(registered, attributes, words):
    assert check_ranker(Ranker(None, None))
    registered(RANKERS, type("Mine", (Ranker,), attributes))
    with pytest.raises(UserError) as caught:
        make_planner(ranker="mine")
    assert words in str(caught.value)


def follow(states, actions, elapsed, state, goal):
    return actions[:, 0]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (lambda planner, weights, tracker, xp: None, "NoneType"),
        (lambda planner, weights, tracker, xp: follow, None),
        (lambda planner, weights, tracker, xp: lambda states, state: 0, r"takes \(states, state\)"),
        (lambda planner: None, "too many positional"),
    ],
)
def test_controllers_that_do_not_fit(registered, choice, words):
    registered(LOW_LEVEL_CONTROLLERS, choice)
    planner = make_planner(low_level_controller="mine")
    if words is None:
        assert make_low_level_controller(planner, None, None) is follow  # pyright: ignore
        return
    with pytest.raises(UserError, match=rf"low-level controller 'mine' .*{words}"):
        make_low_level_controller(planner, None, None)  # pyright: ignore
