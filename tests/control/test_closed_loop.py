"""ClosedLoop: the agent's episodes, in one compiled program.

`tests/experiments/test_closed_loop.py` drives a maze with a tracker, one episode after the other.
"""

import functools

import jax
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.closed_loop import ClosedLoop
from dfplan.diffusion.config import DiffusionConfig
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from tests.planner.tiny import planner_config

BATCH = 2
LENGTH = 7
LAYOUT = Layout(2, 2, goal_dims=(0, 1), action_low=(-0.5, -0.5), action_high=(0.5, 0.5))
SEEDS = np.array([3, 8])
STARTS = np.array([[0.0, 0.5], [-1.0, 0.2]], np.float32)
GOALS = np.array([[1.0, 1.0], [-2.0, 0.0]], np.float32)
NET = NetConfig(width=16, layers=1, heads=2, mlp_ratio=2, fourier_octaves=1)


@pytest.fixture(autouse=True)
def rank_promotion_is_an_error():
    """As for users who set `jax_numpy_rank_promotion` to "raise"."""
    with jax.numpy_rank_promotion("raise"):
        yield


def make(**config) -> DiffusionPlanner:
    tokens = TokenLayout.create(LAYOUT, DataConfig(stride=2, actions=True, tokens=6))
    settings = {"sampling.steps": 2, "candidates": 2, "replan_every": 3, **config}
    model = Model(tokens, NET, DiffusionConfig("cosine"))
    return DiffusionPlanner(model, planner_config(**settings), 3)


def random_weights(model: Model) -> Weights:
    rng = np.random.default_rng(0)
    identity = Normalizer(np.zeros(2), np.ones(2))
    shapes = jax.eval_shape(lambda: model.init(0))
    params = jax.tree.map(lambda leaf: rng.normal(0, 0.5, leaf.shape).astype(np.float32), shapes)
    return Weights(params, identity, identity)


def step(state, action):
    return state + 0.1 * action - 0.01 * state


def by_agent(planner, weights, seeds=SEEDS, starts=STARTS, goals=GOALS):
    """Return states and actions of an agent in the same dynamics."""
    agent = Agent(planner, weights, LAYOUT)
    agent.reset(seed=seeds.tolist())
    states = [starts]
    actions = []
    for _ in range(LENGTH):
        actions.append(agent.act(states[-1], goals))
        states.append(np.asarray(step(states[-1], actions[-1]), np.float32))
    return np.stack(states, axis=1), np.stack(actions, axis=1)


def test_it_does_what_the_agent_does():
    planner = make(
        **{"low_level_controller": "diffused", "history.tokens": 3, "history.level": 0.1}
    )
    weights = random_weights(planner.model)
    states, actions = by_agent(planner, weights)
    loop = ClosedLoop(planner, LAYOUT, step)
    driven = loop.drive(weights, SEEDS, STARTS, GOALS, length=LENGTH, apart=False)
    assert driven.states.shape == (BATCH, LENGTH + 1, 2)
    np.testing.assert_allclose(driven.actions, actions, atol=1e-5)
    np.testing.assert_allclose(driven.states, states, atol=1e-5)
    assert np.abs(actions).max() == 0.5 and np.abs(actions[0] - actions[1]).max() > 0.1
    # An equal loop with other seeds and goals is the same program.
    programs = ClosedLoop._compiled._cache_size()
    again = ClosedLoop(planner, LAYOUT, step)
    other = again.drive(weights, SEEDS + 1, STARTS, -GOALS, length=LENGTH, apart=False)
    assert ClosedLoop._compiled._cache_size() == programs
    assert np.abs(other.actions - driven.actions).max() > 0.1


def test_it_starts_warm_as_the_agent_does(monkeypatch):
    # The tolerance is so wide that some plans of random weights arrive, and others do not.
    settings = {
        "low_level_controller": "diffused",
        "goal.tolerance": 1.5,
        "replan_every": 2,
        "history.tokens": 3,
    }
    planner = make(**settings, **{"warm_start.level": 0.6})
    rng = np.random.default_rng(0)
    weights = random_weights(planner.model)
    seeds = np.arange(8)
    starts, goals = rng.normal(0, 1, (2, 8, 2)).astype(np.float32)
    states, actions = by_agent(planner, weights, seeds, starts, goals)
    drive = functools.partial(ClosedLoop.drive, length=LENGTH, apart=False)
    driven = drive(ClosedLoop(planner, LAYOUT, step), weights, seeds, starts, goals)
    from_scratch = ClosedLoop(make(**settings), LAYOUT, step)
    other = drive(from_scratch, weights, seeds, starts, goals)
    np.testing.assert_allclose(driven.actions, actions, atol=1e-5)
    np.testing.assert_allclose(driven.states, states, atol=1e-5)
    same = np.abs(other.actions - driven.actions).max(axis=(1, 2)) < 1e-5
    assert 0 < same.sum() < 8
    monkeypatch.setattr("dfplan.control.replanning.is_usable", lambda plan, *_: np.zeros(8, bool))
    refused = ClosedLoop(make(**settings, **{"warm_start.level": 0.7}), LAYOUT, step)
    driven = drive(refused, weights, seeds, starts, goals)
    np.testing.assert_allclose(driven.actions, other.actions, atol=1e-5)


def test_plans_begin_with_what_is_executed_as_the_agents_do():
    settings = {"low_level_controller": "diffused", "history.tokens": 3}
    planner = make(**settings, **{"timing.inference_delay": 2})
    weights = random_weights(planner.model)
    states, actions = by_agent(planner, weights)
    drive = functools.partial(ClosedLoop.drive, length=LENGTH, apart=False)
    driven = drive(ClosedLoop(planner, LAYOUT, step), weights, SEEDS, STARTS, GOALS)
    np.testing.assert_allclose(driven.actions, actions, atol=1e-5)
    np.testing.assert_allclose(driven.states, states, atol=1e-5)
    free = drive(ClosedLoop(make(**settings), LAYOUT, step), weights, SEEDS, STARTS, GOALS)
    every = planner.config.replan_every
    np.testing.assert_allclose(free.actions[:, :every], actions[:, :every], atol=1e-5)
    assert np.abs(free.actions - actions).max() > 0.1  # it matters later


def test_one_episode_after_the_other_is_the_same():
    planner = make(
        replan_every=2,
        **{"low_level_controller": "diffused", "goal.tolerance": 1.5, "warm_start.level": 0.6},
    )
    weights = random_weights(planner.model)
    closed_loop = ClosedLoop(planner, LAYOUT, step)
    drive = functools.partial(closed_loop.drive, weights, SEEDS, STARTS, GOALS, length=LENGTH)
    apart = drive(apart=True)
    together = drive(apart=False)
    np.testing.assert_allclose(apart.actions, together.actions, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"timing.near_tokens": 1},
        {"timing.deadline_ms": 5.0},
        {"sensing.missing": True},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_only_an_agent_does_is_refused(settings):
    (name,) = settings
    with pytest.raises(
        UserError, match=f"planner.{name} {settings[name]} .*valid .*: (0|-1|False)"
    ):
        ClosedLoop(make(**settings), LAYOUT, step)


def test_a_needed_tracker_is_missing():
    with pytest.raises(UserError, match="'tracker' needs a tracker"):
        ClosedLoop(make(low_level_controller="tracker"), LAYOUT, step)
