"""PlannerConfig refuses bad values with the name of the setting and the valid values."""

import math

import numpy as np
import pytest

from dfplan.diffusion.solvers import DDIM, Multistep
from dfplan.types import UserError

from .tiny import planner_config

NOT_NUMBERS = (math.nan, math.inf, "1")
COUNTS = (
    "candidates",
    "replan_every",
    "sampling.steps",
    "history.tokens",
    "guidance.samples",
)
BAD = [
    ("goal.conditioning", "near", "token, guidance, both, none"),
    ("ood_penalty", -1.0, r"number in \[0, "),
    *(
        ("sensing.observation_noise", noise, r"\[0, .*, or -1")
        for noise in ((-0.5,), (0.1, math.nan), (math.inf,), ("1",))
    ),
    *(("history.guidance_weights", weights, "numbers from") for weights in ((math.nan,), ("1",))),
    *(("history.guidance_levels", (level,), r"in \(0, 1\]") for level in (0.0, 1.1, math.nan)),
    ("history.guidance_keep", -1, "integer from 0"),
    *(
        ("sampling.custom_matrix", matrix, "integers from 0 to planner.sampling.steps, 3")
        for matrix in ((3, 4), (3, -1), (3, 2.5))
    ),
    ("horizon", -1, "integer from 0"),
    ("horizon", 2.5, "integer"),
    *((name, count, "integer from 1") for name in COUNTS for count in (0, True, 2.5)),
    ("guidance.samples", 4, "'token' .*valid here: 1, or .*guidance or both"),
    *((name, -0.1, r"number in \[0, ") for name in ("sampling.clip", "guidance.scale")),
    *((name, 0.0, r"number in \(0, ") for name in ("sampling.rho", "goal.tolerance")),
    *(
        (name, share, r"number in \[0, 1\]")
        for name in ("history.level", "goal.return_quantile")
        for share in (-0.1, 1.1)
    ),
    *(
        (name, value, "a number")
        for name in ("sampling.clip", "guidance.scale", "sampling.rho", "goal.tolerance")
        for value in NOT_NUMBERS
    ),
]
BAD_SPECS = [
    ("kind", "tree", "diffusion"),
    ("ranker", "random", "auto, arrival, value"),
    (
        "sampling.matrix",
        "zigzag",
        "full_sequence, autoregressive, pyramid, trapezoid, horizon_aware, custom",
    ),
    ("sampling.matrix", "pyramid:slop=2", "slope"),
    ("sampling.solver", "euler", "ddim, ancestral, multistep, consistency"),
    ("sampling.solver", "ddim:eta=1.1", r"\[0, 1\]"),
    ("sampling.solver", "ancestral:eta=1", "none"),
]


@pytest.mark.parametrize(("name", "value", "valid"), BAD)
def test_a_bad_value_is_refused_by_name(name, value, valid):
    with pytest.raises(UserError, match=rf"planner\.{name}.*{valid}"):
        planner_config(**{name: value})


@pytest.mark.parametrize(("name", "spec", "valid"), BAD_SPECS)
def test_a_bad_spec_is_refused_with_the_valid_choices(name, spec, valid):
    with pytest.raises(UserError, match=rf"planner\.{name}.*: .*{valid}") as error:
        planner_config(**{name: spec})
    assert spec.rpartition("=")[2] in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"horizon": 0, "candidates": 1, "replan_every": 1, "sampling.steps": 1},
        {"history.tokens": 1, "history.level": 1.0, "sampling.clip": 0, "guidance.scale": 0},
        {"sampling.solver": "ddim:eta=1", "sampling.matrix": "pyramid:slope=0"},
        {"guidance.samples": 1, "goal.conditioning": "token"},
        {"guidance.samples": 4, "goal.conditioning": "guidance"},
        {"guidance.samples": 4, "goal.conditioning": "both"},
        {"sensing.observation_noise": (0, 0.5, -1)},
        {"candidates": np.int64(3), "sampling.rho": np.float32(2)},
    ],
)
def test_values_at_their_bounds_are_accepted(settings):
    planner_config(**settings)


def test_a_config_made_of_lists_is_hashable():
    settings = {"sampling.matrix": "custom", "sampling.steps": 2}
    entries = [2, 2, 1, 2, 0, 0]
    from_list = planner_config(**settings, **{"sampling.custom_matrix": entries})
    from_tuple = planner_config(**settings, **{"sampling.custom_matrix": tuple(entries)})
    assert hash(from_list) == hash(from_tuple)
    np.testing.assert_array_equal(from_list.sampling.make_matrix(2), [[2, 2], [1, 2], [0, 0]])


def test_specs_build_the_matrix_and_the_solver():
    pyramid = planner_config(**{"sampling.matrix": "pyramid:slope=2", "sampling.steps": 3})
    matrix = pyramid.sampling.make_matrix(2)
    np.testing.assert_array_equal(matrix[:, 1], [3, 3, 3, 2, 1, 0])
    assert pyramid.sampling.make_solver() == DDIM(eta=1.0)
    clipped = planner_config(
        **{
            "sampling.solver": "multistep",
            "sampling.clip": 3.0,
            "sampling.temperature": 0.5,
        }
    )
    assert clipped.sampling.make_solver() == Multistep(clip=3.0, temperature=0.5)


@pytest.mark.parametrize(
    ("noise", "missing", "filters"),
    [
        ((), False, False),
        ((0.0, 0.0), False, False),
        ((), True, True),
        ((0.0, 0.1), False, True),
        ((-1.0,), False, True),
    ],
)
def test_states_are_filtered_if_something_is_noisy_or_missing(noise, missing, filters):
    settings = {"sensing.observation_noise": noise, "sensing.missing": missing}
    assert planner_config(**settings).sensing.filters == filters
