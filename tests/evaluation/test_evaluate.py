"""`evaluate` on an environment in every form that it takes."""

import functools

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.pendulum import PendulumEnv

from dfplan.evaluation.evaluate import evaluate
from dfplan.representation.layout import Layout
from dfplan.types import UserError


class Idle:
    """An agent that lets the pendulum swing."""

    layout = Layout(3, 1)

    def reset(self, mask=None, *, seed=None):
        pass

    def act(self, observation, *, episode_over=None):
        return np.zeros((len(observation), 1), np.float32)


def test_evaluate_takes_an_environment_in_every_form():
    make = functools.partial(gymnasium.make, "Pendulum-v1", max_episode_steps=20)
    kwargs = {"max_episode_steps": 20}
    first, *others = [
        evaluate(Idle(), "Pendulum-v1", episodes=3, env_kwargs=kwargs),
        evaluate(Idle(), make, episodes=3),
        evaluate(Idle(), make(), episodes=3),
        evaluate(Idle(), PendulumEnv, episodes=3, max_steps=20),
        evaluate(Idle(), PendulumEnv(), episodes=3, max_steps=20),
    ]
    for other in others:
        assert other["raw_return"] == pytest.approx(first["raw_return"])
    assert -250 < first["raw_return"]["mean"] < 0 and first["reach_rate"] is None
    other_seed = evaluate(Idle(), make, episodes=3, seed=5)["raw_return"]
    assert other_seed != pytest.approx(first["raw_return"])
    scored = evaluate(Idle(), make, episodes=3, score={"min": 0.0, "max": -1.0})
    mean = first["raw_return"]["mean"]
    assert scored["normalized_score"]["mean"] == pytest.approx(-100 * mean)


def test_what_cannot_be_evaluated():
    with pytest.raises(UserError, match=r"Pendulum.* no time limit.*max_steps"):
        evaluate(Idle(), PendulumEnv())
    with pytest.raises(UserError, match=r"dict.*valid: a Gymnasium id"):
        evaluate(Idle(), {})
