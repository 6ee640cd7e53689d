"""The agent: when it plans, what it follows, and what it refuses.

Most tests use a planner in plain NumPy; those that need real plans share two programs.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.config import Config
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.diffusion.config import DiffusionConfig
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from tests.planner.fake import EVERY, HORIZON, STRIDE, FakePlanner
from tests.planner.tiny import change_config, planner_config

BOUNDS = {"action_low": (-1.0, -1.0), "action_high": (1.0, 1.0)}
LAYOUT = Layout(2, 2, goal_dims=(0, 1), dict_observation=True, **BOUNDS)
BOX = Layout(2, 2, goal_dims=(0, 1), **BOUNDS)
NORM = Normalizer(jnp.zeros(2), jnp.ones(2))


def fake(layout=LAYOUT, seed=0, **config):
    planner = FakePlanner(layout, **config)
    return Agent(planner, Weights(None, NORM, NORM), layout, seed=seed), planner  # pyright: ignore


@pytest.fixture
def together(monkeypatch):
    """Plan for all robots in one program, as on an accelerator."""
    monkeypatch.setattr("dfplan.control.batch.runs_apart", lambda: False)


def see(state, goal=(9.0, 9.0)):
    """Return a goal observation, or a batch of them."""
    state = np.asarray(state, np.float64)
    goal = np.broadcast_to(np.asarray(goal, np.float64), state.shape)
    return {"observation": state, "achieved_goal": state, "desired_goal": goal}


@pytest.fixture(scope="module")
def real():
    """Return a planner with inverse dynamics, and random weights."""
    tokens = TokenLayout.create(LAYOUT, DataConfig(stride=STRIDE))
    net = NetConfig(width=16, layers=2, heads=2, mlp_ratio=2, fourier_octaves=2)
    model = Model(tokens, net, DiffusionConfig("cosine"))
    rng = np.random.default_rng(0)

    def draw(leaf):
        x = rng.normal(size=leaf.shape)
        return jnp.asarray(x / leaf.shape[0] ** 0.5 if leaf.ndim == 2 else 1 + 0.3 * x, jnp.float32)

    params = jax.tree.map(draw, jax.eval_shape(lambda: model.init(0)))
    norm = Normalizer(jnp.array([0.1, -0.2]), jnp.array([0.5, 2.0]))
    config = planner_config(
        candidates=2, replan_every=EVERY, **{"sampling.steps": 2, "history.tokens": 2}
    )
    return DiffusionPlanner(model, config, 4), Weights(params, norm, norm)


def drive(agent, state, steps, goal=(1.0, 2.0)):
    """Return the actions of a point that moves by a tenth of them."""
    state = np.array(state, np.float32)
    actions = []
    for _ in range(steps):
        actions.append(agent.act(see(state, goal)))
        state = state + 0.1 * actions[-1]
    return np.stack(actions)


def test_an_environment_is_planned_for_as_if_it_were_alone(real):
    start = np.array([[0.0, 1.0], [-1.0, 0.5]], np.float32)
    together = drive(Agent(*real, LAYOUT, seed=7), start, 2 * EVERY + 1)
    assert together.shape == (2 * EVERY + 1, 2, 2)
    assert (abs(together) <= 1).all() and (abs(together) < 1).any()
    for i in range(2):
        alone = drive(Agent(*real, LAYOUT, seed=7 + i), start[i], 2 * EVERY + 1)
        np.testing.assert_allclose(alone, together[:, i], atol=1e-4)
    again = drive(Agent(*real, LAYOUT, seed=[7, 8]), start, 2 * EVERY + 1)
    np.testing.assert_array_equal(again, together)
    other = drive(Agent(*real, LAYOUT, seed=100), start, 2)
    assert abs(other - together[:2]).max() > 1e-3


def test_a_box_observation_with_a_goal_acts_as_a_dict_does(real):
    agent = Agent(*real, LAYOUT)
    box = Agent(*real, BOX)
    for state in ([0.0, 1.0], [0.1, 1.1]):
        action = box.act(np.array(state), goal=np.array([1.0, 2.0]))
        np.testing.assert_array_equal(action, agent.act(see(state, (1.0, 2.0))))
    assert box.plan is not None and box.plan.states.shape == (1, 5, 2)


def test_it_plans_every_few_steps():
    agent, planner = fake()
    planned = []
    elapsed = []
    for t in range(8):
        agent.act(see([0.0, 0.1 * t]))
        planned.append(len(planner.calls))
        elapsed.append(int(agent.elapsed[0]))
    assert planned == [1, 1, 1, 2, 2, 2, 3, 3]
    assert elapsed == [1, 2, 3, 1, 2, 3, 1, 2]


def test_it_replans_at_once_when_a_goal_moves(together):
    agent, planner = fake()
    goal = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    agent.act(see(np.zeros((3, 2)), goal))
    agent.act(see(np.ones((3, 2)), goal))
    goal[2, 1] += 1e-3
    agent.act(see(2 * np.ones((3, 2)), goal))
    assert planner.rows == [3, 1] and agent.elapsed.tolist() == [3, 3, 1]
    assert agent.plan.states[:, 0].tolist() == [[0, 0], [0, 0], [2, 2]]
    agent.act(see(3 * np.ones((3, 2)), goal))
    assert planner.rows == [3, 1, 2] and agent.elapsed.tolist() == [1, 1, 2]


def test_observations_may_reuse_their_arrays():
    agent, planner = fake()
    observation = {key: np.zeros(2, np.float32) for key in see([0.0, 0.0])}
    agent.act(observation)
    state = agent.state
    for array in observation.values():
        array += 1
    assert state.tolist() == [[0, 0]]
    agent.act(observation)
    assert len(planner.calls) == 2 and agent.state.tolist() == [[1, 1]]


def test_a_goal_that_comes_and_goes_has_moved():
    agent, planner = fake(BOX)
    goal = np.ones(2)
    for present, plans in ((None, 1), (goal, 2), (goal, 2), (None, 3), (None, 3), (goal, 4)):
        agent.act(np.zeros(2), goal=present)
        assert len(planner.calls) == plans
    agent.plan_from(np.zeros(2))
    assert not agent.arrives()[0]


def test_reset_of_some_environments(together):
    agent, planner = fake()
    for t in range(2):
        agent.act(see(np.full((3, 2), float(t))))
    agent.reset(mask=np.array([False, True, False]))
    agent.act(see(np.full((3, 2), 7.0)))
    assert planner.rows == [3, 1] and agent.elapsed.tolist() == [3, 1, 3]
    history = planner.calls[-1].history
    assert history.level.tolist() == [[1, 0]] and (np.asarray(history.frames) == 7).all()
    assert (np.asarray(history.actions) == 0).all()
    assert agent.plan.states[:, 0, 0].tolist() == [0, 7, 0]


def test_a_batch_of_plans_is_padded_to_few_sizes(together):
    agent, planner = fake()
    agent.act(see(np.zeros((7, 2))))
    for count in (3, 5, 6, 7):
        agent.reset(mask=np.arange(7) < count)
        agent.act(see(np.ones((7, 2))))
    assert planner.rows == [7, 4, 7, 7, 7]


def test_seeds_decide_plans():
    def plans(agent, count=2):
        states = []
        for _ in range(count):
            agent.reset()
            agent.act(see(np.zeros((2, 2))))
            states.append(agent.plan.states)
        return np.array(states)

    agent, _ = fake(seed=3)
    first = plans(agent)
    assert not np.array_equal(first[0], first[1])  # the next episode has other plans
    agent.reset(seed=np.int64(3))
    np.testing.assert_array_equal(plans(agent), first)
    agent.reset(seed=[4, 3])
    np.testing.assert_array_equal(plans(agent)[:, ::-1], first)
    # A new seed for one environment leaves the other's plan alone.
    agent.reset(seed=3, mask=np.array([True, False]))
    before = agent.plan.states[1].copy()
    agent.act(see(np.zeros((2, 2))))
    np.testing.assert_array_equal(agent.plan.states[0], first[0, 0])
    np.testing.assert_array_equal(agent.plan.states[1], before)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (see([0.0, 0.0, 0.0], (0, 0, 0)), r"observation has shape \(3,\); needed: \(..., 2\)"),
        (see(np.zeros((1, 1, 2))), r"needed: .* of 2 |goal has shape"),
        ({**see(np.zeros((2, 2))), "desired_goal": np.zeros((3, 2))}, r"goal has shape \(3, 2\)"),
        (see(np.zeros((0, 2))), r"shape \(0, 2\)"),
        (np.zeros(2), "needed: a dict"),
        (
            see([0.0, np.nan]),
            "observation 0 has nan in dimension 1; .*planner.sensing.missing true",
        ),
        (
            see([[0.0, 0.0], [np.inf, 0.0]]),
            "observation 1 has inf in dimension 0; the data has mean 0 ",
        ),
        (see([0.0, 0.0], (np.nan, 0.0)), "goal 0 has nan in dimension 0$"),
        (
            {**see([0.0, 0.0]), "observation": [[0.0, 0.0], [0.0]]},
            "observation is not an array",
        ),
    ],
)
def test_unusable_observations(observation, message):
    agent, _ = fake()
    with pytest.raises(UserError, match=message):
        agent.act(observation)
    agent.act(see(np.zeros((4, 2))))  # the agent is as before


def test_a_batch_that_changes():
    agent, _ = fake()
    agent.act(see(np.zeros((2, 2))))
    with pytest.raises(UserError, match=r"batch of 3 .*one of 2; call reset\(\)"):
        agent.act(see(np.zeros((3, 2))))
    with pytest.raises(UserError, match=r"mask has shape \(3,\); needed: \(2,\)"):
        agent.reset(mask=np.ones(3, bool))
    for name in ("episode_start", "episode_over"):
        with pytest.raises(UserError, match=r"mask has shape \(3,\); needed: \(2,\)"):
            agent.act(see(np.zeros((2, 2))), **{name: [True, False, False]})
    agent.reset()
    assert agent.act(see(np.zeros((3, 2)))).shape == (3, 2)
    agent.reset(seed=[1, 2])
    with pytest.raises(UserError, match=r"2 seeds for a batch of 3 .*needed: 1 or 3"):
        agent.act(see(np.zeros((3, 2))))


def test_goals_that_do_not_fit():
    agent, _ = fake(BOX)
    with pytest.raises(UserError, match=r"goal has shape \(3,\); needed: \(2,\) or \(1, 2\)"):
        agent.act(np.zeros(2), goal=np.zeros(3))
    with pytest.raises(UserError, match="goal is not an array of numbers"):
        agent.act(np.zeros(2), goal=[[1.0, 2.0], [1.0]])
    with pytest.raises(UserError, match=r"states have shape \(1, 3\)"):
        agent.plan_from(np.zeros(3))
    goalless, _ = fake(Layout(2, 2))
    with pytest.raises(UserError, match="trained without goals"):
        goalless.act(np.zeros(2), goal=np.zeros(2))
    assert goalless.act(np.zeros(2)).shape == (2,)


def test_actions_get_their_shape_and_bounds(together):
    layout = Layout(
        2, 2, (0, 1), True, action_shape=(2, 1), action_low=(-0.01, -2.0), action_high=(0.02, 2.0)
    )
    agent, planner = fake(layout)
    single = agent.act(see([0.0, 0.0]))
    assert single.shape == (2, 1) and single.dtype == np.float32
    clipped = np.clip(agent.plan.actions[0, 0], [-0.01, -2.0], [0.02, 2.0])
    np.testing.assert_array_equal(single[:, 0], clipped.astype(np.float32))
    agent.reset()
    actions = np.stack([agent.act(see(np.zeros((3, 2)))) for _ in range(EVERY + 1)])
    assert actions.shape == (EVERY + 1, 3, 2, 1)
    assert actions[:, :, 0].min() >= -0.011 and actions[:, :, 0].max() <= 0.021
    # The history holds what was done, not what was planned.
    recorded = np.asarray(planner.calls[-1].history.actions)[:, -1]
    np.testing.assert_array_equal(recorded.swapaxes(0, 1), actions[1:EVERY, ..., 0])


def test_one_plan_from_a_state_to_a_goal(together):
    agent, planner = fake()
    agent.act(see(np.zeros((2, 2))))
    agent.plan_from(np.array([0.0, 1.0]), np.array([0.0, 4.0]), denoising=True)
    assert agent.plan.states.shape == (1, HORIZON + 1, 2)
    assert agent.plan.states[0, 0].tolist() == [0, 1] and agent.plan.arrival.tolist() == [6]
    assert agent.plan.denoising.shape[:2] == (1, 3) and agent.arrives().tolist() == [True]
    assert planner.calls[-1].history.level.tolist() == [[1, 0]]
    agent.act(see([0.0, 1.0], (5.0, 5.0)))  # continues from that state, to another goal
    assert planner.rows == [2, 1, 1] and agent.plan.denoising is None


def test_the_tracker_of_a_run():
    norm = Normalizer.fit(np.eye(2))
    changes = {"planner.low_level_controller": "tracker", "net.width": 16}
    config = Config().override(changes)

    def run(tracker):
        return Run(Task("e", "d", tracker=tracker), config, LAYOUT, norm, norm, None, "")

    weights = Weights(None, norm, norm)
    assert Agent.from_run(run("numpy:zeros"), weights).plan is None
    with pytest.raises(UserError, match="needs a tracker"):
        Agent.from_run(run(""), weights)
    with pytest.raises(UserError, match="cannot load 'numpy:nothing'"):
        Agent.from_run(run("numpy:nothing"), weights)
    unknown = run("").with_planner({"low_level_controller": "magic"})
    with pytest.raises(UserError, match="'magic'; valid: tracker, inverse, diffused"):
        Agent.from_run(unknown, weights)


def test_predict_resets_where_an_episode_starts():
    one, _ = fake(replan_every=5)
    other, _ = fake(replan_every=5)
    observation = see(np.zeros((3, 2)))
    memory = None
    starts = np.array([[1, 1, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)
    for start in starts:
        action, memory = one.predict(observation, memory, start, deterministic=True)
        other.reset(None if start.all() else start)
        np.testing.assert_array_equal(action, other.act(observation))
        np.testing.assert_array_equal(one.elapsed, other.elapsed)
    assert one.elapsed.tolist() == [4, 2, 4]
    one.predict(observation, memory)
    assert one.elapsed.tolist() == [5, 3, 5]


def test_predict_without_a_state_has_no_memory():
    agent, planner = fake(replan_every=5, **{"history.tokens": 2})
    for t in range(3):
        agent.predict(see([0.0, float(t)]))
        assert len(planner.calls) == t + 1 and agent.elapsed.tolist() == [1]
        assert planner.calls[-1].history.level.tolist() == [[1, 0]]
    agent.predict(see(np.zeros((2, 2))))  # the batch may change as well


def test_masks_replace_resets():
    masked, _ = fake(replan_every=5)
    reset, _ = fake(replan_every=5)
    observation = see(np.zeros((3, 2)))
    for starts in ([0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]):
        reset.reset(np.array(starts, bool))
        action = masked.act(observation, episode_start=starts)
        np.testing.assert_array_equal(action, reset.act(observation))
    single, _ = fake()
    for _ in range(2):
        single.act(see([0.0, 0.0]), episode_start=True)
        assert single.elapsed.tolist() == [1]


def test_nothing_is_planned_for_a_last_observation(together):
    agent, planner = fake()
    is_over = np.array([False, True])
    for _ in range(3):
        agent.act(see(np.zeros((2, 2))))
    goals = np.array([[9.0, 9.0], [8.0, 8.0]])  # not even where the goal has moved
    agent.act(see(np.zeros((2, 2)), goals), episode_over=is_over)
    assert planner.rows == [2, 1] and agent.elapsed.tolist() == [1, -1]
    agent.act(see(np.ones((2, 2)), goals))
    assert planner.rows == [2, 1, 1] and agent.elapsed.tolist() == [2, 1]
    history = planner.calls[-1].history
    assert history.level.tolist() == [[1, 0]] and (np.asarray(history.frames) == 1).all()
    assert agent.plan.states[:, 0].tolist() == [[0, 0], [1, 1]]


def test_no_plan_is_changed_for_an_episode_that_is_over():
    agent, _ = fake()
    agent.act(see(np.zeros((2, 2))))
    states = agent.plan.states.copy()
    for _ in range(2):
        agent.act(see(np.ones((2, 2))), episode_over=[True, True])
    np.testing.assert_array_equal(agent.plan.states, states)


def test_an_episode_that_is_over_before_anything_was_planned():
    agent, planner = fake()
    assert agent.act(see(np.zeros((2, 2))), episode_over=[True, True]).shape == (2, 2)
    assert agent.elapsed.tolist() == [-1, -1] and planner.calls == []


def test_numbers_of_any_type():
    expected = fake(BOX)[0].act(np.array([0.5, 1.0], np.float32), goal=np.array([3.0, 4.0]))
    for state, goal in (([0.5, 1], [3, 4]), (np.array([0.5, 1.0]), (3, 4)), ((0.5, 1.0), [3.0, 4])):
        np.testing.assert_array_equal(fake(BOX)[0].act(state, goal=goal), expected)
    batch = fake(BOX)[0].act([[0.5, 1.0], [0.5, 1.0]], goal=[3, 4])
    np.testing.assert_array_equal(batch[0], expected)
    lists = {k: v.tolist() for k, v in see([0.5, 1.0], (3.0, 4.0)).items()}
    np.testing.assert_array_equal(fake()[0].act(lists), expected)


def filtering(real, **config):
    """Return an agent of the real planner with a resting tracker, and the states that it sees."""
    planner, weights = real
    states_seen = []

    def tracker(states, stride, elapsed, state, goal):
        states_seen.append(state.copy())
        return np.tile(np.array(weights.actions.mean), (len(state), 1))

    config = change_config(planner.config, {"low_level_controller": "tracker", **config})
    planner = dataclasses.replace(planner, config=config)
    far = np.full(2, 99.0)
    dynamics = LinearDynamics(
        weights=np.zeros((2, 5)), covariance=1e-6 * np.eye(2), low=-far, high=far
    )
    agent = Agent(planner, weights, LAYOUT, tracker=tracker, dynamics=dynamics)
    return agent, states_seen


def test_it_acts_on_estimates_where_values_are_missing(real):
    agent, states_seen = filtering(real, **{"sensing.missing": True})
    states = np.array([[0.3, -0.2], [-0.1, 0.4]], np.float32)
    missing = np.full((2, 2), np.nan)
    for t in range(2 * EVERY + 1):
        agent.act(see(states if t == 0 else missing, np.ones((2, 2))))
    np.testing.assert_array_equal(states_seen[0], states)
    np.testing.assert_allclose(states_seen[-1], states, atol=1e-3)
    np.testing.assert_array_equal(agent.state, states_seen[-1])
    assert np.isfinite(agent.plan.states).all()
    for absurd in (np.inf, -3e38, 1e300):
        agent.act(see([[np.nan, 0.0], [0.0, absurd]], np.ones((2, 2))))
        np.testing.assert_allclose(agent.state[:, 1], [0, states[1, 1]], atol=1e-2)


def test_one_plan_may_precede_the_first_step_where_values_are_missing(real):
    agent, states_seen = filtering(real, **{"sensing.missing": True})
    state = np.array([0.3, -0.2], np.float32)
    agent.plan_from(state, np.ones(2))
    for _ in range(2):
        agent.act(see(state, np.ones(2)))
    np.testing.assert_array_equal(states_seen, [[state]] * 2)


def test_declared_noise_is_filtered(real):
    settings = {"sensing.observation_noise": (0.5,), "sensing.missing": False}
    agent, states_seen = filtering(real, **settings)
    state = np.array([0.3, -0.2])
    rng = np.random.default_rng(0)
    readings = state + 0.5 * rng.normal(size=(60, 2))
    for reading in readings:
        agent.act(see(reading, (1.0, 1.0)))
    error = np.abs(np.array(states_seen)[:, 0] - state).mean(axis=-1)
    assert error[-20:].mean() < 0.3 * np.abs(readings - state).mean()
    # The plan begins at the network's estimate of the state, given a reading of known noise.
    first = agent.plan.states[0, 0]
    np.testing.assert_array_equal(first, agent.plan.history[0, -1])
    assert not np.allclose(first, readings[-1 - (60 - 1) % EVERY])


def test_filtering_needs_dynamics_and_one_noise_per_dimension(real):
    with pytest.raises(UserError, match="has 3 numbers; needed: 1 or 2"):
        filtering(real, **{"sensing.observation_noise": (0.1, 0.1, 0.1)})
    planner, weights = real
    config = change_config(planner.config, {"sensing.missing": True})
    with pytest.raises(UserError, match=r"planner\.sensing\.missing need dynamics"):
        Agent(dataclasses.replace(planner, config=config), weights, LAYOUT)
