"""The drift experiment: the simulator's prediction, the measures, and the training commands."""

import gymnasium as gym
import numpy as np
import pytest

from dfplan.cli.train import parse_training
from dfplan.config import Config
from experiments.drift.data import join_actions
from experiments.drift.measures import (
    Reference,
    energy_distances,
    have_fallen,
    make_reference,
    measure_windows,
    step_errors,
)
from experiments.drift.physics import Physics
from experiments.drift.study import PARADIGMS, ROLLOUTS, WINDOW, env_id
from experiments.drift.train import train_command

STEPS = 40


@pytest.fixture(scope="module", params=["hopper", "walker2d"])
def physics(request):
    return Physics(env_id(request.param))


@pytest.fixture(scope="module")
def tokens(physics):
    """Tokens `[1, L+1, S+A]` of an episode with random actions."""
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, physics.action_dim))
    return join_actions(physics.replay(3, actions), actions)[None]


@pytest.fixture(scope="module")
def reference(physics, tokens):
    is_last = np.arange(STEPS + 1) == STEPS
    return make_reference(tokens[0], is_last, physics)


def test_the_simulators_own_moves_have_no_error(physics, tokens, reference):
    errors = step_errors(tokens, reference, physics)
    assert errors.shape == (1, STEPS) and errors.max() < 1e-4
    other = tokens.copy()
    other[0, 1:, physics.state_dim :] *= -1  # the same states with opposite actions
    assert np.median(step_errors(other, reference, physics)) > reference.tolerance


def test_an_error_is_measured_in_standard_deviations(physics, tokens, reference):
    moved = tokens.copy()
    moved[0, -1, : physics.state_dim] += 0.3 * reference.std
    errors = step_errors(moved, reference, physics)[0]
    assert errors[-1] == pytest.approx(0.3, rel=1e-3) and errors[:-1].max() < 1e-4


def test_a_strange_state_is_neither_plausible_nor_upright(physics, tokens, reference):
    for value in (np.nan, np.inf, 1e9):
        strange = tokens.copy()
        strange[0, 9, 2] = value
        errors = step_errors(strange, reference, physics)[0]
        assert np.isinf(errors[[8, 9]]).all() and errors[:8].max() < 1e-4
        assert have_fallen(strange, reference, physics)[0, 8:].all()


def test_a_robot_stays_fallen(physics, tokens, reference):
    upright = np.repeat(tokens[:, :1], 6, axis=1)
    assert not have_fallen(upright, reference, physics).any()
    tilted = upright.copy()
    tilted[0, 3, 1] = 1.5  # rad
    wide = Reference(reference.mean, np.ones_like(reference.std), reference.states, 0.0)
    assert have_fallen(tilted, wide, physics).tolist() == [[False, False, True, True, True]]


def test_the_replay_equals_gymnasiums_observations():
    env = gym.make("Hopper-v5")
    actions = np.random.default_rng(1).uniform(-1, 1, (20, 3))
    observations = [env.reset(seed=5)[0], *(env.step(action)[0] for action in actions)]
    states = Physics("Hopper-v5").replay(5, actions)
    np.testing.assert_array_equal(np.clip(states[:, 5:], -10, 10), np.stack(observations)[:, 5:])
    np.testing.assert_array_equal(states[:, :5], np.stack(observations)[:, :5])


def test_the_energy_distance_is_zero_for_equal_distributions_and_grows_with_a_shift():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(400, 3))
    states = rng.normal(size=(100, 4, 3))
    distances = [energy_distances(states + shift, reference).mean() for shift in (0, 0.5, 1, 2)]
    assert abs(distances[0]) < 0.01
    assert distances == sorted(distances) and distances[1] > 0.05
    narrow = energy_distances(0.5 * states, reference)
    assert narrow.mean() > 0.05 and narrow.shape == (100,)


def test_the_spread_of_energy_distances_is_that_of_the_estimate():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(300, 2))
    draws = [energy_distances(rng.normal(size=(50, 1, 2)) + 0.5, reference) for _ in range(60)]
    spread = np.std([values.mean() for values in draws])
    predicted = np.mean([values.std() / np.sqrt(50) for values in draws])
    assert predicted == pytest.approx(spread, rel=0.35)


def test_measures_of_true_moves(physics, tokens, reference):
    two = np.concatenate([tokens, tokens])[:, : 2 * WINDOW + 1]
    measured = measure_windows(two, WINDOW, reference, physics)
    assert np.shape(measured["plausible"]) == (2, 2)
    assert np.all(np.array(measured["plausible"]) == 1.0)
    assert np.max(measured["error"]) < 1e-4


def test_a_token_holds_the_action_that_led_to_its_state():
    tokens = join_actions(np.array([[1.0], [2.0], [3.0]]), np.array([[0.1], [0.2]]))
    assert tokens.tolist() == [[1.0, 0.0], [2.0, 0.1], [3.0, 0.2]]


@pytest.mark.parametrize("name", PARADIGMS)
def test_paradigms_differ_only_in_the_noise_levels_they_draw(name):
    command = train_command("hopper", name, 1)
    args, _ = parse_training([*command[1:], "--out", "runs/any"])
    assert args.config == Config().override({**PARADIGMS[name].settings, "training.seed": 1})
    training = args.config.training
    tokens = (2 if training.objective.two_stream else 1) * training.batch_size
    assert (tokens, training.steps, args.config.net.width) == (64, 3_000, 64)
    assert args.dataset == "drift/hopper-0-v0"


@pytest.mark.parametrize("rollout", ROLLOUTS.values(), ids=ROLLOUTS)
def test_rollouts_stay_within_the_training_window(rollout):
    changed = {f"planner.{name}": value for name, value in rollout.planner.items()}
    config = Config().override({**PARADIGMS[rollout.paradigm].settings, **changed})
    assert config.planner.history.tokens + config.planner.horizon <= WINDOW
    assert config.planner.sampling.steps == 1 or rollout.paradigm != "regression"
