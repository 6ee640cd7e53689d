"""Settings are changed by dotted names, validated together, and saved as JSON."""

import dataclasses
import json
import math

import pytest

from dfplan.config import Config, flatten
from dfplan.types import UserError


def test_json_round_trip():
    config = Config().override(
        {"data.rest_dims": [2, 3], "planner.sampling.custom_matrix": [3, 2], "net.width": 64}
    )
    back = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert back == config and hash(back) == hash(config)
    assert back.data.rest_dims == (2, 3)


def test_missing_settings_get_their_defaults():
    assert Config.from_dict({"net": {"width": 64}}) == Config().override({"net.width": 64})
    assert Config.from_dict({"net": {}}) == Config()


def test_override_keeps_other_settings():
    config = Config().override({"training.optimizer.name": "muon", "training.seed": 7})
    optimizer = dataclasses.replace(Config().training.optimizer, name="muon")
    training = dataclasses.replace(Config().training, seed=7, optimizer=optimizer)
    assert config == dataclasses.replace(Config(), training=training)


def test_integers_and_lists_are_converted_to_the_type_of_the_setting():
    config = Config().override(
        {"training.optimizer.clip": 2, "planner.sampling.custom_matrix": [1, 0]}
    )
    assert type(config.training.optimizer.clip) is float
    assert config.planner.sampling.custom_matrix == (1, 0)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("nett.width", "valid: data, net, diffusion, training, planner"),
        ("net.widht", "valid: kind, width, layers"),
        ("training.optimizer.lr", "valid: name, learning_rate"),
    ],
)
def test_unknown_setting(name, valid):
    with pytest.raises(UserError, match=valid) as error:
        Config().override({name: 1})
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", ["net", "net.", "training.optimizer"])
def test_a_section_is_not_one_value(name):
    with pytest.raises(UserError, match=r"is not one value; valid: \w+\.") as error:
        Config().override({name: {"width": 64}})
    assert repr(name) in str(error.value) and "\n" not in str(error.value)


def test_a_value_is_not_a_section():
    with pytest.raises(UserError, match=r"'net.width.x': net.width is one value"):
        Config().override({"net.width.x": 1})


def test_validated_with_all_changes_in_place():
    # Either alone is refused: 12 is not a multiple of 8, nor 128 of 6.
    for change in ({"net.width": 12}, {"net.heads": 3}):
        with pytest.raises(UserError, match=r"net\.width"):
            Config().override(change)
    assert Config().override({"net.width": 12, "net.heads": 3}).net.width == 12
    assert Config().override({"net.heads": 3, "net.width": 12}).net.heads == 3


INVALID = [
    ("data.frames", "first"),
    ("data.goal_decay", math.nan),
    ("data.stride", 0),
    ("data.tokens", 1),
    ("data.tokens", -1),
    ("diffusion.parametrization", "x1"),
    ("diffusion.schedule", "quadratic"),
    ("net.dtype", "float64"),
    ("net.layers", 0),
    ("net.fourier_octaves", -1),
    ("planner.candidates", 0),
    ("planner.sampling.solver", "ddim:eta=1.5"),
    ("planner.guidance.samples", 0),
    ("planner.guidance.samples", 2),  # with planner.goal.conditioning "token"
    ("planner.sampling.matrix", "cube"),
    ("planner.sampling.rho", 0.0),
    ("training.batch_size", 0),
    ("training.ema", -0.1),
    ("training.ema", 1.0),
    ("training.log_every", 0),
    ("diffusion.num_levels", -1),
    ("training.objective.paradigm", "none"),
    ("training.objective.paradigm", "three"),
    ("training.objective.weight", "heavy"),
    ("training.objective.history.clean", 0.9),  # with history.ramp 0.2
    ("training.objective.history.near", -0.1),
    ("training.objective.history.ramp", 1.1),
    ("training.optimizer.clip", -1.0),
    ("training.optimizer.final", 1.5),
    ("training.optimizer.final", -0.5),
    ("training.optimizer.learning_rate", -1.0),
    ("training.optimizer.learning_rate", math.inf),
    ("training.optimizer.learning_rate", math.nan),
    ("training.optimizer.name", "sgd"),
    ("training.optimizer.warmup", -1),
    ("training.optimizer.weight_decay", -1.0),
    ("training.save_every", 0),
    ("training.seed", -1),
    ("training.seed", 2**32),  # the same as 0 to JAX
    ("training.steps", 0),
]


@pytest.mark.parametrize(("name", "value"), INVALID, ids=[f"{n}-{v}" for n, v in INVALID])
def test_value_out_of_range(name, value):
    with pytest.raises(UserError) as error:
        Config().override({name: value})
    message = str(error.value)
    assert name in message and str(value) in message and "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("training.steps", "many", "int"),
        ("training.steps", 2.5, "int"),
        ("training.steps", True, "int"),
        ("training.steps", None, "int"),
        ("training.ema", "0.9", "float"),
        ("training.ema", True, "float"),
        ("data.actions", 1, "bool"),
        ("data.rest_dims", 3, r"tuple\[int, ...\]"),
        ("net.dtype", ["float32"], "str"),
    ],
    ids=str,
)
def test_value_of_another_type(name, value, kind):
    with pytest.raises(UserError, match=f"must be of type {kind}, got") as error:
        Config().override({name: value})
    assert repr(name) in str(error.value)


def test_flatten():
    nested = {"a": 1, "b": {"c": [2], "d": {"e": 3}}, "f": {}}
    assert flatten(nested) == {"a": 1, "b.c": [2], "b.d.e": 3}
