"""User-defined policies: supported signatures, and the errors of those that fail."""

import functools

import numpy as np
import pytest
from gymnasium.spaces import Box

from dfplan.data.policy import make_policy
from dfplan.types import UserError


class Env:
    action_space = Box(-1, 1, (2,), np.float32)


class WithAct:
    def __init__(self, env, seed=0):
        self.bias = (seed, env.action_space.shape[0])

    def act(self, observation):
        return observation + self.bias


def factory(env, *, seed):
    return lambda observation: observation + seed


class Callable:
    def __call__(self, observation):
        return observation * 2


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (WithAct, [0.5, 1]),  # 0.25 - 0.75 + ..., clipped
        (factory, [0.5, 0.25]),
        (Callable(), [0.5, 0]),
        (functools.partial(lambda observation, gain: observation * gain, gain=4), [1, 0]),
        (lambda observation: [9, -9], [1, -1]),
        (np.negative, [-0.25, 0]),
    ],
    ids=["class", "factory", "object", "partial", "bounds", "builtin"],
)
def test_every_signature_gives_actions_of_the_space(policy, expected):
    seed = 0.25
    action = make_policy(policy, Env(), seed)(np.array([0.25, 0.0]))
    assert action.dtype == np.float32 and action.tolist() == expected


def fails_at_creation(env, seed):
    raise KeyError("gain")


def fails_in_act(observation):
    raise RuntimeError("joint 3")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            fails_at_creation,
            ["policy 'fails_at_creation' failed: KeyError", "gain", "test_policy.py:"],
        ),
        (fails_in_act, ["policy 'fails_in_act' failed: RuntimeError: joint 3", "test_policy.py:"]),
        (lambda env, seed: 3, ["a int", "policy(env, seed=...)"]),
        (lambda a, b, c: 0, ["takes (a, b, c)", "policy(observation)"]),
        (lambda observation: None, ["shape ()", "needed: (2,)"]),
        (lambda observation: "left", ["a str"]),
        (lambda observation: [1, 2, 3], ["shape (3,)", "needed: (2,)"]),
        (lambda observation: [np.nan, 0], ["nan", "needed: finite numbers"]),
    ],
)
def test_errors_are_one_line_with_the_reason(policy, words):
    with pytest.raises(UserError) as caught:
        make_policy(policy, Env(), 0)(np.zeros(2))
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message
