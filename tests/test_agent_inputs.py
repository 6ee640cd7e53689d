"""What an agent is given and gives back: types of observations, seeds and costs, action spaces.

Planners are in plain NumPy; nothing is compiled.
"""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

from dfplan.agent import Agent
from dfplan.planner.plan import Weights
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.spaces import layout_from_spaces
from dfplan.rollout import rollout
from dfplan.types import UserError
from tests.planner.fake import FakePlanner

LAYOUT = Layout(2, 2, goal_dims=(0, 1))
NAN = float("nan")


def norm(dim):
    return Normalizer(np.zeros(dim, np.float32), np.ones(dim, np.float32))


def make(layout=LAYOUT, **config):
    """Return an agent whose planner proposes random actions, of ten times the normal size."""
    planner = FakePlanner(layout, action_scale=10.0, **config)
    weights = Weights(None, norm(layout.state_dim), norm(layout.action_dim))
    return Agent(planner, weights, layout)  # pyright: ignore


@pytest.mark.parametrize(
    "observation",
    [
        "x",
        ["1.0", "2.0"],
        None,
        [None, 1.0],
        np.array([0.0, 1.0], object),
        [0.0, 1j],
        [True, False],
        np.array(["a", "b"]),
        [2**70, 0],
        {"x": 1.0},
        [[0.0, 1.0], [0.0]],
        object,
        b"01",
        np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"),
    ],
    ids=repr,
)
def test_observations_that_are_no_numbers(observation, recwarn):
    agent = make()
    agent.act([0.5, 1.0])
    state = agent.state.copy()
    for call in (agent.act, agent.predict):
        with pytest.raises(UserError, match=r"observation .*(numbers|array)") as caught:
            call(observation, episode_start=[False])
        assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)
    assert agent.state.tolist() == state.tolist() and not recwarn.list
    with pytest.raises(UserError, match=r"state .*numbers"):
        agent.plan_from(observation)


def test_masked_numbers_are_missing():
    masked = np.ma.masked_array([0.5, 1.0], [True, False])
    with pytest.raises(UserError, match="observation 0 has nan in dimension 0"):
        make().act(masked)


def test_numbers_beyond_float32_are_outliers(recwarn):
    for value in (1e300, -1e39, np.float64(1e308), 10**40 / 3):
        with pytest.raises(UserError, match=r"observation 0 has -?inf in dimension 1"):
            make().act([0.0, value])
    assert not recwarn.list


@pytest.mark.parametrize("seed", ["x", 1.5, 2**70, -1, True, [1, "x"]])
def test_seeds_of_another_type(seed):
    agent = make()
    for call in (
        lambda: agent.reset(seed=seed),
        lambda: make_with_seed(seed),
        lambda: next(rollout(agent, SyncVectorEnv([Point]), seed=seed)),
        lambda: Agent.load("pointmaze-umaze", seed=seed),
    ):
        with pytest.raises(UserError, match=r"seed .*0 to 4294967295"):
            call()


def make_with_seed(seed):
    weights = Weights(None, norm(2), norm(2))
    return Agent(FakePlanner(LAYOUT), weights, LAYOUT, seed=seed)  # pyright: ignore


@pytest.mark.parametrize("planner", [[("candidates", 2)], "candidates=2", 5, True])
def test_planner_settings_that_are_no_mapping(planner):
    with pytest.raises(UserError, match=r"planner settings are .*needed: a mapping"):
        Agent.load("pointmaze-umaze", planner=planner)


@pytest.mark.parametrize("run", [None, 5, ["runs/x"]])
def test_runs_that_are_no_path(run):
    with pytest.raises(UserError, match="needed: a directory or the name of a task"):
        Agent.load(run)


def test_a_cost_of_another_kind_leaves_the_last_one():
    agent = make()
    agent.extra_cost = last = lambda states, goal: states[:, 0, 0]
    for cost in (5, lambda states: states[:, 0, 0]):
        with pytest.raises(UserError, match="the cost"):
            agent.extra_cost = cost
    assert agent.extra_cost.func is last  # pyright: ignore


def test_arrival_needs_a_plan():
    agent = make()
    with pytest.raises(UserError, match="no plan yet"):
        agent.arrives()
    agent.act([0.0, 0.0], goal=[0.0, 1.0])
    assert agent.arrives().shape == (1,)


@pytest.mark.parametrize("batch", [0, 1.5, "1", True])
def test_batch_sizes_to_compile_for(batch):
    with pytest.raises(UserError, match=r"batch must be an integer .*got"):
        make().compile(batch)


def test_a_vector_environment_is_needed():
    for env in (Point(), object()):
        with pytest.raises(UserError, match="autoreset_mode None"):
            next(rollout(make(), env))  # pyright: ignore


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf])
def test_actions_that_are_not_finite_are_never_returned(value):
    agent = make()
    agent.act([0.0, 0.0])
    agent.planner.action_scale = value  # pyright: ignore
    agent.reset()
    with pytest.raises(UserError, match=r"low-level controller 'diffused' returned .*dimension 0"):
        agent.act([0.0, 0.0])
    agent.planner.action_scale = 1.0  # pyright: ignore
    agent.reset()
    assert np.isfinite(agent.act([0.0, 0.0])).all()


class Point(gymnasium.Env):
    """An environment that checks its actions."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)

    def __init__(self, action_space=None):
        self.action_space = action_space or spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2), {}

    def step(self, action):
        # Vector environments pass scalars of NumPy where the space has no axes.
        assert self.action_space.contains(np.asarray(action)), action
        return np.zeros(2), 0.0, False, False, {}


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-3, 3, (2,), np.int64),
        spaces.Box(0, 9, (2, 1), np.uint8),
        spaces.Box(-0.1, 0.1, (2,), np.float64),
        spaces.Box(-0.1, 0.1, (2, 1), np.float16),
        spaces.Box(np.array([-0.1, -np.inf]), np.array([np.inf, 0.1]), dtype=np.float64),
        spaces.Box(-1, 1, (), np.float32),
    ],
    ids=str,
)
def test_actions_are_in_the_environment_s_space(space):
    env = Point(space)
    layout = layout_from_spaces(env.observation_space, space, (0, 1))
    agent = make(layout, replan_every=1)
    observation, _ = env.reset()
    previous = np.zeros(space.shape)
    for _ in range(5):
        action = agent.act(observation)
        # The history holds what was done, not what was planned.
        history = agent.planner.calls[-1].history  # pyright: ignore
        recorded = np.asarray(history.actions)[0, -1, -1]
        np.testing.assert_allclose(recorded, previous.ravel(), rtol=1e-3)
        assert isinstance(action, np.ndarray) and action.dtype == space.dtype
        env.step(action)
        previous = action
    env.step(agent.predict(observation)[0])
    envs = SyncVectorEnv([lambda: Point(space)] * 3)
    steps = rollout(agent, envs, seed=0)
    actions = np.stack([next(steps).action for _ in range(5)])
    assert actions.dtype == space.dtype and all(map(envs.action_space.contains, actions))
