"""No setting takes a value that memory, time or float32 cannot hold; the error names it."""

import dataclasses
import math

import pytest

from dfplan.config import Config, flatten
from dfplan.planner.sampling_config import SamplingConfig
from dfplan.representation.config import DataConfig
from dfplan.types import UserError
from dfplan.value.config import ValueConfig

DEFAULTS = flatten(Config().to_dict())
INTEGERS = [name for name, value in DEFAULTS.items() if type(value) is int]
NUMBERS = [name for name, value in DEFAULTS.items() if type(value) is float]
# Used only with the consistency loss, and checked with it.
TOGETHER = {"training.objective.consistency_steps": {"training.objective.loss": "consistency"}}


def refused(changes) -> str:
    with pytest.raises(UserError) as caught:
        Config().override(changes)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("value", [10**10, 2**63, 10**30, -(10**30)], ids=str)
def test_integers_have_bounds(name, value):
    message = refused({name: value, **TOGETHER.get(name, {})})
    assert name in message and str(value) in message


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [1e10, 1e308, math.inf, math.nan, -1e308], ids=str)
def test_numbers_have_bounds(name, value):
    message = refused({name: value})
    assert name in message and str(value) in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"net.width": 16384, "net.layers": 1000}, ["net.width 16384", "parameters"]),
        ({"planner.history.guidance_weights": [1e30]}, ["guidance_weights", "1e+30"]),
        ({"planner.sensing.observation_noise": [1e300]}, ["observation_noise", "1e+300"]),
        ({"diffusion.schedule": "sigmoid:start=1e5"}, ["100000"]),
        ({"diffusion.schedule": "sigmoid:start=-1e5,end=1e5,tau=1e5"}, []),
        ({"diffusion.schedule": "sigmoid:start=1e5,end=100001"}, ["100001"]),
        ({"diffusion.schedule": "sigmoid:tau=1e-300"}, ["1e-300"]),
        ({"diffusion.schedule": "sigmoid:start=nan"}, ["nan"]),
        ({"diffusion.schedule": "linear_beta:beta_max=inf"}, ["inf"]),
        ({"diffusion.schedule": "linear_beta:beta_max=1e30"}, ["1e+30"]),
        ({"diffusion.schedule": "linear_beta:beta_min=1e-30,beta_max=1e-30"}, ["1e-30"]),
        ({"diffusion.schedule": "cosine:shift=1e300"}, ["1e+300"]),
    ],
    ids=str,
)
def test_combinations_and_schedules(changes, words):
    if not words:  # a wide sigmoid in units of its tau
        assert Config().override(changes)
        return
    message = refused(changes)
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "spec", ["pyramid:slope=1e9", "pyramid:slope=1e308", "trapezoid:slope=inf", "pyramid:slope=nan"]
)
def test_matrix_that_would_not_fit_into_memory(spec):
    with pytest.raises(UserError, match="slope"):
        SamplingConfig(matrix=spec).make_matrix(32)
    with pytest.raises(UserError, match="rows"):
        SamplingConfig(matrix="autoregressive", steps=10_000).make_matrix(10_000)


@pytest.mark.parametrize("value", ["a", None, [1], True, 2.5])
@pytest.mark.parametrize("config", [DataConfig(tokens=8), ValueConfig()], ids=type)
def test_values_of_another_type_in_python(config, value):
    names = [f.name for f in dataclasses.fields(config) if f.type is int]
    for name in names:
        with pytest.raises(UserError, match=name):
            dataclasses.replace(config, **{name: value})
