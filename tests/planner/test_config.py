"""PlannerConfig names what is wrong and what would be right."""

import math

import numpy as np
import pytest

from dfplan.diffusion.solvers import DDIM
from dfplan.types import UserError

from .tiny import planner_config

BAD = [
    ("sampling.matrix", "zigzag", "full_sequence, autoregressive, pyramid, trapezoid, custom"),
    ("goal.conditioning", "near", "token, guidance, both, none"),
    ("low_level_controller", "pid", "tracker, inverse, diffused"),
    ("sampling.solver", "euler", "ddim, ancestral, multistep"),
    ("ood_penalty", -1.0, "of at least 0"),
    *(
        ("sensing.observation_noise", x, r"of at least 0, or -1")
        for x in ((-0.5,), (0.1, math.nan), (math.inf,), ("1",))
    ),
    *(("history.guidance_weights", x, "finite numbers") for x in ((math.nan,), ("1",))),
    *(("history.guidance_levels", (x,), r"in \(0, 1\]") for x in (0.0, 1.1, math.nan)),
    ("history.guidance_keep", -1, "integer of at least 0"),
    ("sampling.custom_matrix", (3, 4), "integers from 0 to planner.sampling.steps, 3"),
    ("sampling.custom_matrix", (3, -1), "integers from 0 to planner.sampling.steps, 3"),
    ("sampling.custom_matrix", (3, 2.5), "integers from 0 to planner.sampling.steps, 3"),
    *((name, -1, "integer of at least 0") for name in ("horizon",)),
    *(
        (n, x, "integer of at least 1")
        for n in (
            "candidates",
            "sampling.steps",
            "history.tokens",
            "replan_every",
            "guidance.samples",
        )
        for x in (0, True)
    ),
    (
        "guidance.samples",
        4,
        "conditioning 'token' has none; valid here: 1, or the conditioning guidance or both",
    ),
    *(
        (n, 2.5, "integer")
        for n in ("horizon", "candidates", "sampling.steps", "history.tokens", "replan_every")
    ),
    ("guidance.samples", 2.5, "integer"),
    *((n, -0.1, "of at least 0") for n in ("sampling.slope", "sampling.clip", "guidance.scale")),
    *((n, 0.0, "number above 0") for n in ("sampling.rho", "goal.tolerance")),
    *(
        (n, x, r"number in \[0, 1\]")
        for n in ("history.level", "sampling.eta", "goal.return_quantile")
        for x in (-0.1, 1.1)
    ),
    *(
        (name, x, "a number")
        for name in (
            "sampling.slope",
            "sampling.clip",
            "guidance.scale",
            "sampling.rho",
            "goal.tolerance",
            "sampling.eta",
        )
        for x in (math.nan, math.inf, "1")
    ),
]


@pytest.mark.parametrize(("name", "value", "needed"), BAD)
def test_bad_values_are_named(name, value, needed):
    with pytest.raises(UserError, match=rf"planner\.{name}.*{needed}|planner\.{name} '.*{needed}"):
        planner_config(**{name: value})


def test_the_bounds_themselves_are_good():
    planner_config(
        horizon=0,
        candidates=1,
        replan_every=1,
        **{"sampling.steps": 1, "history.tokens": 1, "sampling.slope": 0, "sampling.clip": 0},
    )
    planner_config(
        **{
            "guidance.scale": 0,
            "history.level": 1.0,
            "sampling.eta": 1,
            "sampling.matrix": "pyramid",
            "goal.conditioning": "both",
        }
    )
    planner_config(**{"guidance.samples": 1, "goal.conditioning": "token"})
    for goal in ("guidance", "both"):
        assert (
            planner_config(**{"guidance.samples": 4, "goal.conditioning": goal}).guidance.samples
            == 4
        )
    planner_config(**{"sensing.observation_noise": (0, 0.5, -1)})
    planner_config(candidates=np.int64(3), **{"sampling.rho": np.float32(2)})  # pyright: ignore


def test_a_config_is_hashable_and_makes_what_it_names():
    config = planner_config(
        **{
            "sampling.matrix": "custom",
            "sampling.custom_matrix": [2, 2, 1, 2, 0, 0],
            "sampling.steps": 2,
        }
    )  # pyright: ignore
    assert hash(config) == hash(
        planner_config(
            **{
                "sampling.matrix": "custom",
                "sampling.custom_matrix": (2, 2, 1, 2, 0, 0),
                "sampling.steps": 2,
            }
        )
    )
    np.testing.assert_array_equal(config.sampling.make_matrix(2), [[2, 2], [1, 2], [0, 0]])
    assert config.sampling.make_solver().clip is None
    solver = planner_config(
        **{"sampling.solver": "ddim", "sampling.eta": 0.5, "sampling.clip": 3.0}
    ).sampling.make_solver()
    assert solver == DDIM(0.5, clip=3.0)
    ramp = planner_config(
        **{"sampling.matrix": "pyramid", "sampling.slope": 2.0, "sampling.steps": 3}
    ).sampling.make_matrix(2)
    np.testing.assert_array_equal(ramp[:, 1], [3, 3, 3, 2, 1, 0])


def test_states_are_filtered_where_something_is_noisy_or_missing():
    filters = [
        planner_config(
            **{"sensing.observation_noise": noise, "sensing.missing": missing}
        ).sensing.filters
        for noise, missing in (((), False), ((0.0, 0.0), False), ((), True), ((0.0, 0.1), False))
    ]
    assert filters == [False, False, True, True]
    assert planner_config(**{"sensing.observation_noise": (-1.0,)}).sensing.filters
