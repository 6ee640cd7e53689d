"""PlannerConfig names what is wrong and what would be right."""

import math

import numpy as np
import pytest

from dfplan.planner.config import PlannerConfig
from dfplan.types import UserError

BAD = [
    ("matrix", "zigzag", "full_sequence, autoregressive, pyramid, trapezoid, custom"),
    ("goal", "near", "token, guidance, both, none"),
    ("action", "pid", "tracker, inverse, diffused"),
    ("solver", "euler", "ddim, ancestral, multistep"),
    ("support", -1.0, "number from 0"),
    *(
        ("observation_noise", x, r"numbers from 0 up, or -1 \(estimated\)")
        for x in ((-0.5,), (0.1, math.nan), (math.inf,), ("1",))
    ),
    *(("history_guidance", x, "finite numbers") for x in ((math.nan,), ("1",))),
    *(("history_guidance_levels", (x,), "above 0, to 1") for x in (0.0, 1.1, math.nan)),
    ("history_guidance_keep", -1, "integer from 0"),
    ("rows", (3, 4), "integers from 0 to planner.steps, 3"),
    ("rows", (3, -1), "integers from 0 to planner.steps, 3"),
    ("rows", (3, 2.5), "integers from 0 to planner.steps, 3"),
    *((name, -1, "integer from 0") for name in ("horizon",)),
    *(
        (n, x, "integer from 1")
        for n in ("candidates", "steps", "history", "replan_every", "guidance_samples")
        for x in (0, True)
    ),
    ("guidance_samples", 4, "goal 'token' has none; valid here: 1, or the goals guidance, both"),
    *((n, 2.5, "integer") for n in ("horizon", "candidates", "steps", "history", "replan_every")),
    ("guidance_samples", 2.5, "integer"),
    *((n, -0.1, "number from 0 up") for n in ("slope", "clip", "guidance_scale")),
    *((n, 0.0, "number above 0") for n in ("rho", "goal_tolerance")),
    *(
        (n, x, r"number in \[0, 1\]")
        for n in ("history_level", "eta", "quantile")
        for x in (-0.1, 1.1)
    ),
    *(
        (name, x, "a number")
        for name in ("slope", "clip", "guidance_scale", "rho", "goal_tolerance", "eta")
        for x in (math.nan, math.inf, "1")
    ),
]


@pytest.mark.parametrize(("name", "value", "needed"), BAD)
def test_bad_values_are_named(name, value, needed):
    with pytest.raises(UserError, match=rf"planner\.{name}.*{needed}|planner\.{name} '.*{needed}"):
        PlannerConfig(**{name: value})


def test_the_bounds_themselves_are_good():
    PlannerConfig(horizon=0, candidates=1, steps=1, history=1, replan_every=1, slope=0, clip=0)
    PlannerConfig(guidance_scale=0, history_level=1.0, eta=1, matrix="pyramid", goal="both")
    PlannerConfig(guidance_samples=1, goal="token")
    for goal in ("guidance", "both"):
        assert PlannerConfig(guidance_samples=4, goal=goal).guidance_samples == 4
    PlannerConfig(observation_noise=(0, 0.5, -1))
    PlannerConfig(candidates=np.int64(3), rho=np.float32(2))  # pyright: ignore


def test_a_config_is_hashable_and_makes_what_it_names():
    config = PlannerConfig(matrix="custom", rows=[2, 2, 1, 2, 0, 0], steps=2)  # pyright: ignore
    assert hash(config) == hash(PlannerConfig(matrix="custom", rows=(2, 2, 1, 2, 0, 0), steps=2))
    np.testing.assert_array_equal(config.make_matrix(2), [[2, 2], [1, 2], [0, 0]])
    assert config.make_solver().clip is None
    solver = PlannerConfig(solver="ddim", eta=0.5, clip=3.0).make_solver()
    assert (solver.kind, solver.eta, solver.clip) == ("ddim", 0.5, 3.0)
    ramp = PlannerConfig(matrix="pyramid", slope=2.0, steps=3).make_matrix(2)
    np.testing.assert_array_equal(ramp[:, 1], [3, 3, 3, 2, 1, 0])


def test_states_are_filtered_where_something_is_noisy_or_missing():
    filters = [
        PlannerConfig(observation_noise=noise, missing=missing).filters
        for noise, missing in (((), False), ((0.0, 0.0), False), ((), True), ((0.0, 0.1), False))
    ]
    assert filters == [False, False, True, True]
    assert PlannerConfig(observation_noise=(-1.0,)).filters
